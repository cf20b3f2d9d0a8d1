"""An old, large installation as a database file, written by SQL straight into the schema of the product.

Two million notifications, two hundred thousand users, seven million follows: topics that half of the users follow, and
users who follow two thousand topics. `scale` makes all of it smaller; the measured users are the same in each.
"""

import random
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import apsw
import msgspec

from tidings.domain.notification import Notification, notification_id, rfc3339, tags
from tidings.domain.topics import Topic
from tidings.store.sqlite.connection import connect
from tidings.store.sqlite.schema import make_private, migrate

EPOCH = "bench"
AGE = 80 * 24 * 3600 * 1000  # milliseconds since the first notification
BIG = 5  # topics that half of the users follow
MANY = 10  # users who follow 2 000 topics
SOME = 100  # users who follow 300
EXPORTER = "exporter"  # has EXPORTED of all notifications
EXPORTED = 0.07
ENTITY = "post/removed"  # about which RETRACTED of all notifications are
RETRACTED = 0.05
ROWS = 20_000  # written in one statement's run

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Town:
    """The sizes. Users are u0, u1 ..., authors' topics author/0 ...; the measured users come on top."""

    scale: float

    @property
    def users(self) -> int:
        return int(200_000 * self.scale)

    @property
    def notifications(self) -> int:
        return int(2_000_000 * self.scale)

    @property
    def events(self) -> int:
        """The newest of them whose events retention has kept."""
        return self.notifications // 2

    @property
    def authors(self) -> int:
        return max(2500, int(20_000 * self.scale))

    def follows(self, chance: random.Random) -> Iterator[tuple[str, str]]:
        """(user, topic), in this order."""
        followed: dict[str, list[str]] = {}
        for number in range(self.users):
            # The popular authors are drawn more often; half of the users follow the big topics.
            some = {f"author/{int(self.authors * chance.random() ** 2)}" for _ in range(34)}
            followed[f"u{number}"] = sorted(some | {f"big/{n}" for n in range(BIG) if number % 2})
        for name, count, topics in (("many", MANY, 2000), ("some", SOME, 300)):
            for number in range(count):
                chosen = {f"author/{author}" for author in chance.sample(range(self.authors), topics - BIG)}
                followed[f"{name}{number}"] = sorted(chosen | {f"big/{n}" for n in range(BIG)})
        for user in sorted(followed):
            for topic in followed[user]:
                yield user, topic

    def topics(self, chance: random.Random) -> Iterator[tuple[str, str | None]]:
        """(topic, entity) of each notification, the oldest first."""
        for number in range(self.notifications):
            drawn = chance.random()
            if drawn < EXPORTED:
                yield f"user/{EXPORTER}", None
            elif drawn < EXPORTED + RETRACTED:
                yield f"user/u{chance.randrange(self.users)}", ENTITY
            elif drawn < 0.4:
                yield f"user/u{chance.randrange(self.users)}", f"post/{number // 3}"
            elif drawn < 0.402:
                yield f"big/{number % BIG}", None
            else:
                yield f"author/{int(self.authors * chance.random() ** 2)}", f"post/{number // 3}"


class Row(NamedTuple):
    """A notification as rows of the store."""

    seq: int
    topic: str
    type: str
    entity: str | None
    created_at: int
    tags: str
    content: str


def rows(town: Town, chance: random.Random, *, now: int) -> Iterator[Row]:
    for seq, (topic, entity) in enumerate(town.topics(chance), 1):
        created_at = now - AGE + AGE * seq // town.notifications
        type = ("comment.created", "like.created", "follow.created", "post.published")[seq % 4]
        item = Notification(
            id=notification_id(EPOCH, seq),
            cursor=f"{EPOCH}-{seq}",
            topic=Topic(topic),
            type=type,
            title=f"Somebody did something that you may like to know ({seq})",
            body="A sentence or two about what it was, as long as they are in most applications, and no longer.",
            actor={"id": f"u{seq % town.users}", "name": "A name of two words"},
            action_url=f"/posts/{seq // 3}",
            entity=entity,
            status="UNREAD",
            create_time=rfc3339(created_at),
            ring=True,
        )
        marked = " ".join(sorted(tags(item.topic, type=type, entity=entity, priority=item.priority)))
        yield Row(seq, topic, type, entity, created_at, marked, _encode(item).decode())


def build(path: Path, town: Town) -> None:
    """Write the database. Its indexes are made when the tables are full: that is several times as fast."""
    make_private(path)
    with closing(connect(path)) as database:
        migrate(database)
        database.pragma("synchronous", "off")
        database.pragma("cache_size", -1_000_000)  # KB
        indexes = database.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql <> ''").fetchall()
        for name, _ in indexes:
            database.execute(f"DROP INDEX {name}")
        _fill(database, town)
        for _, sql in indexes:
            database.execute(str(sql))
        database.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


def _fill(database: apsw.Connection, town: Town) -> None:
    chance, now = random.Random(4), time.time_ns() // 1_000_000
    first_event = town.notifications - town.events
    database.execute("BEGIN")
    database.execute("UPDATE epochs SET name = ?", (EPOCH,))
    database.execute("UPDATE head SET epoch = ?, seq = ?, floor = ?", (EPOCH, town.notifications, first_event))
    database.executemany("INSERT INTO follows (user_id, topic, since) VALUES (?, ?, 0)", town.follows(chance))
    users = sorted(
        [
            EXPORTER,
            *(f"u{number}" for number in range(town.users)),
            *(f"many{number}" for number in range(MANY)),
            *(f"some{number}" for number in range(SOME)),
        ]
    )
    database.executemany("INSERT INTO users VALUES (?, 0, 0, 0, '[]', '[]')", ((user,) for user in users))
    database.execute("COMMIT")
    written = rows(town, chance, now=now)
    while some := [*islice(written, ROWS)]:
        database.execute("BEGIN")
        database.executemany(
            "INSERT INTO items VALUES (?, NULL, ?, ?, ?, ?, NULL, NULL, ?, ?, ?, ?, '[]')",
            [(r.seq, r.topic, r.seq, r.type, r.entity, r.created_at, r.created_at, r.tags, r.content) for r in some],
        )
        database.executemany(
            "INSERT INTO events VALUES (?, ?, 'notification.created', ?, ?, ?)",
            [(r.seq, r.topic, r.tags, r.created_at, r.content) for r in some if r.seq > first_event],
        )
        database.execute("COMMIT")
        database.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
