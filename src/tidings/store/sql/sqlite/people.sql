-- LIMIT :limit + 0, = +:user: where a bare parameter is a limit, or stands in a query with an ORDER BY, SQLite compiles
-- the query again each time that it is bound (0.3 ms for `counts`). A test finds those.

-- person
SELECT arrival, read, seen, read_steps, seen_steps FROM people WHERE user = :user;

-- arrive
INSERT OR IGNORE INTO people (user, arrival, read, seen, read_steps, seen_steps)
SELECT value, :seq, 0, 0, '[]', '[]' FROM json_each(:users);

-- move_read
UPDATE people SET read = :seq, read_steps = :steps WHERE user = :user AND read < :seq;

-- move_seen
UPDATE people SET seen = :seq, seen_steps = :steps WHERE user = :user AND seen < :seq;

-- drop_read_marks
-- What a watermark passes is no exception any more: a mark that says nothing else goes, one of an archived item stays.
DELETE FROM marks
WHERE user = :user AND place <= :seq AND (read IS NOT NULL OR seen IS NOT NULL) AND coalesce(archived, 0) = 0;

-- void_read_marks
UPDATE marks SET read = NULL, seen = NULL
WHERE user = :user AND place <= :seq AND (read IS NOT NULL OR seen IS NOT NULL);

-- drop_seen_marks
DELETE FROM marks
WHERE user = :user AND place <= :seq AND seen IS NOT NULL AND read IS NULL AND coalesce(archived, 0) = 0;

-- void_seen_marks
UPDATE marks SET seen = NULL WHERE user = :user AND place <= :seq AND seen IS NOT NULL;

-- marks_of
SELECT nid, place, read, seen, archived FROM marks
WHERE user = :user AND nid IN (SELECT value FROM json_each(:nids));

-- mark
INSERT INTO marks (user, nid, place, read, seen, archived) VALUES (:user, :nid, :place, :read, :seen, :archived)
ON CONFLICT (user, nid) DO UPDATE SET
    read = coalesce(excluded.read, iif(place = excluded.place, read, NULL)),
    seen = coalesce(excluded.seen, iif(place = excluded.place, seen, NULL)),
    archived = coalesce(excluded.archived, iif(place = excluded.place, archived, NULL)),
    place = excluded.place;

-- drop_marks
DELETE FROM marks WHERE nid IN (SELECT value FROM json_each(:nids));

-- mine
SELECT n.nid, n.origin, n.topic, n.place FROM notifications n
WHERE n.nid IN (
    SELECT value FROM json_each(:origins)
    UNION
    SELECT i.nid FROM notifications i WHERE i.origin <> i.nid AND i.origin IN (SELECT value FROM json_each(:origins))
)
AND n.origin IN (SELECT value FROM json_each(:origins))
AND (
    n.topic = :own OR n.topic = 'all'
    OR EXISTS (SELECT 1 FROM follows f WHERE f.user = :user AND f.topic = n.topic AND f.since < n.place)
)
ORDER BY n.nid;

