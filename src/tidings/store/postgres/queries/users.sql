-- From keys to rows, whatever the planner thinks of a table: a LATERAL with OFFSET 0 is not turned round, nor is an array.

-- user_rows -> n, first_seen_seq, read_seq, seen_seq, read_steps, seen_steps, has_overrides
SELECT r.n, u.first_seen_seq, u.read_seq, u.seen_seq, u.read_steps, u.seen_steps,
    EXISTS (
        SELECT 1 FROM overrides o
        WHERE o.user_id = u.user_id AND (o.read_at IS NOT NULL OR o.seen_at IS NOT NULL)
    ) AS has_overrides
FROM jsonb_to_recordset(:asked::jsonb) AS r (n bigint, user_id text) JOIN users u ON u.user_id = r.user_id;

-- add_users
INSERT INTO users (user_id, first_seen_seq, read_seq, seen_seq, read_steps, seen_steps)
SELECT r.user_id, r.seq, 0, 0, '[]', '[]' FROM jsonb_to_recordset(:rows::jsonb) AS r (user_id text, seq bigint)
ON CONFLICT DO NOTHING;

-- move_watermarks
UPDATE users u SET
    read_seq = r.read_seq, seen_seq = r.seen_seq, read_steps = r.read_steps, seen_steps = r.seen_steps
FROM jsonb_to_recordset(:rows::jsonb) AS r (
    user_id text, read_seq bigint, seen_seq bigint, read_steps text, seen_steps text
)
WHERE u.user_id = r.user_id;

-- drop_read_overrides
-- What a watermark passes is no exception any more: an override that says nothing else goes, one of an archived item
-- stays.
DELETE FROM overrides WHERE ctid = ANY (ARRAY(
    SELECT passed.ctid FROM jsonb_to_recordset(:rows::jsonb) AS r (user_id text, seq bigint)
    CROSS JOIN LATERAL (
        SELECT o.ctid FROM overrides o
        WHERE o.user_id = r.user_id AND o.sort_seq <= r.seq
        AND (o.read_at IS NOT NULL OR o.seen_at IS NOT NULL) AND coalesce(o.archived_at, 0) = 0 OFFSET 0
    ) passed
));

-- void_read_overrides
UPDATE overrides SET read_at = NULL, seen_at = NULL WHERE ctid = ANY (ARRAY(
    SELECT passed.ctid FROM jsonb_to_recordset(:rows::jsonb) AS r (user_id text, seq bigint)
    CROSS JOIN LATERAL (
        SELECT o.ctid FROM overrides o
        WHERE o.user_id = r.user_id AND o.sort_seq <= r.seq
        AND (o.read_at IS NOT NULL OR o.seen_at IS NOT NULL) OFFSET 0
    ) passed
));

-- drop_seen_overrides
DELETE FROM overrides WHERE ctid = ANY (ARRAY(
    SELECT passed.ctid FROM jsonb_to_recordset(:rows::jsonb) AS r (user_id text, seq bigint)
    CROSS JOIN LATERAL (
        SELECT o.ctid FROM overrides o
        WHERE o.user_id = r.user_id AND o.sort_seq <= r.seq
        AND o.seen_at IS NOT NULL AND o.read_at IS NULL AND coalesce(o.archived_at, 0) = 0 OFFSET 0
    ) passed
));

-- void_seen_overrides
UPDATE overrides SET seen_at = NULL WHERE ctid = ANY (ARRAY(
    SELECT passed.ctid FROM jsonb_to_recordset(:rows::jsonb) AS r (user_id text, seq bigint)
    CROSS JOIN LATERAL (
        SELECT o.ctid FROM overrides o
        WHERE o.user_id = r.user_id AND o.sort_seq <= r.seq AND o.seen_at IS NOT NULL OFFSET 0
    ) passed
));

-- overrides_of -> item_id, sort_seq, read_at, seen_at, archived_at
SELECT item_id, sort_seq, read_at, seen_at, archived_at FROM overrides
WHERE user_id = :user_id::text AND item_id = ANY (ARRAY(SELECT v::bigint FROM jsonb_array_elements_text(:item_ids::jsonb) v));

