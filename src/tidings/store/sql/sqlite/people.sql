-- person
SELECT arrival, read, seen, read_steps, seen_steps FROM people WHERE user = :user;

-- arrive
INSERT OR IGNORE INTO people (user, arrival, read, seen, read_steps, seen_steps)
VALUES (:user, :seq, 0, 0, '[]', '[]');

-- move_read
UPDATE people SET read = :seq, read_steps = :steps WHERE user = :user AND read < :seq;

-- move_seen
UPDATE people SET seen = :seq, seen_steps = :steps WHERE user = :user AND seen < :seq;

-- void_read
UPDATE marks SET read = NULL WHERE user = :user AND place <= :seq AND read IS NOT NULL;

-- void_seen
UPDATE marks SET seen = NULL WHERE user = :user AND place <= :seq AND seen IS NOT NULL;

-- tidy_marks
DELETE FROM marks WHERE user = :user AND read IS NULL AND seen IS NULL AND coalesce(archived, 0) = 0;

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
DELETE FROM marks WHERE nid = :nid;

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
-- Of each of :who (user, own topic, arrival, read, seen): {type: unread}, and the number unseen. Looks at no more
-- than :limit items of each kind: those after the watermark in each topic, and the marks that say "not".
SELECT
    who.user,
    (
        SELECT json_group_object(type, number) FROM (
            SELECT type, count(*) AS number FROM (
                SELECT n.type FROM (
                    SELECT who.own AS topic, who.read AS after
                    UNION ALL SELECT 'all', max(who.read, who.arrival)
                    UNION ALL SELECT f.topic, max(f.since, who.read) FROM follows f WHERE f.user = who.user
                ) feed
                CROSS JOIN notifications n
                WHERE n.topic = feed.topic AND n.place > feed.after
                AND NOT EXISTS (
                    SELECT 1 FROM marks m
                    WHERE m.user = who.user AND m.nid = n.nid AND m.place = n.place AND (m.read > 0 OR m.archived > 0)
                )
                AND NOT EXISTS (
                    SELECT 1 FROM mutes u
                    WHERE u.user = who.user AND instr(' ' || n.tags || ' ', ' ' || u.tag || ' ')
                )
                UNION ALL
                SELECT n.type FROM marks m CROSS JOIN notifications n
                WHERE m.user = who.user AND m.read = 0 AND coalesce(m.archived, 0) = 0
                AND n.nid = m.nid AND n.place = m.place
                AND (
                    (n.topic = who.own AND n.place <= who.read)
                    OR (n.topic = 'all' AND n.place <= max(who.read, who.arrival))
                    OR (n.place <= who.read AND EXISTS (
                        SELECT 1 FROM follows f WHERE f.user = who.user AND f.topic = n.topic AND f.since < n.place
                    ))
                )
                AND NOT EXISTS (
                    SELECT 1 FROM mutes u
                    WHERE u.user = who.user AND instr(' ' || n.tags || ' ', ' ' || u.tag || ' ')
                )
                LIMIT :limit
            ) GROUP BY type
        )
    ),
    (
        SELECT count(*) FROM (
            SELECT 1 FROM (
                SELECT who.own AS topic, who.seen AS after
                UNION ALL SELECT 'all', max(who.seen, who.arrival)
                UNION ALL SELECT f.topic, max(f.since, who.seen) FROM follows f WHERE f.user = who.user
            ) feed
            CROSS JOIN notifications n
            WHERE n.topic = feed.topic AND n.place > feed.after
            AND NOT EXISTS (
                SELECT 1 FROM marks m
                WHERE m.user = who.user AND m.nid = n.nid AND m.place = n.place AND (m.seen > 0 OR m.archived > 0)
            )
            AND NOT EXISTS (
                SELECT 1 FROM mutes u
                WHERE u.user = who.user AND instr(' ' || n.tags || ' ', ' ' || u.tag || ' ')
            )
            UNION ALL
            SELECT 1 FROM marks m CROSS JOIN notifications n
            WHERE m.user = who.user AND m.seen = 0 AND coalesce(m.archived, 0) = 0
            AND n.nid = m.nid AND n.place = m.place
            AND (
                (n.topic = who.own AND n.place <= who.seen)
                OR (n.topic = 'all' AND n.place <= max(who.seen, who.arrival))
                OR (n.place <= who.seen AND EXISTS (
                    SELECT 1 FROM follows f WHERE f.user = who.user AND f.topic = n.topic AND f.since < n.place
                ))
            )
            AND NOT EXISTS (
                SELECT 1 FROM mutes u
                WHERE u.user = who.user AND instr(' ' || n.tags || ' ', ' ' || u.tag || ' ')
            )
            LIMIT :limit
        )
    )
FROM (
    SELECT value ->> 0 AS user, value ->> 1 AS own, value ->> 2 AS arrival, value ->> 3 AS read, value ->> 4 AS seen
    FROM json_each(:who)
) who;

-- people_of
SELECT user, arrival, read, seen FROM people WHERE user IN (SELECT value FROM json_each(:users));

-- follows_of
SELECT user, topic, since FROM follows WHERE user IN (SELECT value FROM json_each(:users));

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
first AS (SELECT topic, since FROM newest WHERE place > since ORDER BY place DESC LIMIT :limit)
SELECT n.nid, n.origin, n.topic, n.place, n.type, n.tags, n.content
FROM first CROSS JOIN notifications n
WHERE n.nid IN (
    SELECT i.nid FROM notifications i
    WHERE i.topic = first.topic AND i.place > first.since AND i.place < :before ORDER BY i.place DESC LIMIT :limit
)
ORDER BY n.place DESC LIMIT :limit;

-- follows
SELECT topic, since FROM follows WHERE user = :user ORDER BY topic;

-- follow
INSERT INTO follows (user, topic, since) VALUES (:user, :topic, :since) ON CONFLICT DO NOTHING RETURNING since;

-- unfollow
DELETE FROM follows WHERE user = :user AND topic = :topic RETURNING since;

-- followers
SELECT user FROM follows WHERE topic = :topic AND user > :after ORDER BY user LIMIT :limit;

-- mutes
SELECT tag FROM mutes WHERE user = :user;

-- mute
INSERT INTO mutes (user, tag) SELECT :user, value FROM json_each(:tags);

-- unmute
DELETE FROM mutes WHERE user = :user;
