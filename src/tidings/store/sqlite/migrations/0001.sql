-- The counter that gives out seqs, and the epoch they are given in. floor: the newest event that was pruned.
CREATE TABLE head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL, -- the newest of `epochs`
    seq INTEGER NOT NULL,
    floor INTEGER NOT NULL
) STRICT;

-- The names that this log has had, the present one last.
CREATE TABLE epochs (
    number INTEGER PRIMARY KEY, -- 1, 2, 3 ...
    name TEXT NOT NULL UNIQUE,
    forked_at INTEGER NOT NULL -- the last seq that it shares with the epoch before it; 0 for the first
) STRICT;

-- The log.
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    type TEXT NOT NULL,
    tags TEXT NOT NULL,
    time INTEGER NOT NULL, -- milliseconds
    data TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_topic ON events (topic, seq);
-- Changes of follows: reading back needs those of one user, not all events that the user was sent.
CREATE INDEX events_of_follows ON events (topic, seq) WHERE type IN ('follow.created', 'follow.deleted');

-- Items of inboxes: one row a notification and topic, however many follow the topic.
CREATE TABLE items (
    item_id INTEGER PRIMARY KEY, -- seq of the event that created it
    -- The notification id, as text, so that a notification of another log can be kept; NULL for the id that this log
    -- gave the item of its own: what was published to one topic, and the first item of what went to several.
    public_id TEXT,
    topic TEXT NOT NULL,
    sort_seq INTEGER NOT NULL, -- seq of the event that last put it at the top
    type TEXT NOT NULL,
    entity TEXT,
    group_key TEXT,
    expire_at INTEGER,
    created_at INTEGER NOT NULL,
    last_rang_at INTEGER NOT NULL,
    tags TEXT NOT NULL,
    content TEXT NOT NULL,
    contributors TEXT NOT NULL -- of a group, newest first: [[actor id, how many, actor], ...]
) STRICT;
-- With all that counting looks at, so that a thousand unread cost no thousand rows from elsewhere in the file.
CREATE INDEX items_by_topic ON items (topic, sort_seq, type, tags);
CREATE INDEX items_by_public_id ON items (public_id) WHERE public_id IS NOT NULL;
CREATE INDEX items_by_entity ON items (entity) WHERE entity IS NOT NULL;
CREATE INDEX items_by_group ON items (group_key, topic, sort_seq) WHERE group_key IS NOT NULL;
CREATE INDEX items_by_expiry ON items (expire_at) WHERE expire_at IS NOT NULL;

-- People who came here: when (as a seq), and their two watermarks.
CREATE TABLE users (
    user_id TEXT PRIMARY KEY,
    first_seen_seq INTEGER NOT NULL,
    read_seq INTEGER NOT NULL,
    seen_seq INTEGER NOT NULL,
    read_steps TEXT NOT NULL, -- the last few watermarks with their times, JSON
    seen_steps TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Exceptions to the watermarks. Each value: NULL no exception, 0 not, else milliseconds. They count at `sort_seq` only.
CREATE TABLE overrides (
    user_id TEXT NOT NULL,
    item_id INTEGER NOT NULL,
    sort_seq INTEGER NOT NULL,
    read_at INTEGER,
    seen_at INTEGER,
    archived_at INTEGER,
    PRIMARY KEY (user_id, item_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX overrides_by_item ON overrides (item_id);
CREATE INDEX overrides_to_void ON overrides (user_id, sort_seq) WHERE read_at IS NOT NULL OR seen_at IS NOT NULL;
CREATE INDEX overrides_not ON overrides (user_id) WHERE read_at = 0 OR seen_at = 0;
CREATE INDEX overrides_archived ON overrides (user_id, sort_seq) WHERE archived_at > 0;

-- Items that are gone, of which overrides are left: to drop those of a hundred thousand users at once would take too long.
CREATE TABLE gone_items (
    item_id INTEGER PRIMARY KEY
) STRICT;

-- Writes that are done in steps, not done with the first: to the items in (after, upto] it is still to be done.
CREATE TABLE stepwise_writes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    argument TEXT NOT NULL, -- JSON
    after INTEGER NOT NULL, -- upto: it is done
    upto INTEGER NOT NULL,
    number INTEGER NOT NULL, -- items to which it was done
    stepped_at INTEGER NOT NULL -- milliseconds
) STRICT;

CREATE TABLE follows (
    user_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (user_id, topic)
) STRICT, WITHOUT ROWID;
CREATE INDEX follows_by_topic ON follows (topic, user_id);

CREATE TABLE mutes (
    user_id TEXT NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (user_id, tag)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_keys (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_by_time ON idempotency_keys (time);


-- Tickets that were given and not used yet. Of each only a digest is kept.
CREATE TABLE tickets (
    digest TEXT PRIMARY KEY,
    user_id TEXT NOT NULL, -- '' for a caller without one
    content TEXT NOT NULL, -- what it grants, JSON
    given_at INTEGER NOT NULL,
    expire_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tickets_by_user ON tickets (user_id, given_at);
CREATE INDEX tickets_by_expiry ON tickets (expire_at);

-- Leases on work that only one process may do at a time: the process, and the end of its lease.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    expire_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Credentials that are refused before their time is over: one token, or all of a user that are older than a moment.
CREATE TABLE revocations (
    seq INTEGER PRIMARY KEY, -- of the event that tells every process
    user_id TEXT UNIQUE,
    issued_before INTEGER, -- seconds, as in a token's `iat`
    jti TEXT UNIQUE,
    expire_at INTEGER NOT NULL -- when every token that this is about has expired by itself
) STRICT;
CREATE INDEX revocations_by_expiry ON revocations (expire_at);

-- Keys that this installation has made for itself.
CREATE TABLE secrets (
    name TEXT PRIMARY KEY,
    secret TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The API keys of applications. Of each secret only a digest is kept; a name has two while it is rotated.
CREATE TABLE api_keys (
    digest TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    grants TEXT NOT NULL, -- topics, exact or with a trailing /*, JSON
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Workers that read the whole log, each event at least once: everything up to `seq` is done.
CREATE TABLE log_readers (
    name TEXT PRIMARY KEY,
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