-- counts
-- For each of :who what is unread (:what 1), unseen (2) or both (3), as {type: [unread, unseen, number]}. Looks at no
-- more than :limit of those: what is placed after :after (the lower watermark) in each topic, and, at or before that,
-- the marks that say "not". Whoever has no marks or mutes is not asked about them at each row.
WITH who (user, own, arrival, read, seen, after, what, marking, muting) AS MATERIALIZED (
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
        iif(EXISTS (SELECT 1 FROM marks WHERE user = value ->> 0), value ->> 0, NULL),
        EXISTS (SELECT 1 FROM mutes WHERE user = value ->> 0)
    FROM json_each(:who)
)
SELECT who.user, (
    SELECT json_group_object(type, json_array(unread, unseen, number)) FROM (
        SELECT type, sum(unread) AS unread, sum(unseen) AS unseen, count(*) AS number FROM (
            SELECT type, unread, unseen FROM (
                SELECT n.type,
                    who.what & 1 AND coalesce(m.read = 0, n.place > who.read) AS unread,
                    who.what & 2 AND coalesce(m.seen = 0, n.place > who.seen) AS unseen
                FROM (
                    SELECT who.own AS topic, who.after AS after
                    UNION ALL SELECT 'all', max(who.after, who.arrival)
                    UNION ALL SELECT f.topic, max(f.since, who.after) FROM follows f WHERE f.user = who.user
                ) feed
                CROSS JOIN notifications n
                LEFT JOIN marks m ON m.user = who.marking AND m.nid = n.nid AND m.place = n.place
                WHERE n.topic = feed.topic AND n.place > feed.after
                AND coalesce(m.archived, 0) = 0
                AND (NOT who.muting OR NOT EXISTS (
                    SELECT 1 FROM mutes u WHERE u.user = who.user AND instr(' ' || n.tags || ' ', ' ' || u.tag || ' ')
                ))
                UNION ALL
                SELECT n.type, who.what & 1 AND coalesce(m.read = 0, 0), who.what & 2 AND coalesce(m.seen = 0, 0)
                FROM marks m CROSS JOIN notifications n
                WHERE m.user = who.user AND (m.read = 0 OR m.seen = 0) AND coalesce(m.archived, 0) = 0
                AND n.nid = m.nid AND n.place = m.place
                AND (
                    (n.topic = who.own AND n.place <= who.after)
                    OR (n.topic = 'all' AND n.place <= max(who.after, who.arrival))
                    OR (n.place <= who.after AND EXISTS (
                        SELECT 1 FROM follows f WHERE f.user = who.user AND f.topic = n.topic AND f.since < n.place
                    ))
                )
                AND (NOT who.muting OR NOT EXISTS (
                    SELECT 1 FROM mutes u WHERE u.user = who.user AND instr(' ' || n.tags || ' ', ' ' || u.tag || ' ')
                ))
            )
            WHERE unread OR unseen LIMIT :limit + 0
        )
        GROUP BY type
    )
)
FROM who;

-- people_of
SELECT user, arrival, read, seen FROM people WHERE user IN (SELECT value FROM json_each(:users));

-- follows_of
SELECT user, topic FROM follows WHERE user IN (SELECT value FROM json_each(:users));

-- mutes_of
SELECT user, tag FROM mutes WHERE user IN (SELECT value FROM json_each(:users));

-- inbox
-- The first :limit items come from the :limit topics whose newest item is newest.
WITH feed (topic, since) AS (
    VALUES (:own, 0), ('all', 0)
    UNION ALL SELECT topic, since FROM follows WHERE user = :user
),
newest AS (
    SELECT topic, since,
        (SELECT max(n.place) FROM notifications n WHERE n.topic = feed.topic AND n.place < :before) AS place
    FROM feed
),
first AS (SELECT topic, since FROM newest WHERE place > since ORDER BY place DESC LIMIT :limit + 0)
SELECT n.nid, n.origin, n.topic, n.place, n.type, n.tags, n.content
FROM first CROSS JOIN notifications n
WHERE n.nid IN (
    SELECT i.nid FROM notifications i
    WHERE i.topic = first.topic AND i.place > first.since AND i.place < :before ORDER BY i.place DESC LIMIT :limit + 0
)
ORDER BY n.place DESC LIMIT :limit + 0;

-- follows
SELECT topic, since FROM follows WHERE user = +:user ORDER BY topic;

-- follow
INSERT INTO follows (user, topic, since) SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(:rows);

-- followed
SELECT f.user, f.topic FROM json_each(:pairs) asked
CROSS JOIN follows f WHERE f.user = asked.value ->> 0 AND f.topic = asked.value ->> 1;

-- unfollow
DELETE FROM follows WHERE user = :user AND topic = :topic RETURNING since;

-- followers
SELECT user FROM follows WHERE topic = +:topic AND user > :after ORDER BY user LIMIT :limit + 0;

-- mutes
SELECT tag FROM mutes WHERE user = :user;

-- mute
INSERT INTO mutes (user, tag) SELECT :user, value FROM json_each(:tags);

-- unmute
DELETE FROM mutes WHERE user = :user;
