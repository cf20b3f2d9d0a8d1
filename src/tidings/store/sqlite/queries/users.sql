-- LIMIT :limit + 0, = +:topic: where a bare parameter is a limit, or stands in a query with an ORDER BY, SQLite
-- compiles the query again each time that it is bound (0.3 ms for `counts`). A test finds those.

-- user_rows -> n, first_seen_seq, read_seq, seen_seq, read_steps, seen_steps, has_overrides
SELECT value ->> 'n' AS n, u.first_seen_seq, u.read_seq, u.seen_seq, u.read_steps, u.seen_steps,
    EXISTS (
        SELECT 1 FROM overrides o
        WHERE o.user_id = u.user_id AND (o.read_at IS NOT NULL OR o.seen_at IS NOT NULL)
    ) AS has_overrides
FROM json_each(:asked) CROSS JOIN users u WHERE u.user_id = value ->> 'user_id';

-- add_users
INSERT OR IGNORE INTO users (user_id, first_seen_seq, read_seq, seen_seq, read_steps, seen_steps)
SELECT value ->> 'user_id', value ->> 'seq', 0, 0, '[]', '[]' FROM jsonb_each(:rows);

-- move_watermarks
UPDATE users SET
    read_seq = value ->> 'read_seq', seen_seq = value ->> 'seen_seq',
    read_steps = value ->> 'read_steps', seen_steps = value ->> 'seen_steps'
FROM jsonb_each(:rows) WHERE user_id = value ->> 'user_id';

-- drop_read_overrides
-- An item that a watermark passes is no exception any more: an override that says nothing else goes, one of an archived item
-- stays.
DELETE FROM overrides WHERE (user_id, item_id) IN (
    SELECT o.user_id, o.item_id FROM jsonb_each(:rows) CROSS JOIN overrides o
    WHERE o.user_id = value ->> 'user_id' AND o.sort_seq <= value ->> 'seq'
    AND (o.read_at IS NOT NULL OR o.seen_at IS NOT NULL) AND coalesce(o.archived_at, 0) = 0
);

-- void_read_overrides
UPDATE overrides SET read_at = NULL, seen_at = NULL WHERE (user_id, item_id) IN (
    SELECT o.user_id, o.item_id FROM jsonb_each(:rows) CROSS JOIN overrides o
    WHERE o.user_id = value ->> 'user_id' AND o.sort_seq <= value ->> 'seq'
    AND (o.read_at IS NOT NULL OR o.seen_at IS NOT NULL)
);

-- drop_seen_overrides
DELETE FROM overrides WHERE (user_id, item_id) IN (
    SELECT o.user_id, o.item_id FROM jsonb_each(:rows) CROSS JOIN overrides o
    WHERE o.user_id = value ->> 'user_id' AND o.sort_seq <= value ->> 'seq'
    AND o.seen_at IS NOT NULL AND o.read_at IS NULL AND coalesce(o.archived_at, 0) = 0
);

-- void_seen_overrides
UPDATE overrides SET seen_at = NULL WHERE (user_id, item_id) IN (
    SELECT o.user_id, o.item_id FROM jsonb_each(:rows) CROSS JOIN overrides o
    WHERE o.user_id = value ->> 'user_id' AND o.sort_seq <= value ->> 'seq' AND o.seen_at IS NOT NULL
);

-- overrides_of -> item_id, sort_seq, read_at, seen_at, archived_at
SELECT item_id, sort_seq, read_at, seen_at, archived_at FROM overrides
WHERE user_id = :user_id AND item_id IN (SELECT value FROM json_each(:item_ids));

-- set_overrides
INSERT INTO overrides (user_id, item_id, sort_seq, read_at, seen_at, archived_at)
SELECT value ->> 'user_id', value ->> 'item_id', value ->> 'sort_seq', value ->> 'read_at', value ->> 'seen_at',
    value ->> 'archived_at'
FROM jsonb_each(:rows) WHERE true
ON CONFLICT (user_id, item_id) DO UPDATE SET
    read_at = coalesce(excluded.read_at, iif(sort_seq = excluded.sort_seq, read_at, NULL)),
    seen_at = coalesce(excluded.seen_at, iif(sort_seq = excluded.sort_seq, seen_at, NULL)),
    archived_at = coalesce(excluded.archived_at, iif(sort_seq = excluded.sort_seq, archived_at, NULL)),
    sort_seq = excluded.sort_seq;

