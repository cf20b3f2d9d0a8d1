"""The cost of reading an inbox, on a database of the size a real application has (see `bench.dataset`)."""

import http.client
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

from bench.dataset import EVERYBODY, Dataset, build
from bench.latency import percentile
from bench.load import listeners
from bench.runner import Figure, Publisher, Runner
from bench.servers import BASELINE, Failed, Running, Server, payload

GROUP = "The inbox"
FILTERS = ("status=archived", "status=unread", "status=read", "type=rare")


def run(runner: Runner) -> list[Figure]:
    dataset = Dataset(min(runner.scale, 0.01) if runner.quick else runner.scale)
    size = f"{dataset.notifications:,} notifications, {dataset.users:,} users"
    database = prepared(runner, dataset)
    with runner.start(on(runner, database)) as target:
        figures = [*reading(runner, target, database), *announcing(runner, target, dataset, database)]
    with runner.start(on(runner, database)) as target:
        figures.append(following(runner, target))
    return [replace(figure, title=f"{figure.title} ({size})") for figure in figures]


def on(runner: Runner, database: Path) -> Server:
    """Tidings on this database, with retention off: what it frees would be taken for what a call needs."""
    keep_all = ("env", "TIDINGS_RETENTION_ROWS=1000000000")
    return replace(runner.tidings, argv=(*keep_all, *runner.command, "dev", "--port", "PORT", "--db", str(database)))


def prepared(runner: Runner, dataset: Dataset) -> Path:
    """The full database, made now or copied from the one that was kept."""
    runner.files.mkdir(parents=True, exist_ok=True)
    database = runner.files / "dataset.db"
    kept = runner.keep / f"dataset-{dataset.scale}.db" if runner.keep else None
    if kept and kept.exists():
        shutil.copyfile(kept, database)
    else:
        build(runner, on(runner, database), database, dataset)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(database, kept)
    os.sync()  # or the first commits wait for all of it
    return database


class Caller:
    """Calls over one kept connection, and how long each took."""

    def __init__(self, target: Running) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=120)

    def call(self, method: str, path: str, body: bytes = b"") -> tuple[float, bytes]:
        """Milliseconds, and the answer."""
        began = time.perf_counter()
        self._connection.request(method, path, body or None, {"Content-Type": "application/json"} if body else {})
        answer = self._connection.getresponse()
        said = answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status not in (200, 201, 202, 204, 304):
            raise Failed(f"{method} {path} was answered {answer.status}: {said[:300]!r}")
        return took, said

    def times(self, method: str, paths: Iterator[str]) -> list[float]:
        return [self.call(method, path)[0] for path in paths]


