-- LIMIT :limit + 0, = +:user: where a bare parameter is a limit, or stands in a query with an ORDER BY, SQLite compiles
-- the query again each time that it is bound (0.3 ms for `counts`). A test finds those.

-- span
SELECT epoch, seq, floor FROM head;

-- floor
SELECT floor FROM head;

-- start_log
INSERT INTO head (one, epoch, seq, floor) VALUES (1, :epoch, 0, 0);

-- move_head
UPDATE head SET seq = :seq;

-- move_floor
UPDATE head SET floor = :floor;

-- add_events
-- jsonb_each: json_each would parse each row's text again for each column. What the events say is not in the JSON, but
-- end to end in :said: each row has the place (from 1) and the size of its own, in bytes.
INSERT INTO events (seq, topic, type, tags, time, data)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, :now, CAST(substr(:said, value ->> 4, value ->> 5) AS TEXT)
FROM jsonb_each(:rows);

-- tail
SELECT seq, topic, type, tags, data FROM events WHERE seq > :after ORDER BY seq LIMIT :limit + 0;

-- changes_of
-- The last of what somebody followed (1) and left (0), of which their own topic tells, newest first: 4 ms a thousand.
SELECT seq, data ->> 'topic', type = 'follow.created' FROM events
WHERE topic = +:topic AND type IN ('follow.created', 'follow.deleted') AND seq > :after AND seq <= :upto
ORDER BY seq DESC LIMIT :limit + 0;

-- events_of
-- The first :limit events of these spans come from the :limit spans whose next event is oldest.
WITH asked AS (SELECT value ->> 0 AS topic, value ->> 1 AS after, value ->> 2 AS upto FROM jsonb_each(:spans)),
next AS (
    SELECT topic, after, upto,
        (SELECT min(e.seq) FROM events e WHERE e.topic = asked.topic AND e.seq > asked.after) AS seq
    FROM asked
),
first AS (SELECT topic, after, upto FROM next WHERE seq <= upto ORDER BY seq LIMIT :limit + 0)
SELECT e.seq, e.topic, e.type, e.tags, e.data
FROM first CROSS JOIN events e
WHERE e.seq IN (
    SELECT i.seq FROM events i
    WHERE i.topic = first.topic AND i.seq > first.after AND i.seq <= first.upto ORDER BY i.seq LIMIT :limit + 0
)
ORDER BY e.seq LIMIT :limit + 0;

-- aged_events
SELECT max(seq) FROM events WHERE seq > :floor AND seq <= :upto AND time < :before;

-- drop_events
DELETE FROM events WHERE seq <= :upto;

-- key
SELECT fingerprint, status, body FROM keys WHERE scope = :scope AND key = :key AND time >= :from;

-- keep_key
INSERT OR REPLACE INTO keys (scope, key, fingerprint, status, body, time)
VALUES (:scope, :key, :fingerprint, :status, :body, :now);

-- drop_keys
DELETE FROM keys WHERE time < :before;