-- feed_items -> n, item_id, public_id, topic, sort_seq, read_at, seen_at, archived_at
-- Of each user the items with these ids that are in their feed, with what overrides their state.
WITH asked AS MATERIALIZED (
    SELECT value ->> 'n' AS n, value ->> 'user_id' AS user_id, value ->> 'own' AS own, value -> 'item_ids' AS item_ids,
        value -> 'public_ids' AS public_ids
    FROM json_each(:asked)
),
found AS (
    SELECT a.n, a.user_id, a.own, i.item_id
    FROM asked a CROSS JOIN json_each(a.item_ids) e CROSS JOIN items i
    WHERE i.item_id = e.value AND i.public_id IS NULL
    UNION
    SELECT a.n, a.user_id, a.own, i.item_id
    FROM asked a CROSS JOIN json_each(a.public_ids) e CROSS JOIN items i
    WHERE i.public_id = e.value
)
SELECT d.n, i.item_id, i.public_id, i.topic, i.sort_seq, o.read_at, o.seen_at, o.archived_at
FROM found d CROSS JOIN items i
LEFT JOIN overrides o ON o.user_id = d.user_id AND o.item_id = i.item_id AND o.sort_seq = i.sort_seq
WHERE i.item_id = d.item_id AND (
    i.topic = d.own OR i.topic = 'all'
    OR EXISTS (SELECT 1 FROM follows f WHERE f.user_id = d.user_id AND f.topic = i.topic AND f.since < i.sort_seq)
)
ORDER BY d.n, i.item_id;

-- counts -> n, user_id, by_type
-- For each of :asked, what is unread (what: 1), unseen (2) or both (3), as {type: {unread, unseen, number}}. Looks at
-- no more than :cap + 1 of those: what stands after the lower watermark in each topic, and, at or before that, the
-- overrides that say "not". Of a user with mutes it looks at :cap + 1000, and the type of what is muted is ''. Without
-- overrides or mutes there is nothing to look up at each row. Of a user whose watermark is near the head, the followed
-- topics are those that the log names since, else all of them (far).
WITH asked (n, user_id, own, first_seen_seq, read_seq, seen_seq, after, what, overriding, muting, near, far)
AS MATERIALIZED (
    SELECT value ->> 'n', value ->> 'user_id', value ->> 'own', value ->> 'first_seen_seq', value ->> 'read_seq',
        value ->> 'seen_seq', value ->> 'after', value ->> 'what',
        iif(EXISTS (SELECT 1 FROM overrides WHERE user_id = value ->> 'user_id'), value ->> 'user_id', NULL),
        EXISTS (SELECT 1 FROM mutes WHERE user_id = value ->> 'user_id'),
        iif(value ->> 'after' >= max(head.floor, head.seq - value ->> 'events'), value ->> 'user_id', NULL),
        iif(value ->> 'after' >= max(head.floor, head.seq - value ->> 'events'), NULL, value ->> 'user_id')
    FROM json_each(:asked) CROSS JOIN head
)
SELECT asked.n, asked.user_id, (
    WITH looked AS NOT MATERIALIZED (
        SELECT n.type, n.tags,
            asked.what & 1 AND coalesce(o.read_at = 0, n.sort_seq > asked.read_seq) AS unread,
            asked.what & 2 AND coalesce(o.seen_at = 0, n.sort_seq > asked.seen_seq) AS unseen
        FROM (
            SELECT asked.own AS topic, asked.after AS after
            UNION ALL SELECT 'all', max(asked.after, asked.first_seen_seq)
            UNION ALL SELECT f.topic, max(f.since, asked.after) FROM follows f WHERE f.user_id = asked.far
            UNION ALL SELECT f.topic, max(f.since, asked.after) FROM (
                SELECT DISTINCT e.topic FROM events e NOT INDEXED -- by seq, not through all topics
                WHERE asked.near IS NOT NULL AND e.seq > asked.after
            ) moved CROSS JOIN follows f WHERE f.user_id = asked.near AND f.topic = moved.topic
        ) feed
        CROSS JOIN items n
        LEFT JOIN overrides o
            ON o.user_id = asked.overriding AND o.item_id = n.item_id AND o.sort_seq = n.sort_seq
        WHERE n.topic = feed.topic AND n.sort_seq > feed.after
        AND coalesce(o.archived_at, 0) = 0
        UNION ALL
        SELECT
            n.type, n.tags,
            asked.what & 1 AND coalesce(o.read_at = 0, 0), asked.what & 2 AND coalesce(o.seen_at = 0, 0)
        FROM overrides o CROSS JOIN items n
        WHERE o.user_id = asked.user_id AND (o.read_at = 0 OR o.seen_at = 0) AND coalesce(o.archived_at, 0) = 0
        AND n.item_id = o.item_id AND n.sort_seq = o.sort_seq
        AND (
            (n.topic = asked.own AND n.sort_seq <= asked.after)
            OR (n.topic = 'all' AND n.sort_seq <= max(asked.after, asked.first_seen_seq))
            OR (n.sort_seq <= asked.after AND EXISTS (
                SELECT 1 FROM follows f
                WHERE f.user_id = asked.user_id AND f.topic = n.topic AND f.since < n.sort_seq
            ))
        )
    )
    SELECT json_group_object(type, json_object('unread', unread, 'unseen', unseen, 'number', number)) FROM (
        SELECT type, sum(unread) AS unread, sum(unseen) AS unseen, count(*) AS number
        FROM (
            SELECT * FROM (
                SELECT type, unread, unseen FROM looked WHERE NOT asked.muting AND (unread OR unseen) LIMIT :cap + 1
            )
            UNION ALL
            SELECT iif(muted, '', type), unread AND NOT muted, unseen AND NOT muted FROM (
                SELECT type, unread, unseen, EXISTS (
                    SELECT 1 FROM mutes u
                    WHERE u.user_id = asked.user_id AND instr(' ' || tags || ' ', ' ' || u.tag || ' ')
                ) AS muted
                FROM looked WHERE asked.muting AND (unread OR unseen) LIMIT :cap + 1000
            )
        )
        GROUP BY type
    )
) AS by_type
FROM asked;