def reading(runner: Runner, target: Running, database: Path) -> Iterator[Figure]:
    calls = runner.size(1000, 200)

    def users(name: str, count: int) -> Iterator[str]:
        return islice(cycle(f"{name}{number}" for number in range(count)), calls)

    with runner.start(BASELINE) as baseline:
        bare = Caller(baseline).times("GET", (f"/same?user={user}" for user in users("fifty", 100)))
    caller = Caller(target)

    used = target.stats.cpu()

    def figure(key: str, title: str, times: list[float], limit: float) -> Figure:
        nonlocal used
        before, used = used, target.stats.cpu()
        runner.say(
            f"  {title}: median {percentile(times, 0.5):.2f} ms, p99 {percentile(times, 0.99):.2f} ms, "
            f"CPU {(used - before) / len(times) * 1000:.2f} ms each"
        )
        return Figure(
            key=key,
            group=GROUP,
            title=f"{title}, p99",
            unit="ms",
            measured=percentile(times, 0.99),
            baseline=percentile(bare, 0.99),
            target=f"{limit:.0f} ms",
            limit=limit,
        )

    for name, count, topics, limit in (("fifty", 100, "50", 20), ("many", 10, "2 000", 60)):
        pages = caller.times("GET", (f"/v1/inbox?user={user}&limit=20" for user in users(name, count)))
        yield figure(f"inbox-{name}", f"first page, {topics} topics", pages, limit)
    for name, count, topics, limit in (("fifty", 100, "50", 10), ("many", 10, "2 000", 30)):
        archive_some(caller, (f"{name}{number}" for number in range(count)))
        filters = cycle(FILTERS)
        pages = caller.times("GET", (f"/v1/inbox?user={user}&limit=20&{next(filters)}" for user in users(name, count)))
        yield figure(f"inbox-{name}-filtered", f"first page of one status or type, {topics} topics", pages, limit)
    for name, count, topics in (("fifty", 100, "50"), ("many", 10, "2 000")):
        counts = caller.times("GET", (f"/v1/inbox/counters?user={user}" for user in users(name, count)))
        yield figure(f"counters-{name}", f"counters, {topics} topics", counts, 10)
    many_ms, many_bytes = marks(caller, target, database, user="many0", calls=calls // 5)
    yield figure("read-up-to", "read up to, 2 000 topics", many_ms, 10)
    some_ms, _ = marks(caller, target, database, user="fifty0", calls=calls // 5)
    yield figure("read-up-to-some", "read up to, 50 topics", some_ms, 10)
    near_ms, _ = marks(caller, target, database, user="many1", calls=calls // 5, within=200)
    yield figure("read-up-to-near", "read up to, 2 000 topics, within 200 events of the head", near_ms, 4)
    few_ms, few_bytes = marks(caller, target, database, user="few", calls=calls // 5)
    yield figure("read-up-to-few", "read up to, 1 topic", few_ms, 10)
    yield Figure(
        key="read-bytes",
        group=GROUP,
        title="bytes on disk for one read up to, by one who follows 2 000 topics",
        unit="bytes",
        measured=many_bytes,
        peers={"who follows 1 topic": few_bytes},
        target="1.2 x of one who follows 1",
        limit=1.2 * few_bytes,
    )


def archive_some(caller: Caller, users: Iterable[str]) -> None:
    """Archive thirty items of each user."""
    for user in users:
        ids = [item["id"] for item in json.loads(caller.call("GET", f"/v1/inbox?user={user}&limit=30")[1])["data"]]
        caller.call("POST", f"/v1/inbox/archive?user={user}", json.dumps({"ids": ids}).encode())


def marks(
    caller: Caller, target: Running, database: Path, *, user: str, calls: int, within: int | None = None
) -> tuple[list[float], float]:
    """Read the inbox of a user in steps, from the start of the log or `within` so many events of its head.

    Milliseconds of each, and bytes on disk of one in the mean.
    """
    publisher = Publisher(target)
    publisher.post(f"/v1/topics/{EVERYBODY}/followers/{user}", b"", method="PUT")
    head = json.loads(publisher.send(payload(100), to={"user": user})[2])["cursor"]
    publisher.close()
    epoch, _, seq = head.rpartition("-")
    before = used(database)
    length = within or int(seq)
    steps = (int(seq) - length + length * step // calls for step in range(1, calls + 1))
    took = [
        caller.call("POST", f"/v1/inbox/read?user={user}", json.dumps({"up_to": f"{epoch}-{step}"}).encode())[0]
        for step in steps
    ]
    return took, (used(database) - before) / calls


def used(database: Path) -> int:
    """Bytes in use in the database, what is still in its write-ahead log included."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as look:
        pages, free, size = (
            look.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)


def announcing(runner: Runner, target: Running, dataset: Dataset, database: Path) -> Iterator[Figure]:
    connected, times = runner.size(5000, 500), 10
    publisher = Publisher(target)
    with listeners(target, target.server.sse, streams=connected, expect=connected * times, timeout=90) as client:
        target.stats.settle(most=60)
        before = used(database)  # by now all who came for the first time are written down
        answered = publisher.pace(payload(150), events=times, rate=1)
        heard = client.heard()
    publisher.close()
    if heard.count != connected * times:
        raise Failed(f"{heard.count} of {connected * times} announcements were heard")
    grown = (used(database) - before) / times
    rows_seconds, rows_bytes = row_each(runner.files / "rows.db", users=dataset.users)
    title = f"announcement to all, {connected:,} connected"
    yield Figure(
        key="announce",
        group=GROUP,
        title=f"{title}: delivered to all",
        unit="s",
        measured=max((heard.marks[stamp][1] - stamp) / 1e9 for stamp in answered),
        peers={"a row for each user, written only": rows_seconds},
        target="1 s",
        limit=1,
    )
    yield Figure(
        key="announce-bytes",
        group=GROUP,
        title=f"{title}: growth of the database",
        unit="bytes",
        measured=grown,
        peers={"a row for each user, written only": rows_bytes},
        target="one row: under 4 096",
        limit=4096,
    )


def row_each(path: Path, *, users: int) -> tuple[float, float]:
    """The cost of one announcement in the usual schema: seconds and bytes to write each user's row."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE inbox (user TEXT, notification INTEGER, read INTEGER,"
            " PRIMARY KEY (user, notification)) WITHOUT ROWID"
        )
        before, began = used(path), time.perf_counter()
        with database:
            database.executemany("INSERT INTO inbox VALUES (?, 1, 0)", ((f"u{number}",) for number in range(users)))
        return time.perf_counter() - began, used(path) - before


def following(runner: Runner, target: Running) -> Figure:
    """Memory of an open stream whose user follows a hundred topics and the one that all users follow."""
    streams = runner.size(1000, 200)
    path = target.server.sse.replace("u%d", "hundred%d")
    caller = Caller(target)
    for number in range(4 * streams):  # the database's caches are no memory of a stream: fill them first
        caller.call("GET", f"/v1/inbox/counters?user=hundred{number % streams}")
    few = streams // 5
    with listeners(target, path, streams=few):
        target.stats.settle()
        memory = target.stats.memory()
        with listeners(target, path, streams=streams - few, first=few):
            target.stats.settle()
            grown = target.stats.memory() - memory
    return Figure(
        key="following",
        group=GROUP,
        title="memory per idle stream of a user who follows 101 topics",
        unit="KB",
        measured=grown / (streams - few) / 1024,
        target="3 KB + 100 bytes a topic",
        limit=3 + 101 * 100 / 1024,
    )