-- set_overrides
INSERT INTO overrides (user_id, item_id, sort_seq, read_at, seen_at, archived_at)
SELECT r.user_id, r.item_id, r.sort_seq, r.read_at, r.seen_at, r.archived_at
FROM jsonb_to_recordset(:rows::jsonb) AS r (
    user_id text, item_id bigint, sort_seq bigint, read_at bigint, seen_at bigint, archived_at bigint
)
ON CONFLICT (user_id, item_id) DO UPDATE SET
    read_at = coalesce(
        excluded.read_at, CASE WHEN overrides.sort_seq = excluded.sort_seq THEN overrides.read_at END
    ),
    seen_at = coalesce(
        excluded.seen_at, CASE WHEN overrides.sort_seq = excluded.sort_seq THEN overrides.seen_at END
    ),
    archived_at = coalesce(
        excluded.archived_at, CASE WHEN overrides.sort_seq = excluded.sort_seq THEN overrides.archived_at END
    ),
    sort_seq = excluded.sort_seq;

-- feed_items -> n, item_id, public_id, topic, sort_seq, read_at, seen_at, archived_at
-- Of each user the items with these ids that are in their feed, with what overrides their state.
WITH asked AS (
    SELECT * FROM jsonb_to_recordset(:asked::jsonb) AS r (
        n bigint, user_id text, own text, item_ids jsonb, public_ids jsonb
    )
),
found AS (
    SELECT a.n, a.user_id, a.own, i.item_id
    FROM asked a CROSS JOIN LATERAL jsonb_array_elements_text(a.item_ids) AS e (id)
    CROSS JOIN LATERAL (SELECT item_id, public_id FROM items WHERE item_id = e.id::bigint OFFSET 0) i
    WHERE i.public_id IS NULL
    UNION
    SELECT a.n, a.user_id, a.own, i.item_id
    FROM asked a CROSS JOIN LATERAL jsonb_array_elements_text(a.public_ids) AS e (id)
    CROSS JOIN LATERAL (SELECT item_id FROM items WHERE public_id = e.id OFFSET 0) i
)
SELECT d.n, i.item_id, i.public_id, i.topic, i.sort_seq, o.read_at, o.seen_at, o.archived_at
FROM found d JOIN items i ON i.item_id = d.item_id
LEFT JOIN overrides o ON o.user_id = d.user_id AND o.item_id = i.item_id AND o.sort_seq = i.sort_seq
WHERE i.topic = d.own OR i.topic = 'all'
OR EXISTS (SELECT 1 FROM follows f WHERE f.user_id = d.user_id AND f.topic = i.topic AND f.since < i.sort_seq)
ORDER BY d.n, i.item_id;