-- users_of -> user_id, first_seen_seq, read_seq, seen_seq
SELECT user_id, first_seen_seq, read_seq, seen_seq FROM users WHERE user_id IN (SELECT value FROM json_each(:user_ids));

-- follows_of -> user_id, topic
SELECT user_id, topic FROM follows WHERE user_id IN (SELECT value FROM json_each(:user_ids));

-- mutes_of -> user_id, tag
SELECT user_id, tag FROM mutes WHERE user_id IN (SELECT value FROM json_each(:user_ids));

-- inbox_page -> item_id, topic, sort_seq, type, tags, content
-- Of one topic, or of all if :topic is NULL. The first :limit items come from the :limit topics whose newest item is newest,
-- and none of them is older than the oldest of those: a topic is not read for more than that.
WITH feed (topic, since) AS (
    SELECT column1, column2 FROM (VALUES (:own, 0), ('all', 0)) WHERE column1 = coalesce(:topic, column1)
    UNION ALL SELECT topic, since FROM follows WHERE user_id = :user_id AND topic = coalesce(:topic, topic)
),
newest AS (
    SELECT topic, since,
        (SELECT max(n.sort_seq) FROM items n WHERE n.topic = feed.topic AND n.sort_seq < :before) AS sort_seq
    FROM feed
),
first AS MATERIALIZED (
    SELECT topic, since, sort_seq FROM newest WHERE sort_seq > since ORDER BY sort_seq DESC LIMIT :limit + 0
),
oldest AS MATERIALIZED (SELECT iif(count(*) = :limit + 0, min(sort_seq), 0) AS sort_seq FROM first)
SELECT n.item_id, n.topic, n.sort_seq, n.type, n.tags, n.content
FROM first CROSS JOIN items n
WHERE n.item_id IN (
    SELECT i.item_id FROM items i
    WHERE i.topic = first.topic AND i.sort_seq > first.since AND i.sort_seq < :before
    AND i.sort_seq >= (SELECT sort_seq FROM oldest)
    ORDER BY i.sort_seq DESC LIMIT :limit + 0
)
ORDER BY n.sort_seq DESC LIMIT :limit + 0;

-- archived_page -> item_id, topic, sort_seq, type, tags, content
SELECT i.item_id, i.topic, i.sort_seq, i.type, i.tags, i.content
FROM overrides o INDEXED BY overrides_archived CROSS JOIN items i
WHERE o.user_id = +:user_id AND o.archived_at > 0 AND o.sort_seq < +:before
AND i.item_id = o.item_id AND i.sort_seq = o.sort_seq AND i.topic = coalesce(:topic, i.topic)
AND (
    i.topic = :own OR i.topic = 'all'
    OR EXISTS (SELECT 1 FROM follows f WHERE f.user_id = :user_id AND f.topic = i.topic AND f.since < i.sort_seq)
)
ORDER BY o.sort_seq DESC LIMIT :limit + 0;

-- oldest_unread -> sort_seq
-- Of the items that a user made unread again; NULL for none.
SELECT min(o.sort_seq) AS sort_seq FROM overrides o
WHERE o.user_id = +:user_id AND (o.read_at = 0 OR o.seen_at = 0) AND o.read_at = 0;

-- exported_ids -> item_id
-- Of a user's feed, what stands in (:after, :before): no more than there are seqs.
WITH feed (topic, since) AS (
    VALUES (:own, 0), ('all', 0)
    UNION ALL SELECT topic, since FROM follows WHERE user_id = :user_id
)
SELECT i.item_id FROM feed CROSS JOIN items i
WHERE i.topic = feed.topic AND i.sort_seq > max(feed.since, :after) AND i.sort_seq < :before ORDER BY i.sort_seq DESC;

-- items_by_id -> item_id, topic, sort_seq, tags, content
SELECT item_id, topic, sort_seq, tags, content FROM items WHERE item_id IN (SELECT value FROM json_each(:item_ids));

