-- add_tickets
INSERT INTO tickets (digest, user_id, content, given_at, expire_at)
SELECT value ->> 'digest', value ->> 'user_id', value ->> 'content', value ->> 'given_at', value ->> 'expire_at'
FROM jsonb_each(:rows);

-- drop_oldest_tickets
DELETE FROM tickets WHERE digest IN (
    SELECT digest FROM (
        SELECT t.digest, row_number() OVER (PARTITION BY t.user_id ORDER BY t.given_at DESC) AS number, keep
        FROM (SELECT value ->> 'user_id' AS user_id, min(value ->> 'keep') AS keep FROM jsonb_each(:rows) GROUP BY 1) u
        CROSS JOIN tickets t WHERE t.user_id = u.user_id
    )
    WHERE number > keep
);

-- take_ticket -> content, expire_at
DELETE FROM tickets WHERE digest = :digest RETURNING content, expire_at;

-- drop_expired_tickets
DELETE FROM tickets WHERE expire_at <= (SELECT max(value ->> 'now') FROM jsonb_each(:rows));

-- take_lease -> expire_at
-- No row: it is another's.
INSERT INTO leases (name, holder, expire_at) VALUES (:name, :holder, :expire_at)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expire_at = excluded.expire_at
WHERE holder = excluded.holder OR expire_at <= :now
RETURNING expire_at;

-- lease -> holder, expire_at
SELECT holder, expire_at FROM leases WHERE name = :name;

-- drop_leases
DELETE FROM leases
WHERE (name, holder) IN (SELECT value ->> 'name', value ->> 'holder' FROM jsonb_each(:rows));

-- drop_expired_leases
DELETE FROM leases WHERE expire_at <= (SELECT max(value ->> 'now') FROM jsonb_each(:rows));

-- revoke_users
INSERT INTO revocations (seq, user_id, issued_before, expire_at)
SELECT value ->> 'seq', value ->> 'user_id', value ->> 'issued_before', value ->> 'expire_at'
FROM jsonb_each(:rows) WHERE true
ON CONFLICT (user_id) DO UPDATE SET
    seq = excluded.seq, issued_before = max(issued_before, excluded.issued_before),
    expire_at = max(expire_at, excluded.expire_at);

-- revoke_tokens
INSERT INTO revocations (seq, jti, expire_at)
SELECT value ->> 'seq', value ->> 'jti', value ->> 'expire_at' FROM jsonb_each(:rows) WHERE true
ON CONFLICT (jti) DO UPDATE SET seq = excluded.seq, expire_at = max(expire_at, excluded.expire_at);

-- drop_expired_revocations
DELETE FROM revocations WHERE expire_at <= (SELECT max(value ->> 'now') FROM jsonb_each(:rows));

-- revocations -> seq, user_id, issued_before, jti
SELECT seq, user_id, issued_before, jti FROM revocations WHERE seq > :after AND expire_at > :now ORDER BY seq;

-- keep_secret -> secret
-- The first one that was kept.
INSERT INTO secrets (name, secret) VALUES (:name, :secret)
ON CONFLICT (name) DO UPDATE SET secret = secret RETURNING secret;

-- api_keys -> digest, name, grants, created_at
SELECT digest, name, grants, created_at FROM api_keys ORDER BY name, created_at;

-- api_keys_of -> digest
SELECT digest FROM api_keys WHERE name = :name;

-- add_api_keys
INSERT INTO api_keys (digest, name, grants, created_at)
SELECT value ->> 'digest', value ->> 'name', value ->> 'grants', value ->> 'created_at' FROM jsonb_each(:rows);

-- drop_api_keys
DELETE FROM api_keys WHERE digest IN (SELECT value ->> 'digest' FROM jsonb_each(:rows));

-- stepwise_write -> kind, argument, after, upto, number
SELECT kind, argument, after, upto, number FROM stepwise_writes WHERE id = :id;

-- begin_stepwise_write -> id
INSERT INTO stepwise_writes (kind, argument, after, upto, number, stepped_at)
VALUES (:kind, :argument, :after, :upto, :number, :now) RETURNING id;

-- drop_done_stepwise_writes
DELETE FROM stepwise_writes WHERE after >= upto AND stepped_at < (SELECT max(value ->> 'before') FROM jsonb_each(:rows));

-- move_stepwise_writes
UPDATE stepwise_writes SET
    after = value ->> 'after', number = value ->> 'number', stepped_at = value ->> 'stepped_at'
FROM jsonb_each(:rows) WHERE stepwise_writes.id = value ->> 'id';

-- abandoned_stepwise_write -> id
SELECT id FROM stepwise_writes WHERE after < upto AND stepped_at < :before ORDER BY id LIMIT 1;