-- counts -> n, user_id, by_type
-- For each of :asked, what is unread (what: 1), unseen (2) or both (3), as {type: {unread, unseen, number}}. Looks at
-- no more than :cap + 1 of those: what stands after the lower watermark in each topic, and, at or before that, the
-- overrides that say "not". Of a user with mutes it looks at :cap + 1000, and the type of what is muted is ''. Without
-- overrides or mutes there is nothing to look up at each row. Of a user whose watermark is near the head, the followed
-- topics are those that the log names since, else all of them.
WITH asked AS MATERIALIZED (
    SELECT one.*,
        EXISTS (SELECT 1 FROM overrides o WHERE o.user_id = one.user_id) AS overriding,
        EXISTS (SELECT 1 FROM mutes m WHERE m.user_id = one.user_id) AS muting,
        one.after >= greatest(h.floor, (SELECT max(seq) FROM events) - one.events) AS near
    FROM (
        SELECT * FROM jsonb_to_recordset(:asked::jsonb) AS r (
            n bigint, user_id text, own text, first_seen_seq bigint, read_seq bigint, seen_seq bigint, after bigint,
            what integer, events bigint
        )
    ) one
    CROSS JOIN head h
)
SELECT a.n, a.user_id, coalesce((
    WITH looked AS NOT MATERIALIZED (
        SELECT n.type, n.tags,
            a.what & 1 > 0 AND coalesce(o.read_at = 0, n.sort_seq > a.read_seq) AS unread,
            a.what & 2 > 0 AND coalesce(o.seen_at = 0, n.sort_seq > a.seen_seq) AS unseen
        FROM (
            SELECT a.own AS topic, a.after AS after
            UNION ALL SELECT 'all', greatest(a.after, a.first_seen_seq)
            UNION ALL SELECT f.topic, greatest(f.since, a.after) FROM follows f
            WHERE NOT a.near AND f.user_id = a.user_id
            UNION ALL SELECT f.topic, greatest(f.since, a.after) FROM (
                SELECT DISTINCT e.topic FROM events e WHERE a.near AND e.seq > a.after
            ) moved JOIN follows f ON f.user_id = a.user_id AND f.topic = moved.topic
        ) feed
        JOIN items n ON n.topic = feed.topic AND n.sort_seq > feed.after
        LEFT JOIN overrides o
            ON a.overriding AND o.user_id = a.user_id AND o.item_id = n.item_id AND o.sort_seq = n.sort_seq
        WHERE coalesce(o.archived_at, 0) = 0
        UNION ALL
        SELECT n.type, n.tags,
            a.what & 1 > 0 AND coalesce(o.read_at = 0, false), a.what & 2 > 0 AND coalesce(o.seen_at = 0, false)
        FROM overrides o JOIN items n ON n.item_id = o.item_id AND n.sort_seq = o.sort_seq
        WHERE o.user_id = a.user_id AND (o.read_at = 0 OR o.seen_at = 0) AND coalesce(o.archived_at, 0) = 0
        AND (
            (n.topic = a.own AND n.sort_seq <= a.after)
            OR (n.topic = 'all' AND n.sort_seq <= greatest(a.after, a.first_seen_seq))
            OR (n.sort_seq <= a.after AND EXISTS (
                SELECT 1 FROM follows f
                WHERE f.user_id = a.user_id AND f.topic = n.topic AND f.since < n.sort_seq
            ))
        )
    )
    SELECT json_object_agg(type, json_build_object('unread', unread, 'unseen', unseen, 'number', number))::text FROM (
        SELECT CASE WHEN muted THEN '' ELSE type END AS type, count(*) FILTER (WHERE unread AND NOT muted) AS unread,
            count(*) FILTER (WHERE unseen AND NOT muted) AS unseen, count(*) AS number
        FROM (
            (SELECT type, unread, unseen, false AS muted FROM looked
            WHERE NOT a.muting AND (unread OR unseen) LIMIT :cap::bigint + 1)
            UNION ALL
            (SELECT type, unread, unseen, EXISTS (
                SELECT 1 FROM mutes u
                WHERE u.user_id = a.user_id AND strpos(' ' || tags || ' ', ' ' || u.tag || ' ') > 0
            ) AS muted
            FROM looked WHERE a.muting AND (unread OR unseen) LIMIT :cap::bigint + 1000)
        ) counted
        GROUP BY 1
    ) types
), '{}') AS by_type
FROM asked a;

-- users_of -> user_id, first_seen_seq, read_seq, seen_seq
SELECT user_id, first_seen_seq, read_seq, seen_seq FROM users
WHERE user_id = ANY (ARRAY(SELECT v FROM jsonb_array_elements_text(:user_ids::jsonb) v));

-- follows_of -> user_id, topic
SELECT user_id, topic FROM follows WHERE user_id = ANY (ARRAY(SELECT v FROM jsonb_array_elements_text(:user_ids::jsonb) v));

-- mutes_of -> user_id, tag
SELECT user_id, tag FROM mutes WHERE user_id = ANY (ARRAY(SELECT v FROM jsonb_array_elements_text(:user_ids::jsonb) v));