-- follows -> topic, since
SELECT topic, since FROM follows WHERE user_id = +:user_id ORDER BY topic;

-- add_follows
INSERT INTO follows (user_id, topic, since)
SELECT value ->> 'user_id', value ->> 'topic', value ->> 'since' FROM jsonb_each(:rows);

-- existing_follows -> user_id, topic
SELECT f.user_id, f.topic FROM json_each(:pairs) asked
CROSS JOIN follows f WHERE f.user_id = asked.value ->> 'user_id' AND f.topic = asked.value ->> 'topic';

-- drop_follows
DELETE FROM follows
WHERE (user_id, topic) IN (SELECT value ->> 'user_id', value ->> 'topic' FROM jsonb_each(:rows));

-- followers -> user_id
SELECT user_id FROM follows WHERE topic = +:topic AND user_id > :after ORDER BY user_id LIMIT :limit + 0;

-- mutes -> tag
SELECT tag FROM mutes WHERE user_id = :user_id;

-- add_mutes
INSERT INTO mutes (user_id, tag) SELECT value ->> 'user_id', value ->> 'tag' FROM jsonb_each(:rows);

-- drop_mutes
DELETE FROM mutes WHERE user_id IN (SELECT value ->> 'user_id' FROM jsonb_each(:rows));

-- overwrite_deleted -> secure_delete
-- From here on what is deleted is overwritten with zeros, whole pages too.
PRAGMA secure_delete = ON;

-- leave_deleted -> secure_delete
-- As usual: what is deleted is overwritten where that costs no write of a page.
PRAGMA secure_delete = FAST;

-- erase_items -> item_id
DELETE FROM items WHERE item_id IN (SELECT item_id FROM items WHERE topic = +:topic LIMIT :limit + 0) RETURNING item_id;

-- erase_events -> seq
UPDATE events SET topic = '', type = 'erased', tags = '', data = '{}'
WHERE seq IN (SELECT seq FROM events WHERE topic = +:topic LIMIT :limit + 0) RETURNING seq;

-- erase_overrides -> item_id
DELETE FROM overrides WHERE user_id = +:user_id AND item_id IN (
    SELECT item_id FROM overrides WHERE user_id = +:user_id LIMIT :limit + 0
) RETURNING item_id;

-- erase_follows -> topic
DELETE FROM follows WHERE user_id = +:user_id AND topic IN (
    SELECT topic FROM follows WHERE user_id = +:user_id LIMIT :limit + 0
) RETURNING topic;

-- erase_mutes -> tag
DELETE FROM mutes WHERE user_id = +:user_id AND tag IN (
    SELECT tag FROM mutes WHERE user_id = +:user_id LIMIT :limit + 0
) RETURNING tag;

-- erase_tickets -> digest
DELETE FROM tickets WHERE digest IN (
    SELECT digest FROM tickets WHERE user_id = +:user_id LIMIT :limit + 0
) RETURNING digest;

-- erase_answers -> key
DELETE FROM idempotency_keys WHERE scope = +:scope AND key IN (
    SELECT key FROM idempotency_keys WHERE scope = +:scope LIMIT :limit + 0
) RETURNING key;

-- erase_leases -> name
-- Of the exports of one user: `export/<user>` and `export/<user>/<number>`.
DELETE FROM leases WHERE name IN (
    SELECT name FROM leases WHERE name = :name OR (name >= :name || '/' AND name < :name || '0') LIMIT :limit + 0
) RETURNING name;

-- erase_user -> user_id
DELETE FROM users WHERE user_id = +:user_id AND :limit > 0 RETURNING user_id;

-- items_with_actor -> item_id, group_key, found
-- found: an actor of this id, as a text or a number, is among the contributors of a group.
SELECT item_id, group_key, group_key IS NOT NULL AND EXISTS (
    SELECT 1 FROM json_each(contributors) c WHERE c.value ->> 0 IN (:text, :number)
) AS found
FROM items WHERE item_id > :after ORDER BY item_id LIMIT :limit + 0;

-- log_rows_of -> seq, type, time, data
SELECT seq, type, time, data FROM events WHERE topic = +:topic ORDER BY seq;

-- items_of -> item_id, type, created_at, last_rang_at, content
SELECT item_id, type, created_at, last_rang_at, content FROM items WHERE topic = +:topic ORDER BY item_id;

-- states_of -> item_id, read_at, seen_at, archived_at
SELECT item_id, read_at, seen_at, archived_at FROM overrides WHERE user_id = +:user_id ORDER BY item_id;

-- tickets_of -> given_at, expire_at
SELECT given_at, expire_at FROM tickets WHERE user_id = :user_id;

-- answers_of -> key, body, time
SELECT key, body, time FROM idempotency_keys WHERE scope = :scope;
