-- LIMIT :limit + 0, = +:user: where a bare parameter is a limit, or stands in a query with an ORDER BY, SQLite compiles
-- the query again each time that it is bound (0.3 ms for `counts`). A test finds those.

-- add_items
-- The rest of each is what the event says that created it.
INSERT INTO notifications
    (nid, origin, topic, place, type, entity, group_key, expire_at, created_at, rang_at, tags, content,
    actor_ids)
SELECT e.seq, value ->> 1, e.topic, e.seq, value ->> 2, value ->> 3, value ->> 4, value ->> 5, :now, :now, e.tags, e.data,
    value ->> 6
FROM jsonb_each(:rows) CROSS JOIN events e WHERE e.seq = value ->> 0;

-- open_group
SELECT nid, origin, rang_at, actor_ids, content FROM notifications
WHERE topic = +:topic AND group_key = +:key AND created_at > :from AND (expire_at IS NULL OR expire_at > :now)
ORDER BY place DESC LIMIT 1;

-- move_item
UPDATE notifications
SET place = :place, type = :type, entity = :entity, expire_at = :expire_at, rang_at = :rang_at, tags = :tags,
    content = :content, actor_ids = :actor_ids
WHERE nid = :nid;

-- change_item
UPDATE notifications
SET type = :type, entity = :entity, tags = :tags, content = :content, expire_at = :expire_at
WHERE nid = :nid;

-- items_of_origin
SELECT nid, topic, expire_at, content FROM notifications
WHERE (nid = +:origin OR (origin = +:origin AND origin <> nid)) AND origin = +:origin
ORDER BY nid;

-- items_to_retract
SELECT nid, origin, topic, tags FROM notifications
WHERE (nid = +:origin OR (origin = +:origin AND origin <> nid)) AND origin = +:origin
ORDER BY nid;

-- items_of_entity
SELECT nid, origin, topic, tags FROM notifications WHERE entity = +:entity ORDER BY nid;

-- items_to_expire
SELECT nid, origin, topic, tags FROM notifications WHERE expire_at <= :now ORDER BY expire_at LIMIT :limit + 0;

-- aged_items
SELECT nid, origin, topic, tags
FROM (SELECT nid, origin, topic, tags, created_at FROM notifications ORDER BY nid LIMIT :limit + 0)
WHERE created_at < :before;

-- drop_items
DELETE FROM notifications WHERE nid IN (SELECT value FROM json_each(:nids));
