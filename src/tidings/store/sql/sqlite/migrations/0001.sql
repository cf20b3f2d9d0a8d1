-- The counter that gives out seqs, and the name of this log. floor: the newest event that was pruned.
CREATE TABLE head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    floor INTEGER NOT NULL
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
-- What was followed when: reading back over it needs the changes of one person, not all that they were sent.
CREATE INDEX events_of_follows ON events (topic, seq) WHERE type IN ('follow.created', 'follow.deleted');

-- What lives in inboxes: one row a notification and topic, however many follow the topic.
CREATE TABLE notifications (
    nid INTEGER PRIMARY KEY, -- seq of the event that created it
    origin INTEGER NOT NULL, -- its public id: the first nid of what was published together
    topic TEXT NOT NULL,
    place INTEGER NOT NULL, -- seq of the event that last put it at the top
    type TEXT NOT NULL,
    entity TEXT,
    group_key TEXT,
    expire_at INTEGER,
    created_at INTEGER NOT NULL,
    rang_at INTEGER NOT NULL,
    tags TEXT NOT NULL,
    content TEXT NOT NULL,
    actor_ids TEXT NOT NULL -- of a group: whom it has counted, newest first, JSON
) STRICT;
-- With all that counting looks at, so that a thousand unread cost no thousand rows from elsewhere in the file.
CREATE INDEX notifications_by_topic ON notifications (topic, place, type, tags);
CREATE INDEX notifications_by_origin ON notifications (origin) WHERE origin <> nid;
CREATE INDEX notifications_by_entity ON notifications (entity) WHERE entity IS NOT NULL;
CREATE INDEX notifications_by_group ON notifications (topic, group_key, place) WHERE group_key IS NOT NULL;
CREATE INDEX notifications_by_expiry ON notifications (expire_at) WHERE expire_at IS NOT NULL;

-- People who came here: when (as a seq), and their two watermarks.
CREATE TABLE people (
    user TEXT PRIMARY KEY,
    arrival INTEGER NOT NULL,
    read INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    read_steps TEXT NOT NULL, -- the last few watermarks with their times, JSON
    seen_steps TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Exceptions to the watermarks. Each value: NULL no exception, 0 not, else milliseconds. They count at `place` only.
CREATE TABLE marks (
    user TEXT NOT NULL,
    nid INTEGER NOT NULL,
    place INTEGER NOT NULL,
    read INTEGER,
    seen INTEGER,
    archived INTEGER,
    PRIMARY KEY (user, nid)
) STRICT, WITHOUT ROWID;
CREATE INDEX marks_by_item ON marks (nid);
CREATE INDEX marks_to_void ON marks (user, place) WHERE read IS NOT NULL OR seen IS NOT NULL;
CREATE INDEX marks_not ON marks (user) WHERE read = 0 OR seen = 0;

CREATE TABLE follows (
    user TEXT NOT NULL,
    topic TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (user, topic)
) STRICT, WITHOUT ROWID;
CREATE INDEX follows_by_topic ON follows (topic, user);

CREATE TABLE mutes (
    user TEXT NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (user, tag)
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_by_time ON keys (time);
