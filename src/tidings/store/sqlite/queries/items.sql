-- LIMIT :limit + 0, = +:topic: where a bare parameter is a limit, or stands in a query with an ORDER BY, SQLite
-- compiles the query again each time that it is bound (0.3 ms for `counts`). A test finds those.

-- add_items
-- The rest of each is what the event says that created it.
INSERT INTO items (
    item_id, public_id, topic, sort_seq, type, entity, group_key, expire_at, created_at, last_rang_at, tags, content,
    contributors
)
SELECT
    e.seq, value ->> 'public_id', e.topic, e.seq, value ->> 'type', value ->> 'entity', value ->> 'group_key',
    value ->> 'expire_at', :now, :now, e.tags, e.data, value ->> 'contributors'
FROM jsonb_each(:rows) CROSS JOIN events e WHERE e.seq = value ->> 'item_id';

-- open_groups -> n, item_id, last_rang_at, contributors, content, unread
-- The newest item of each group that may still grow. unread: by the owner of the topic, if it has one.
WITH asked AS MATERIALIZED (
    SELECT value ->> 'n' AS n, value ->> 'topic' AS topic, value ->> 'group_key' AS group_key,
        :now - (value ->> 'window') AS since, value ->> 'owner' AS owner
    FROM json_each(:asked)
)
SELECT a.n, i.item_id, i.last_rang_at, i.contributors, i.content,
    a.owner IS NULL OR (
        coalesce(o.archived_at, 0) = 0 AND coalesce(o.read_at = 0, i.sort_seq > coalesce(u.read_seq, 0))
    ) AS unread
FROM asked a CROSS JOIN items i
LEFT JOIN users u ON u.user_id = a.owner
LEFT JOIN overrides o ON o.user_id = a.owner AND o.item_id = i.item_id AND o.sort_seq = i.sort_seq
WHERE i.item_id = (
    SELECT g.item_id FROM items g
    WHERE g.topic = a.topic AND g.group_key = a.group_key AND g.created_at > a.since
    AND (g.expire_at IS NULL OR g.expire_at > :now)
    ORDER BY g.sort_seq DESC LIMIT 1
);

-- move_items
UPDATE items SET
    sort_seq = value ->> 'sort_seq', type = value ->> 'type', entity = value ->> 'entity',
    expire_at = value ->> 'expire_at', last_rang_at = value ->> 'last_rang_at', tags = value ->> 'tags',
    content = value ->> 'content', contributors = value ->> 'contributors'
FROM jsonb_each(:rows) WHERE item_id = value ->> 'item_id';

-- change_items
UPDATE items SET
    type = value ->> 'type', entity = value ->> 'entity', expire_at = value ->> 'expire_at', tags = value ->> 'tags',
    content = value ->> 'content', contributors = coalesce(value ->> 'contributors', contributors)
FROM jsonb_each(:rows) WHERE item_id = value ->> 'item_id';

-- items_to_update -> item_id, topic, expire_at, content
SELECT item_id, topic, expire_at, content FROM items
WHERE (item_id = +:item_id AND public_id IS NULL) OR public_id = +:public_id
ORDER BY item_id;

-- items_to_retract -> item_id, public_id, topic, tags
SELECT item_id, public_id, topic, tags FROM items
WHERE (item_id = +:item_id AND public_id IS NULL) OR public_id = +:public_id
ORDER BY item_id;

-- items_of_entity -> item_id, public_id, topic, tags
SELECT item_id, public_id, topic, tags FROM items
WHERE entity = +:entity AND item_id > :after AND item_id <= :upto ORDER BY item_id LIMIT :limit + 0;

-- items_of_group -> item_id, public_id, topic, tags, expire_at, contributors, content
-- Their ids are sorted, so all of the group's in the index are looked at.
SELECT item_id, public_id, topic, tags, expire_at, contributors, content FROM items
WHERE item_id IN (
    SELECT item_id FROM items
    WHERE group_key = +:group_key AND item_id > :after AND item_id <= :upto ORDER BY item_id LIMIT :limit + 0
)
ORDER BY item_id;

-- items_to_expire -> item_id, public_id, topic, tags
SELECT item_id, public_id, topic, tags FROM items WHERE expire_at <= :now ORDER BY expire_at LIMIT :limit + 0;

-- aged_items -> item_id, public_id, topic, tags
SELECT item_id, public_id, topic, tags
FROM (SELECT item_id, public_id, topic, tags, created_at FROM items ORDER BY item_id LIMIT :limit + 0)
WHERE created_at < :before;

-- drop_items
DELETE FROM items WHERE item_id IN (SELECT value ->> 'item_id' FROM jsonb_each(:rows));

-- drop_overrides
DELETE FROM overrides WHERE (user_id, item_id) IN (
    SELECT o.user_id, o.item_id FROM jsonb_each(:rows) CROSS JOIN overrides o
    WHERE o.item_id = value ->> 'item_id' LIMIT 1000
);

-- add_gone_items
INSERT INTO gone_items (item_id) SELECT value ->> 'item_id' FROM jsonb_each(:rows)
WHERE EXISTS (SELECT 1 FROM overrides o WHERE o.item_id = value ->> 'item_id');

-- gone_items -> item_id
SELECT item_id FROM gone_items ORDER BY item_id LIMIT :limit + 0;

-- drop_marks -> item_id
DELETE FROM overrides WHERE (user_id, item_id) IN (
    SELECT o.user_id, o.item_id FROM gone_items g CROSS JOIN overrides o WHERE o.item_id = g.item_id LIMIT :limit + 0
) RETURNING item_id;

-- forget_gone_items -> item_id
DELETE FROM gone_items WHERE item_id IN (
    SELECT g.item_id FROM gone_items g
    WHERE NOT EXISTS (SELECT 1 FROM overrides o WHERE o.item_id = g.item_id) LIMIT :limit + 0
) RETURNING item_id;
