-- Text that is compared or sorted is in byte order, as in the embedded store and in the scripts.

-- What the log is called, what retention removed, and the server that it was written on. The head is that of `events`: a
-- counter here would leave a dead row with each commit, and reads would walk through them while any snapshot is old.
CREATE TABLE head (
    one integer PRIMARY KEY CHECK (one = 1),
    epoch text COLLATE "C" NOT NULL, -- the newest of `epochs`
    floor bigint NOT NULL, -- the newest event that was pruned
    place text COLLATE "C" NOT NULL -- server, database and timeline: on another the log goes on under another epoch
);

-- Locked by each transaction that appends. It has no rows, so that nothing but such a transaction locks it.
CREATE TABLE append_lock ();

-- The names that this log has had, the present one last.
CREATE TABLE epochs (
    number bigint PRIMARY KEY, -- 1, 2, 3 ...
    name text COLLATE "C" NOT NULL UNIQUE,
    forked_at bigint NOT NULL -- the last seq that it shares with the epoch before it; 0 for the first
);

-- The log.
CREATE TABLE events (
    seq bigint PRIMARY KEY,
    topic text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    tags text NOT NULL,
    time bigint NOT NULL, -- milliseconds
    data text NOT NULL
);
CREATE INDEX events_by_topic ON events (topic, seq);
-- What was followed when: reading back over it needs the changes of one person, not all that they were sent.
CREATE INDEX events_of_follows ON events (topic, seq) WHERE type IN ('follow.created', 'follow.deleted');

-- What lives in inboxes: one row a notification and topic, however many follow the topic.
CREATE TABLE items (
    item_id bigint PRIMARY KEY, -- seq of the event that created it
    public_id text COLLATE "C", -- NULL for the id that this log gave the item of its own
    topic text COLLATE "C" NOT NULL,
    sort_seq bigint NOT NULL, -- seq of the event that last put it at the top
    type text COLLATE "C" NOT NULL,
    entity text COLLATE "C",
    group_key text COLLATE "C",
    expire_at bigint,
    created_at bigint NOT NULL,
    last_rang_at bigint NOT NULL,
    tags text NOT NULL,
    content text NOT NULL,
    contributors text NOT NULL -- of a group, newest first: [[actor id, how many, actor], ...]
);
-- With what counting looks at but the tags, which may be too long for an index and which only those who mute need.
CREATE INDEX items_by_topic ON items (topic, sort_seq) INCLUDE (item_id, type);
CREATE INDEX items_by_public_id ON items (public_id) WHERE public_id IS NOT NULL;
CREATE INDEX items_by_entity ON items (entity, item_id) WHERE entity IS NOT NULL;
CREATE INDEX items_by_group ON items (group_key, topic, sort_seq) WHERE group_key IS NOT NULL;
CREATE INDEX items_by_expiry ON items (expire_at) WHERE expire_at IS NOT NULL;

-- People who came here: when (as a seq), and their two watermarks.
CREATE TABLE users (
    user_id text COLLATE "C" PRIMARY KEY,
    first_seen_seq bigint NOT NULL,
    read_seq bigint NOT NULL,
    seen_seq bigint NOT NULL,
    read_steps text NOT NULL, -- the last few watermarks with their times, JSON
    seen_steps text NOT NULL
);

-- Exceptions to the watermarks. Each value: NULL no exception, 0 not, else milliseconds. They count at `sort_seq` only.
CREATE TABLE overrides (
    user_id text COLLATE "C" NOT NULL,
    item_id bigint NOT NULL,
    sort_seq bigint NOT NULL,
    read_at bigint,
    seen_at bigint,
    archived_at bigint,
    PRIMARY KEY (user_id, item_id)
);
CREATE INDEX overrides_by_item ON overrides (item_id);
CREATE INDEX overrides_to_void ON overrides (user_id, sort_seq) WHERE read_at IS NOT NULL OR seen_at IS NOT NULL;
CREATE INDEX overrides_not ON overrides (user_id) WHERE read_at = 0 OR seen_at = 0;
CREATE INDEX overrides_archived ON overrides (user_id, sort_seq) WHERE archived_at > 0;

-- Items that are gone, of which overrides are left: to drop those of a hundred thousand users at once would take too long.
CREATE TABLE gone_items (
    item_id bigint PRIMARY KEY
);

-- Writes that are done in steps, not done with the first: to the items in (after, upto] it is still to be done.
CREATE TABLE stepwise_writes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    argument text NOT NULL, -- JSON
    after bigint NOT NULL, -- upto: it is done
    upto bigint NOT NULL,
    number bigint NOT NULL, -- items to which it was done
    stepped_at bigint NOT NULL -- milliseconds
);

CREATE TABLE follows (
    user_id text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    since bigint NOT NULL,
    PRIMARY KEY (user_id, topic)
);
CREATE INDEX follows_by_topic ON follows (topic, user_id);

CREATE TABLE mutes (
    user_id text COLLATE "C" NOT NULL,
    tag text COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, tag)
);

CREATE TABLE idempotency_keys (
    scope text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    fingerprint text NOT NULL,
    status integer NOT NULL,
    body text NOT NULL,
    time bigint NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX keys_by_time ON idempotency_keys (time);

-- Tickets that were given and not used yet. Of each only a digest is kept.
CREATE TABLE tickets (
    digest text COLLATE "C" PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL, -- '' for a caller without one
    content text NOT NULL, -- what it grants, JSON
    given_at bigint NOT NULL,
    expire_at bigint NOT NULL
);
CREATE INDEX tickets_by_user ON tickets (user_id, given_at);
CREATE INDEX tickets_by_expiry ON tickets (expire_at);

-- What only one process may do at a time, which one does it, and until when it may.
CREATE TABLE leases (
    name text COLLATE "C" PRIMARY KEY,
    holder text NOT NULL,
    expire_at bigint NOT NULL
);

-- Credentials that are refused before their time is over: one token, or all of a user that are older than a moment.
CREATE TABLE revocations (
    seq bigint PRIMARY KEY, -- of the event that tells every process
    user_id text COLLATE "C" UNIQUE,
    issued_before bigint, -- seconds, as in a token's `iat`
    jti text COLLATE "C" UNIQUE,
    expire_at bigint NOT NULL -- when every token that this is about has expired by itself
);
CREATE INDEX revocations_by_expiry ON revocations (expire_at);

-- Keys that this installation has made for itself.
CREATE TABLE secrets (
    name text COLLATE "C" PRIMARY KEY,
    secret text NOT NULL
);

-- What applications publish with. Of each secret only a digest is kept; a name has two while it is rotated.
CREATE TABLE api_keys (
    digest text COLLATE "C" PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    grants text NOT NULL, -- topics, exact or with a trailing /*, JSON
    created_at bigint NOT NULL
);

-- Workers that read the whole log, each event at least once: everything up to `seq` is done.
CREATE TABLE log_readers (
    name text COLLATE "C" PRIMARY KEY,
    seq bigint NOT NULL
);
