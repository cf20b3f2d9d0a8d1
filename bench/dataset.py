"""A database of the size a real application has.

A million notifications, a hundred thousand users, authors whose followers fall off as a power law, fifty
follows a user in the mean, and one topic that all users follow. `scale` makes all of it smaller.
"""

import bisect
import itertools
import json
import random
import sqlite3
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from bench.runner import Publisher, Runner
from bench.servers import Running, Server, draft

MEAN_FOLLOWS = 50
STEEPNESS = 0.7  # the author of rank r has followers in proportion to r ** -STEEPNESS
EVERYBODY = "everybody"  # the topic that all users follow
PAGE = 1000  # notifications in one request: the most that one may have


@dataclass(frozen=True, slots=True)
class Dataset:
    """The sizes of the dataset. Users are u0, u1 ...; the measured ones come on top of them."""

    scale: float

    @property
    def users(self) -> int:
        return int(100_000 * self.scale)

    @property
    def notifications(self) -> int:
        return int(1_000_000 * self.scale)

    @property
    def authors(self) -> int:
        return max(2100, int(20_000 * self.scale))

    def measured(self) -> Iterator[tuple[str, int]]:
        """(name, number of topics) of the users who are measured."""
        yield from ((f"fifty{number}", 50) for number in range(100))
        yield from ((f"many{number}", 2000) for number in range(10))
        yield from ((f"hundred{number}", 100) for number in range(1000))

    def followers(self, chance: random.Random) -> list[list[str]]:
        """The followers of each author, the most popular first."""
        weights = [rank**-STEEPNESS for rank in range(1, self.authors + 1)]
        each = MEAN_FOLLOWS * self.users / sum(weights)
        names = [f"u{number}" for number in range(self.users)]
        lists = []
        for weight in weights:
            some: set[int] = set()
            while len(some) < min(self.users, each * weight):
                # Some follow much and most little: low numbers are drawn more often.
                some.add(int(self.users * chance.random() ** 2))
            lists.append([names[number] for number in some])
        for name, topics in self.measured():
            for author in chance.sample(range(self.authors), topics):
                lists[author].append(name)
        return lists

    def drafts(self, chance: random.Random) -> Iterator[dict[str, object]]:
        """The notifications: two thirds to authors' topics, a third to one user, a few to all."""
        popular = list(itertools.accumulate(rank**-STEEPNESS for rank in range(1, self.authors + 1)))
        for number in range(self.notifications):
            text = f"notification {number}, with a sentence about as long as such a sentence is"
            if number % 10_000 == 0:
                yield draft(text, to={"topic": EVERYBODY})
            elif number % 3:
                author = bisect.bisect(popular, chance.random() * popular[-1])
                yield draft(text, to={"topic": f"author/{author}"})
            else:
                yield draft(text, to={"user": f"u{chance.randrange(self.users)}"})


def build(runner: Runner, server: Server, database: Path, dataset: Dataset) -> None:
    """Fill a new database: the follows, then the notifications through the API."""
    with runner.start(server) as target, urlopen(f"http://127.0.0.1:{target.port}/readyz"):
        pass  # who answers has made the schema; who only listens may not have
    chance = random.Random(4)
    began = time.monotonic()
    count = write_follows(database, dataset, chance)
    runner.say(f"  {count:,} follows in {time.monotonic() - began:.0f} s")
    began = time.monotonic()
    drafts = dataset.drafts(chance)
    with runner.start(server) as target:
        while pages := [page for _ in range(8) if (page := list(itertools.islice(drafts, PAGE)))]:
            post_all(target, server.publish_many, pages)
    runner.say(f"  {dataset.notifications:,} notifications in {time.monotonic() - began:.0f} s")


def write_follows(database: Path, dataset: Dataset, chance: random.Random) -> int:
    """The rows that following makes. The API would also log an event for each, which retention has long dropped."""
    followed = {f"author/{author}": users for author, users in enumerate(dataset.followers(chance))}
    followed[EVERYBODY] = [f"u{number}" for number in range(dataset.users)] + [name for name, _ in dataset.measured()]
    rows = sorted((user, topic) for topic, users in followed.items() for user in users)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("PRAGMA cache_size = -1000000")  # KB: both indexes in memory while they grow
        connection.executemany("INSERT INTO follows (user_id, topic, since) VALUES (?, ?, 0)", rows)
    return len(rows)


def post_all(target: Running, path: str, bodies: Sequence[object]) -> None:
    """Two publishers share the bodies: one is read while the other is written."""

    def some(first: int) -> None:
        publisher = Publisher(target)
        for body in bodies[first::2]:
            publisher.post(path, json.dumps(body).encode())
        publisher.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(some, range(2)))
