-- add_tickets
INSERT INTO tickets (digest, user_id, content, given_at, expire_at)
SELECT r.digest, r.user_id, r.content, r.given_at, r.expire_at
FROM jsonb_to_recordset(:rows::jsonb) AS r (
    digest text, user_id text, content text, given_at bigint, expire_at bigint
);

-- drop_oldest_tickets
DELETE FROM tickets WHERE digest IN (
    SELECT digest FROM (
        SELECT t.digest, row_number() OVER (PARTITION BY t.user_id ORDER BY t.given_at DESC) AS number, u.keep
        FROM (
            SELECT r.user_id, min(r.keep) AS keep
            FROM jsonb_to_recordset(:rows::jsonb) AS r (user_id text, keep bigint) GROUP BY r.user_id
        ) u
        JOIN tickets t ON t.user_id = u.user_id
    ) numbered
    WHERE number > keep
);

-- take_ticket -> content, expire_at
DELETE FROM tickets WHERE digest = :digest::text RETURNING content, expire_at;

-- drop_expired_tickets
DELETE FROM tickets WHERE expire_at <= (SELECT max(r.now) FROM jsonb_to_recordset(:rows::jsonb) AS r (now bigint));

-- take_lease -> expire_at
-- No row: it is another's.
INSERT INTO leases (name, holder, expire_at) VALUES (:name::text, :holder::text, :expire_at::bigint)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expire_at = excluded.expire_at
WHERE leases.holder = excluded.holder OR leases.expire_at <= :now::bigint
RETURNING expire_at;

-- lease -> holder, expire_at
SELECT holder, expire_at FROM leases WHERE name = :name::text;

-- drop_leases
DELETE FROM leases WHERE (name, holder) IN (
    SELECT r.name, r.holder FROM jsonb_to_recordset(:rows::jsonb) AS r (name text, holder text)
);

-- drop_expired_leases
DELETE FROM leases WHERE expire_at <= (SELECT max(r.now) FROM jsonb_to_recordset(:rows::jsonb) AS r (now bigint));

-- revoke_users
-- One row a user: a statement cannot update a row twice.
INSERT INTO revocations (seq, user_id, issued_before, expire_at)
SELECT max(r.seq), r.user_id, max(r.issued_before), max(r.expire_at)
FROM jsonb_to_recordset(:rows::jsonb) AS r (seq bigint, user_id text, issued_before bigint, expire_at bigint)
GROUP BY r.user_id
ON CONFLICT (user_id) DO UPDATE SET
    seq = excluded.seq, issued_before = greatest(revocations.issued_before, excluded.issued_before),
    expire_at = greatest(revocations.expire_at, excluded.expire_at);

-- revoke_tokens
INSERT INTO revocations (seq, jti, expire_at)
SELECT max(r.seq), r.jti, max(r.expire_at)
FROM jsonb_to_recordset(:rows::jsonb) AS r (seq bigint, jti text, expire_at bigint) GROUP BY r.jti
ON CONFLICT (jti) DO UPDATE SET
    seq = excluded.seq, expire_at = greatest(revocations.expire_at, excluded.expire_at);

-- drop_expired_revocations
DELETE FROM revocations
WHERE expire_at <= (SELECT max(r.now) FROM jsonb_to_recordset(:rows::jsonb) AS r (now bigint));

-- revocations -> seq, user_id, issued_before, jti
SELECT seq, user_id, issued_before, jti FROM revocations
WHERE seq > :after::bigint AND expire_at > :now::bigint ORDER BY seq;

-- keep_secret -> secret
-- The first one that was kept.
INSERT INTO secrets (name, secret) VALUES (:name::text, :secret::text)
ON CONFLICT (name) DO UPDATE SET secret = secrets.secret RETURNING secret;

-- api_keys -> digest, name, grants, created_at
SELECT digest, name, grants, created_at FROM api_keys ORDER BY name, created_at;

-- api_keys_of -> digest
SELECT digest FROM api_keys WHERE name = :name::text;

-- add_api_keys
INSERT INTO api_keys (digest, name, grants, created_at)
SELECT r.digest, r.name, r.grants, r.created_at
FROM jsonb_to_recordset(:rows::jsonb) AS r (digest text, name text, grants text, created_at bigint);

-- drop_api_keys
DELETE FROM api_keys WHERE digest IN (SELECT r.digest FROM jsonb_to_recordset(:rows::jsonb) AS r (digest text));

-- stepwise_write -> kind, argument, after, upto, number
SELECT kind, argument, after, upto, number FROM stepwise_writes WHERE id = :id::bigint;

-- begin_stepwise_write -> id
INSERT INTO stepwise_writes (kind, argument, after, upto, number, stepped_at)
VALUES (:kind::text, :argument::text, :after::bigint, :upto::bigint, :number::bigint, :now::bigint) RETURNING id;

-- drop_done_stepwise_writes
DELETE FROM stepwise_writes WHERE after >= upto AND stepped_at < (SELECT max(r.before) FROM jsonb_to_recordset(:rows::jsonb) AS r (before bigint));

-- move_stepwise_writes
UPDATE stepwise_writes s SET after = r.after, number = r.number, stepped_at = r.stepped_at
FROM jsonb_to_recordset(:rows::jsonb) AS r (id bigint, after bigint, number bigint, stepped_at bigint)
WHERE s.id = r.id;

-- abandoned_stepwise_write -> id
SELECT id FROM stepwise_writes
WHERE after < upto AND stepped_at < :before::bigint ORDER BY id LIMIT 1;
