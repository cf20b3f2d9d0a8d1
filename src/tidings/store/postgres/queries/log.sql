-- span -> epoch, head, floor, now
SELECT epoch, greatest(floor, (SELECT max(seq) FROM events)) AS head, floor,
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now
FROM head;

-- epochs -> name, forked_at
SELECT name, forked_at FROM epochs ORDER BY number;

-- start_log
INSERT INTO head (one, epoch, floor, place) VALUES (1, :epoch::text, 0, '');

-- start_epochs
INSERT INTO epochs (number, name, forked_at) VALUES (1, :epoch::text, 0);

-- add_epochs
INSERT INTO epochs (number, name, forked_at)
SELECT n + (SELECT count(*) FROM epochs), v ->> 'name', (v ->> 'forked_at')::bigint
FROM jsonb_array_elements(:rows::jsonb) WITH ORDINALITY AS r (v, n);

-- move_epoch
UPDATE head SET epoch = (SELECT name FROM epochs ORDER BY number DESC LIMIT 1);

-- move_head
-- The head is that of `events`: nothing is done.

-- move_floor
UPDATE head SET floor = (SELECT max(r.floor) FROM jsonb_to_recordset(:rows::jsonb) AS r (floor bigint));

-- add_events
-- What the events say is not in the JSON, but end to end in :said: each row has the offset (from 1) and the size of its
-- own, in bytes.
INSERT INTO events (seq, topic, type, tags, time, data)
SELECT r.seq, r.topic, r.type, r.tags, :now::bigint, convert_from(substr(:said::bytea, r.start, r.size), 'UTF8')
FROM jsonb_to_recordset(:rows::jsonb) AS r (
    seq bigint, topic text, type text, tags text, start integer, size integer
);

-- tail -> seq, topic, type, tags, data
SELECT seq, topic, type, tags, data FROM events WHERE seq > :after::bigint ORDER BY seq LIMIT :limit::bigint;

-- follow_changes -> seq, topic, followed
-- The last of what somebody followed and left, of which their own topic tells, newest first.
SELECT seq, data::json ->> 'topic' AS topic, type = 'follow.created' AS followed FROM events
WHERE topic = :topic::text AND type IN ('follow.created', 'follow.deleted')
AND seq > :after::bigint AND seq <= :through::bigint
ORDER BY seq DESC LIMIT :limit::bigint;

-- events_in -> seq, topic, type, tags, data
-- The first :limit events in (:after, :through] of these intervals. Their seqs are picked from the index alone.
WITH asked AS (
    SELECT r.topic, r.after, r.through
    FROM jsonb_to_recordset(:intervals::jsonb) AS r (topic text, after bigint, through bigint)
),
found AS (
    SELECT one.seq FROM asked
    CROSS JOIN LATERAL (
        SELECT i.seq FROM events i
        WHERE i.topic = asked.topic AND i.seq > greatest(asked.after, :after::bigint)
        AND i.seq <= least(asked.through, :through::bigint)
        ORDER BY i.seq LIMIT :limit::bigint
    ) one
    ORDER BY one.seq LIMIT :limit::bigint
)
SELECT e.seq, e.topic, e.type, e.tags, e.data FROM found JOIN events e ON e.seq = found.seq ORDER BY e.seq;

-- aged_events -> seq
SELECT max(seq) AS seq FROM events
WHERE seq > :floor::bigint AND seq <= :through::bigint AND time < :before::bigint;

-- log_volume -> users, size
SELECT count(*) FILTER (WHERE type NOT LIKE 'notification.%') AS users, sum(octet_length(data))::bigint AS size
FROM events WHERE seq > :after::bigint AND seq <= :upto::bigint;

-- drop_events
DELETE FROM events WHERE seq <= (SELECT max(r.through) FROM jsonb_to_recordset(:rows::jsonb) AS r (through bigint));

-- keys -> n, fingerprint, status, body
SELECT r.n, k.fingerprint, k.status, k.body
FROM jsonb_to_recordset(:asked::jsonb) AS r (n bigint, scope text, key text, keep bigint)
JOIN idempotency_keys k ON k.scope = r.scope AND k.key = r.key
WHERE k.time >= :now::bigint - r.keep;

-- keep_keys
INSERT INTO idempotency_keys (scope, key, fingerprint, status, body, time)
SELECT r.scope, r.key, r.fingerprint, r.status, r.body, r.time
FROM jsonb_to_recordset(:rows::jsonb) AS r (
    scope text, key text, fingerprint text, status integer, body text, time bigint
)
ON CONFLICT (scope, key) DO UPDATE SET
    fingerprint = excluded.fingerprint, status = excluded.status, body = excluded.body, time = excluded.time;

-- aged_keys -> time
SELECT time FROM idempotency_keys WHERE time < :before::bigint ORDER BY time LIMIT 1;

-- drop_keys
DELETE FROM idempotency_keys WHERE (scope, key) IN (
    SELECT k.scope, k.key
    FROM (
        SELECT max(r.before) AS before, max(r.limit) AS limit
        FROM jsonb_to_recordset(:rows::jsonb) AS r (before bigint, "limit" bigint)
    ) asked
    CROSS JOIN LATERAL (
        SELECT scope, key FROM idempotency_keys WHERE time < asked.before ORDER BY time LIMIT asked.limit
    ) k
);

-- log_reader -> seq
SELECT seq FROM log_readers WHERE name = :name::text;

-- add_log_readers
INSERT INTO log_readers (name, seq)
SELECT r.name, r.seq FROM jsonb_to_recordset(:rows::jsonb) AS r (name text, seq bigint)
ON CONFLICT DO NOTHING;

-- move_log_readers
UPDATE log_readers l SET seq = greatest(l.seq, r.seq)
FROM jsonb_to_recordset(:rows::jsonb) AS r (name text, seq bigint) WHERE l.name = r.name;

-- drop_log_readers
DELETE FROM log_readers WHERE name IN (SELECT r.name FROM jsonb_to_recordset(:rows::jsonb) AS r (name text));

-- slowest_log_reader -> seq
SELECT min(seq) AS seq FROM log_readers;
