-- LIMIT :limit + 0, = +:topic: where a bare parameter is a limit, or stands in a query with an ORDER BY, SQLite
-- compiles the query again each time that it is bound (0.3 ms for `counts`). A test finds those.

-- span -> epoch, head, floor, now
SELECT epoch, seq AS head, floor, CAST(round(unixepoch('subsec') * 1000) AS INTEGER) AS now FROM head;

-- epochs -> name, forked_at
SELECT name, forked_at FROM epochs ORDER BY number;

-- start_log
INSERT INTO head (one, epoch, seq, floor) VALUES (1, :epoch, 0, 0);

-- start_epochs
INSERT INTO epochs (number, name, forked_at) VALUES (1, :epoch, 0);

-- add_epochs
INSERT INTO epochs (number, name, forked_at)
SELECT key + 1 + (SELECT count(*) FROM epochs), value ->> 'name', value ->> 'forked_at' FROM jsonb_each(:rows);

-- move_epoch
UPDATE head SET epoch = (SELECT name FROM epochs ORDER BY number DESC LIMIT 1);

-- move_head
UPDATE head SET seq = :seq;

-- move_floor
UPDATE head SET floor = (SELECT max(value ->> 'floor') FROM jsonb_each(:rows));

-- add_events
-- jsonb_each: json_each would parse each row's text again for each column. The events' data is not in the JSON, but
-- end to end in :said: each row has the start (from 1) and the size of its own, in bytes.
INSERT INTO events (seq, topic, type, tags, time, data)
SELECT value ->> 'seq', value ->> 'topic', value ->> 'type', value ->> 'tags', :now,
    CAST(substr(:said, value ->> 'start', value ->> 'size') AS TEXT)
FROM jsonb_each(:rows);

-- tail -> seq, topic, type, tags, data
SELECT seq, topic, type, tags, data FROM events WHERE seq > :after ORDER BY seq LIMIT :limit + 0;

-- follow_changes -> seq, topic, followed
-- The last of what somebody followed (1) and left (0), of which their own topic tells, newest first: 4 ms a thousand.
SELECT seq, data ->> 'topic' AS topic, type = 'follow.created' AS followed FROM events
WHERE topic = +:topic AND type IN ('follow.created', 'follow.deleted') AND seq > :after AND seq <= :through
ORDER BY seq DESC LIMIT :limit + 0;

-- events_in -> seq, topic, type, tags, data
-- The first :limit events in (:after, :through] of these intervals. Their seqs are picked from the index alone.
WITH asked AS (
    SELECT value ->> 'topic' AS topic, value ->> 'after' AS after, value ->> 'through' AS through FROM jsonb_each(:intervals)
)
SELECT e.seq, e.topic, e.type, e.tags, e.data FROM events e
WHERE e.seq IN (
    SELECT i.seq FROM asked CROSS JOIN events i INDEXED BY events_by_topic
    WHERE i.topic = asked.topic AND i.seq > max(asked.after, :after) AND i.seq <= min(asked.through, :through)
    ORDER BY i.seq LIMIT :limit + 0
)
ORDER BY e.seq;

-- aged_events -> seq
SELECT max(seq) AS seq FROM events WHERE seq > :floor AND seq <= :through AND time < :before;

-- log_volume -> users, size
SELECT sum(type NOT GLOB 'notification.*') AS users, sum(octet_length(data)) AS size FROM events
WHERE seq > :after AND seq <= :upto;

-- drop_events
DELETE FROM events WHERE seq <= (SELECT max(value ->> 'through') FROM jsonb_each(:rows));

-- keys -> n, fingerprint, status, body
SELECT value ->> 'n' AS n, k.fingerprint, k.status, k.body
FROM json_each(:asked) CROSS JOIN idempotency_keys k
WHERE k.scope = value ->> 'scope' AND k.key = value ->> 'key' AND k.time >= :now - (value ->> 'keep');

-- keep_keys
INSERT OR REPLACE INTO idempotency_keys (scope, key, fingerprint, status, body, time)
SELECT value ->> 'scope', value ->> 'key', value ->> 'fingerprint', value ->> 'status', value ->> 'body',
    value ->> 'time'
FROM jsonb_each(:rows);

-- aged_keys -> time
SELECT time FROM idempotency_keys WHERE time < :before ORDER BY time LIMIT 1;

-- drop_keys
DELETE FROM idempotency_keys WHERE (scope, key) IN (
    SELECT scope, key FROM idempotency_keys
    WHERE time < (SELECT max(value ->> 'before') FROM jsonb_each(:rows))
    ORDER BY time LIMIT (SELECT coalesce(max(value ->> 'limit'), 0) FROM jsonb_each(:rows))
);

-- log_reader -> seq
SELECT seq FROM log_readers WHERE name = :name;

-- add_log_readers
INSERT OR IGNORE INTO log_readers (name, seq) SELECT value ->> 'name', value ->> 'seq' FROM jsonb_each(:rows);

-- move_log_readers
UPDATE log_readers SET seq = max(seq, value ->> 'seq') FROM jsonb_each(:rows) WHERE name = value ->> 'name';

-- drop_log_readers
DELETE FROM log_readers WHERE name IN (SELECT value ->> 'name' FROM jsonb_each(:rows));

-- slowest_log_reader -> seq
SELECT min(seq) AS seq FROM log_readers;