-- inbox_page -> item_id, topic, sort_seq, type, tags, content
-- Of one topic, or of all if :topic is NULL. The first :limit items come from the :limit topics whose newest item is newest,
-- and none of them is older than the oldest of those: a topic is not read for more than that.
WITH everything AS (
    SELECT :own::text AS topic, 0::bigint AS since
    UNION ALL SELECT 'all', 0
    UNION ALL SELECT topic, since FROM follows WHERE user_id = :user_id::text
),
feed AS (SELECT topic, since FROM everything WHERE topic = coalesce(:topic::text, topic)),
newest AS (
    SELECT topic, since,
        (SELECT max(n.sort_seq) FROM items n WHERE n.topic = feed.topic AND n.sort_seq < :before::bigint) AS sort_seq
    FROM feed
),
first AS MATERIALIZED (
    SELECT topic, since, sort_seq FROM newest WHERE sort_seq > since ORDER BY sort_seq DESC LIMIT :limit::bigint
),
oldest AS MATERIALIZED (
    SELECT CASE WHEN count(*) = :limit::bigint THEN min(sort_seq) ELSE 0 END AS sort_seq FROM first
),
found AS (
    SELECT one.item_id, one.sort_seq FROM first
    CROSS JOIN LATERAL (
        SELECT i.item_id, i.sort_seq FROM items i
        WHERE i.topic = first.topic AND i.sort_seq > first.since AND i.sort_seq < :before::bigint
        AND i.sort_seq >= (SELECT sort_seq FROM oldest)
        ORDER BY i.sort_seq DESC LIMIT :limit::bigint
    ) one
    ORDER BY one.sort_seq DESC LIMIT :limit::bigint
)
SELECT n.item_id, n.topic, n.sort_seq, n.type, n.tags, n.content
FROM found JOIN items n ON n.item_id = found.item_id ORDER BY n.sort_seq DESC;

-- archived_page -> item_id, topic, sort_seq, type, tags, content
SELECT i.item_id, i.topic, i.sort_seq, i.type, i.tags, i.content
FROM overrides o JOIN items i ON i.item_id = o.item_id AND i.sort_seq = o.sort_seq
WHERE o.user_id = :user_id::text AND o.archived_at > 0 AND o.sort_seq < :before::bigint
AND i.topic = coalesce(:topic::text, i.topic)
AND (
    i.topic = :own::text OR i.topic = 'all'
    OR EXISTS (SELECT 1 FROM follows f WHERE f.user_id = :user_id::text AND f.topic = i.topic AND f.since < i.sort_seq)
)
ORDER BY o.sort_seq DESC LIMIT :limit::bigint;

-- oldest_unread -> sort_seq
-- Of the items that a user made unread again; NULL for none.
SELECT min(o.sort_seq) AS sort_seq FROM overrides o
WHERE o.user_id = :user_id::text AND (o.read_at = 0 OR o.seen_at = 0) AND o.read_at = 0;

-- exported_ids -> item_id
-- Of a user's feed, what stands in (:after, :before): no more than there are seqs.
WITH feed AS (
    SELECT :own::text AS topic, 0::bigint AS since
    UNION ALL SELECT 'all', 0
    UNION ALL SELECT topic, since FROM follows WHERE user_id = :user_id::text
)
SELECT i.item_id FROM feed
JOIN items i ON i.topic = feed.topic AND i.sort_seq > greatest(feed.since, :after::bigint) AND i.sort_seq < :before::bigint
ORDER BY i.sort_seq DESC;

-- items_by_id -> item_id, topic, sort_seq, tags, content
SELECT item_id, topic, sort_seq, tags, content FROM items
WHERE item_id = ANY (ARRAY(SELECT v::bigint FROM jsonb_array_elements_text(:item_ids::jsonb) v));

-- follows -> topic, since
SELECT topic, since FROM follows WHERE user_id = :user_id::text ORDER BY topic;

-- add_follows
INSERT INTO follows (user_id, topic, since)
SELECT r.user_id, r.topic, r.since
FROM jsonb_to_recordset(:rows::jsonb) AS r (user_id text, topic text, since bigint);

-- existing_follows -> user_id, topic
SELECT f.user_id, f.topic
FROM jsonb_to_recordset(:pairs::jsonb) AS r (user_id text, topic text)
JOIN follows f ON f.user_id = r.user_id AND f.topic = r.topic;

-- drop_follows
DELETE FROM follows WHERE (user_id, topic) IN (
    SELECT r.user_id, r.topic FROM jsonb_to_recordset(:rows::jsonb) AS r (user_id text, topic text)
);

-- followers -> user_id
SELECT user_id FROM follows WHERE topic = :topic::text AND user_id > :after::text ORDER BY user_id LIMIT :limit::bigint;

