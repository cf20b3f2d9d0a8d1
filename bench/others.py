"""The effect of heavy work on others: publishes and inbox pages at a steady rate, and the write lock."""

import fcntl
import http.client
import itertools
import json
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.latency import percentile
from bench.servers import Running, draft

PUBLISHES = 100.0  # a second, by PUBLISHERS together
PUBLISHERS = 4  # connections: a commit that waits for the disk holds up the next of its own connection only
PAGES = 20.0  # of an inbox, a second
LOCK_LOOK = 0.002  # seconds between two looks at the write lock
WRITE_LOCK = 120  # the byte of the -shm file that a writer locks (https://sqlite.org/walformat.html)
Call = Callable[[http.client.HTTPConnection, int], None]  # makes the request of a turn
FLOCK = struct.Struct("hhqqi")


@dataclass(slots=True)
class Noticed:
    """Milliseconds from the time when a request was due to its answer; and what was seen of the file."""

    publishes: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    hold_ms: float = 0.0  # the longest time without a look that found the write lock free
    wal_bytes: int = 0  # at the most

    @property
    def publish_p99(self) -> float:
        return percentile(self.publishes, 0.99)

    @property
    def page_p99(self) -> float:
        return percentile(self.pages, 0.99)

    def __str__(self) -> str:
        return (
            f"publish p99 {self.publish_p99:.1f} ms (most {max(self.publishes):.0f}), page p99 {self.page_p99:.1f} ms, "
            f"write lock held {self.hold_ms:.0f} ms, WAL {self.wal_bytes / 1e6:.0f} MB"
        )


@contextmanager
def others(target: Running, database: Path, *, users: int) -> Iterator[Noticed]:
    """Others at work, until the block ends."""
    noticed, over = Noticed(), threading.Event()
    names = [f"u{number}" for number in range(users)]

    def publish(connection: http.client.HTTPConnection, turn: int) -> None:
        body = json.dumps(draft("x" * 150, to={"user": names[turn * 7919 % users]})).encode()
        _ask(connection, "POST", "/v1/notifications", body)

    def page(connection: http.client.HTTPConnection, turn: int) -> None:
        _ask(connection, "GET", f"/v1/inbox?user={names[turn * 104_729 % users]}&limit=20")

    def pace(call: Call, rate: float, into: list[float]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=120)
        began = time.monotonic()
        for turn in itertools.count():
            due = began + turn / rate
            if over.wait(max(0.0, due - time.monotonic())):
                break
            call(connection, turn)
            into.append((time.monotonic() - due) * 1000)
        connection.close()

    def watch() -> None:
        shared, wal = database.with_name(f"{database.name}-shm"), database.with_name(f"{database.name}-wal")
        with open(shared, "rb") as file:
            free = time.monotonic()
            while not over.wait(LOCK_LOOK):
                asked = FLOCK.pack(fcntl.F_RDLCK, 0, WRITE_LOCK, 1, 0)
                found = FLOCK.unpack(fcntl.fcntl(file, fcntl.F_GETLK, asked))[0]
                now = time.monotonic()
                if found == fcntl.F_UNLCK:
                    free = now
                else:
                    noticed.hold_ms = max(noticed.hold_ms, (now - free) * 1000)
                noticed.wal_bytes = max(noticed.wal_bytes, wal.stat().st_size)

    threads = [
        *(
            threading.Thread(target=pace, args=(publish, PUBLISHES / PUBLISHERS, noticed.publishes))
            for _ in range(PUBLISHERS)
        ),
        threading.Thread(target=pace, args=(page, PAGES, noticed.pages)),
        threading.Thread(target=watch),
    ]
    for thread in threads:
        thread.start()
    try:
        yield noticed
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> None:
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    connection.getresponse().read()
