-- add_items
-- The rest of each is what the event says that created it.
INSERT INTO items (
    item_id, public_id, topic, sort_seq, type, entity, group_key, expire_at, created_at, last_rang_at, tags, content,
    contributors
)
SELECT
    e.seq, r.public_id, e.topic, e.seq, r.type, r.entity, r.group_key, r.expire_at, :now::bigint, :now::bigint, e.tags,
    e.data, r.contributors
FROM jsonb_to_recordset(:rows::jsonb) AS r (
    item_id bigint, public_id text, type text, entity text, group_key text, expire_at bigint, contributors text
)
JOIN events e ON e.seq = r.item_id;

-- open_groups -> n, item_id, last_rang_at, contributors, content, unread
-- The newest item of each group that may still grow. unread: by the owner of the topic, if it has one.
SELECT a.n, i.item_id, i.last_rang_at, i.contributors, i.content,
    a.owner IS NULL OR (
        coalesce(o.archived_at, 0) = 0 AND coalesce(o.read_at = 0, i.sort_seq > coalesce(u.read_seq, 0))
    ) AS unread
FROM (
    SELECT r.n, r.topic, r.group_key, :now::bigint - r."window" AS since, r.owner
    FROM jsonb_to_recordset(:asked::jsonb) AS r (n bigint, topic text, group_key text, "window" bigint, owner text)
) a
CROSS JOIN LATERAL (
    SELECT g.item_id, g.sort_seq, g.last_rang_at, g.contributors, g.content FROM items g
    WHERE g.topic = a.topic AND g.group_key = a.group_key AND g.created_at > a.since
    AND (g.expire_at IS NULL OR g.expire_at > :now::bigint)
    ORDER BY g.sort_seq DESC LIMIT 1
) i
LEFT JOIN users u ON u.user_id = a.owner
LEFT JOIN overrides o ON o.user_id = a.owner AND o.item_id = i.item_id AND o.sort_seq = i.sort_seq;

-- move_items
UPDATE items i SET
    sort_seq = r.sort_seq, type = r.type, entity = r.entity, expire_at = r.expire_at, last_rang_at = r.last_rang_at,
    tags = r.tags, content = r.content, contributors = r.contributors
FROM jsonb_to_recordset(:rows::jsonb) AS r (
    item_id bigint, sort_seq bigint, type text, entity text, expire_at bigint, last_rang_at bigint, tags text,
    content text, contributors text
)
WHERE i.item_id = r.item_id;

-- change_items
UPDATE items i SET
    type = r.type, entity = r.entity, expire_at = r.expire_at, tags = r.tags, content = r.content,
    contributors = coalesce(r.contributors, i.contributors)
FROM jsonb_to_recordset(:rows::jsonb) AS r (
    item_id bigint, type text, entity text, expire_at bigint, tags text, content text, contributors text
)
WHERE i.item_id = r.item_id;

-- items_to_update -> item_id, topic, expire_at, content
SELECT item_id, topic, expire_at, content FROM items
WHERE (item_id = :item_id::bigint AND public_id IS NULL) OR public_id = :public_id::text
ORDER BY item_id;

-- items_to_retract -> item_id, public_id, topic, tags
SELECT item_id, public_id, topic, tags FROM items
WHERE (item_id = :item_id::bigint AND public_id IS NULL) OR public_id = :public_id::text
ORDER BY item_id;

-- items_of_entity -> item_id, public_id, topic, tags
SELECT item_id, public_id, topic, tags FROM items
WHERE entity = :entity::text AND item_id > :after::bigint AND item_id <= :upto::bigint
ORDER BY item_id LIMIT :limit::bigint;

-- items_of_group -> item_id, public_id, topic, tags, expire_at, contributors, content
-- Their ids are sorted, so all of the group's are looked at.
SELECT item_id, public_id, topic, tags, expire_at, contributors, content FROM items
WHERE item_id = ANY (ARRAY(
    SELECT item_id FROM (
        SELECT item_id FROM items WHERE group_key = :group_key::text OFFSET 0
    ) g WHERE item_id > :after::bigint AND item_id <= :upto::bigint ORDER BY item_id LIMIT :limit::bigint
))
ORDER BY item_id;

-- items_to_expire -> item_id, public_id, topic, tags
SELECT item_id, public_id, topic, tags FROM items
WHERE expire_at <= :now::bigint ORDER BY expire_at LIMIT :limit::bigint;

-- aged_items -> item_id, public_id, topic, tags
SELECT item_id, public_id, topic, tags
FROM (SELECT item_id, public_id, topic, tags, created_at FROM items ORDER BY item_id LIMIT :limit::bigint) oldest
WHERE created_at < :before::bigint;

-- drop_items
DELETE FROM items
WHERE item_id = ANY (ARRAY(SELECT r.item_id FROM jsonb_to_recordset(:rows::jsonb) AS r (item_id bigint)));

-- drop_overrides
DELETE FROM overrides WHERE ctid = ANY (ARRAY(
    SELECT o.ctid FROM jsonb_to_recordset(:rows::jsonb) AS r (item_id bigint)
    CROSS JOIN LATERAL (SELECT o.ctid FROM overrides o WHERE o.item_id = r.item_id LIMIT 1000) o LIMIT 1000
));

-- add_gone_items
INSERT INTO gone_items (item_id) SELECT r.item_id FROM jsonb_to_recordset(:rows::jsonb) AS r (item_id bigint)
WHERE EXISTS (SELECT 1 FROM overrides o WHERE o.item_id = r.item_id);

-- gone_items -> item_id
SELECT item_id FROM gone_items ORDER BY item_id LIMIT :limit::bigint;

-- drop_marks -> item_id
DELETE FROM overrides WHERE ctid = ANY (ARRAY(
    SELECT o.ctid FROM gone_items g
    CROSS JOIN LATERAL (SELECT o.ctid FROM overrides o WHERE o.item_id = g.item_id LIMIT :limit::bigint) o
    LIMIT :limit::bigint
)) RETURNING item_id;

-- forget_gone_items -> item_id
DELETE FROM gone_items WHERE item_id = ANY (ARRAY(
    SELECT g.item_id FROM gone_items g
    WHERE NOT EXISTS (SELECT 1 FROM overrides o WHERE o.item_id = g.item_id) LIMIT :limit::bigint
)) RETURNING item_id;