-- mutes -> tag
SELECT tag FROM mutes WHERE user_id = :user_id::text;

-- add_mutes
INSERT INTO mutes (user_id, tag)
SELECT r.user_id, r.tag FROM jsonb_to_recordset(:rows::jsonb) AS r (user_id text, tag text);

-- drop_mutes
DELETE FROM mutes
WHERE user_id = ANY (ARRAY(SELECT r.user_id FROM jsonb_to_recordset(:rows::jsonb) AS r (user_id text)));

-- overwrite_deleted -> secure_delete
-- What is deleted goes from the files with VACUUM, and from the write-ahead log and backups with time.
SELECT 0 AS secure_delete;

-- leave_deleted -> secure_delete
SELECT 0 AS secure_delete;

-- erase_items -> item_id
DELETE FROM items WHERE item_id = ANY (ARRAY(
    SELECT item_id FROM items WHERE topic = :topic::text LIMIT :limit::bigint
)) RETURNING item_id;

-- erase_events -> seq
UPDATE events SET topic = '', type = 'erased', tags = '', data = '{}'
WHERE seq = ANY (ARRAY(SELECT seq FROM events WHERE topic = :topic::text LIMIT :limit::bigint)) RETURNING seq;

-- erase_overrides -> item_id
DELETE FROM overrides WHERE user_id = :user_id::text AND item_id = ANY (ARRAY(
    SELECT item_id FROM overrides WHERE user_id = :user_id::text LIMIT :limit::bigint
)) RETURNING item_id;

-- erase_follows -> topic
DELETE FROM follows WHERE user_id = :user_id::text AND topic = ANY (ARRAY(
    SELECT topic FROM follows WHERE user_id = :user_id::text LIMIT :limit::bigint
)) RETURNING topic;

-- erase_mutes -> tag
DELETE FROM mutes WHERE user_id = :user_id::text AND tag = ANY (ARRAY(
    SELECT tag FROM mutes WHERE user_id = :user_id::text LIMIT :limit::bigint
)) RETURNING tag;

-- erase_tickets -> digest
DELETE FROM tickets WHERE digest = ANY (ARRAY(
    SELECT digest FROM tickets WHERE user_id = :user_id::text LIMIT :limit::bigint
)) RETURNING digest;

-- erase_answers -> key
DELETE FROM idempotency_keys WHERE scope = :scope::text AND key = ANY (ARRAY(
    SELECT key FROM idempotency_keys WHERE scope = :scope::text LIMIT :limit::bigint
)) RETURNING key;

-- erase_leases -> name
DELETE FROM leases WHERE name = ANY (ARRAY(
    SELECT name FROM leases
    WHERE name = :name::text OR (name >= :name::text || '/' AND name < :name::text || '0') LIMIT :limit::bigint
)) RETURNING name;

-- erase_user -> user_id
DELETE FROM users WHERE user_id = :user_id::text AND :limit::bigint > 0 RETURNING user_id;

-- items_with_actor -> item_id, group_key, found
SELECT item_id, group_key, group_key IS NOT NULL AND EXISTS (
    SELECT 1 FROM jsonb_array_elements(contributors::jsonb) c WHERE c ->> 0 IN (:text::text, :number::text)
) AS found
FROM items WHERE item_id > :after::bigint ORDER BY item_id LIMIT :limit::bigint;

-- log_rows_of -> seq, type, time, data
SELECT seq, type, time, data FROM events WHERE topic = :topic::text ORDER BY seq;

-- items_of -> item_id, type, created_at, last_rang_at, content
SELECT item_id, type, created_at, last_rang_at, content FROM items WHERE topic = :topic::text ORDER BY item_id;

-- states_of -> item_id, read_at, seen_at, archived_at
SELECT item_id, read_at, seen_at, archived_at FROM overrides WHERE user_id = :user_id::text ORDER BY item_id;

-- tickets_of -> given_at, expire_at
SELECT given_at, expire_at FROM tickets WHERE user_id = :user_id::text;

-- answers_of -> key, body, time
SELECT key, body, time FROM idempotency_keys WHERE scope = :scope::text;
