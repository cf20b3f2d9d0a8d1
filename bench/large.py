"""An operator's day on a large, old installation beside a small one, and its effect on others."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import apsw

from bench.inbox import FILTERS, Caller, archive_some
from bench.large_dataset import ENTITY, EXPORTER, MANY, Town, build
from bench.latency import percentile
from bench.load import listeners
from bench.others import Noticed, others
from bench.runner import Figure, Runner
from bench.servers import Running, Server

GROUP = "Large and old"
SMALL = 0.01  # of the large one
REPLAYED = 100  # clients with the cursor of another log
KEEP_ALL = ("TIDINGS_RETENTION_ROWS=1000000000", "TIDINGS_RETENTION_AGE=3000000000", "TIDINGS_INBOX_AGE=3000000000")
EXPIRES_IN = 4000  # milliseconds after which many expire at once
PUBLISH_MS = 50.0  # p99, at most, and five times that of a quiet server

Day = dict[str, float]  # figure -> value


def run(runner: Runner) -> list[Figure]:
    scale = min(runner.scale, 0.1) if runner.quick else runner.scale
    days = []
    for size in (scale * SMALL, scale):
        town = Town(size)
        runner.say(f" {town.notifications:,} notifications, {town.users:,} users")
        days.append(day(runner, town))
    small, large = days
    title = f"{Town(scale).notifications:,} notifications"
    return [
        Figure(
            key=f"large-{key}",
            group=GROUP,
            title=f"{said} ({title})",
            unit=unit,
            measured=large[key],
            peers={f"{Town(scale * SMALL).notifications:,}": small.get(key)},
            target=f"{limit:g} {unit}" if limit is not None else "",
            limit=limit,
        )
        for key, said, unit, limit in TABLE
        if key in large
    ]


def _publishing(key: str, during: str) -> tuple[str, str, str, float]:
    return (f"{key}-publish", f"publish p99 {during}", "ms", PUBLISH_MS)


TABLE: list[tuple[str, str, str, float | None]] = [
    ("quiet-publish", "publish p99, quiet", "ms", None),
    ("quiet-page", "inbox page p99, quiet", "ms", None),
    _publishing("backup", "during a backup"),
    _publishing("retention", "during retention"),
    _publishing("open-read", "while a read is left open"),
    _publishing("expiry", "while many expire at once"),
    _publishing("export", "during an export"),
    _publishing("retract", "while an entity is retracted"),
    ("replay-publish", f"publish p99 while {REPLAYED} clients are replayed everything", "ms", 100),
    ("replay-page", f"inbox page p99 while {REPLAYED} clients are replayed everything", "ms", 100),
    ("replay-seconds", f"{REPLAYED} clients are replayed everything", "s", None),
    ("filters", "inbox page of 100 with any filter, 2 000 topics, p99", "ms", 30),
    ("event-cpu", "CPU an event of a replay out of the database, 300 topics", "µs", 4),
    ("muted", "counters with everything muted, 2 000 topics, p99", "ms", 5),
    ("mute", "a change of preferences then, the longest", "ms", 50),
    ("late", "lateness of an expiry during retention", "s", 1),
    ("hold", "longest hold of the write lock", "ms", 50),
    ("wal", "write-ahead log with no foreign read", "MB", 64),
    ("backup-seconds", "backup under 100 publishes a second, checked", "s", 30),
    ("export-seconds", "export", "s", None),
    ("retract-seconds", "retract of an entity", "s", None),
    ("retention-seconds", "retention of a quarter", "s", None),
    ("start", "start", "s", 1),
    ("bytes", "bytes a notification, its event not counted", "bytes", None),
]


class Observed:
    """The values of a day, and what others noticed of each part of it."""

    def __init__(self, runner: Runner, town: Town, database: Path) -> None:
        self.values: Day = {"hold": 0.0, "wal": 0.0}
        self.say = runner.say
        self.quick = runner.quick
        self.command = runner.command
        self.town = town
        self.database = database

    @contextmanager
    def part(self, target: Running, name: str, *, foreign_read: bool = False) -> Iterator[Noticed]:
        """Others at work while `name` is done."""
        began = time.monotonic()
        with others(target, self.database, users=self.town.users) as noticed:
            yield noticed
            self.values[f"{name}-seconds"] = time.monotonic() - began
            time.sleep(1)
        self.say(f"  {name}: {self.values[f'{name}-seconds']:.1f} s, {noticed}")
        self.values[f"{name}-publish"], self.values[f"{name}-page"] = noticed.publish_p99, noticed.page_p99
        self.values["hold"] = max(self.values["hold"], noticed.hold_ms)
        if not foreign_read:
            self.values["wal"] = max(self.values["wal"], noticed.wal_bytes / 1e6)


def day(runner: Runner, town: Town) -> Day:
    database = prepared(runner, town)
    observed = Observed(runner, town, database)
    observed.values["bytes"] = bytes_each(database, town)
    ageing = (*KEEP_ALL[:2], f"TIDINGS_INBOX_AGE={quarter_age(database)}")
    for settings, parts in (
        (KEEP_ALL, (quiet, filters, muted, replay, resets, open_read, backup, export, retract)),
        (ageing, (retention,)),
        (KEEP_ALL, (expiry,)),
    ):
        if expiry in parts:
            expire_soon(database)
        server = on(runner, database, settings)
        began = time.monotonic()
        with runner.start(server) as target:
            observed.values.setdefault("start", time.monotonic() - began)
            for part in parts:
                part(observed, target)
    database.unlink()
    return observed.values


def on(runner: Runner, database: Path, settings: Iterable[str]) -> Server:
    return replace(
        runner.tidings, argv=("env", *settings, *runner.command, "dev", "--port", "PORT", "--db", str(database))
    )


def prepared(runner: Runner, town: Town) -> Path:
    """The database, made now or copied from the one that was kept."""
    runner.files.mkdir(parents=True, exist_ok=True)
    database = runner.files / f"town-{town.scale}.db"
    kept = runner.keep / database.name if runner.keep else None
    if kept and kept.exists():
        shutil.copyfile(kept, database)
    else:
        began = time.monotonic()
        build(database, town)
        runner.say(f"  built in {time.monotonic() - began:.0f} s, {database.stat().st_size / 2**30:.2f} GiB")
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(database, kept)
    os.sync()  # or the first commits wait for all of it
    return database


def bytes_each(database: Path, town: Town) -> float:
    """Bytes of a notification in the table and its indexes."""
    with closing(apsw.Connection(str(database))) as look:
        total: Any = look.execute("SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'items%'").fetchall()[0][0]
    return float(total) / town.notifications


def quarter_age(database: Path) -> int:
    """Seconds of age after which a quarter of the notifications goes."""
    with closing(apsw.Connection(str(database))) as look:
        query = "SELECT created_at FROM items WHERE item_id > (SELECT max(item_id) / 4 FROM items) LIMIT 1"
        created_at: Any = look.execute(query).fetchall()[0][0]
    return int(time.time() - created_at / 1000)


def quiet(observed: Observed, target: Running) -> None:
    with observed.part(target, "quiet"):
        time.sleep(2 if observed.quick else 8)


def _times(caller: Caller, paths: Iterator[str]) -> list[float]:
    return [caller.call("GET", path)[0] for path in paths]


def filters(observed: Observed, target: Running) -> None:
    caller, calls = Caller(target), 40 if observed.quick else 200
    archive_some(caller, (f"many{number}" for number in range(MANY)))
    wanted = cycle([*FILTERS, "topic=big/1"])
    users = islice(cycle(f"many{number}" for number in range(MANY)), calls)
    took = _times(caller, (f"/v1/inbox?user={user}&limit=100&{next(wanted)}" for user in users))
    observed.values["filters"] = percentile(took, 0.99)
    observed.say(f"  filters: {percentile(took, 0.5):.1f} ms, p99 {percentile(took, 0.99):.1f} ms")


def muted(observed: Observed, target: Running) -> None:
    caller, calls = Caller(target), 40 if observed.quick else 200
    user = f"many{MANY - 1}"
    types = ("comment.created", "like.created", "follow.created", "post.published")
    changes = [caller.call("PUT", f"/v1/preferences/mutes/type:{type}?user={user}")[0] for type in types]
    took = _times(caller, (f"/v1/inbox/counters?user={user}" for _ in range(calls)))
    observed.values["muted"], observed.values["mute"] = percentile(took, 0.99), max(changes)
    observed.say(f"  muted: counters {percentile(took, 0.5):.2f} ms, a change {max(changes):.0f} ms")


def replay(observed: Observed, target: Running) -> None:
    """CPU an event for one client after another who reads everything that is kept."""
    caller, events, cpu = Caller(target), 0, target.stats.cpu()
    for number in range(3):
        cursor, more = "start", True
        while more:
            page = json.loads(caller.call("GET", f"/v1/poll?user=some{number}&wait=0&limit=500&cursor={cursor}")[1])
            cursor, more, events = page["cursor"], page["more"], events + len(page["events"])
    observed.values["event-cpu"] = (target.stats.cpu() - cpu) / max(1, events) * 1e6
    observed.say(f"  replay: {events} events, {observed.values['event-cpu']:.1f} µs of CPU each")


def resets(observed: Observed, target: Running) -> None:
    """Clients with the cursor of another log: each gets a `reset`, and all that is kept."""
    with (
        observed.part(target, "replay"),
        listeners(
            target,
            "/v1/stream?user=some%d",
            streams=REPLAYED,
            at_once=True,
            headers="Last-Event-ID: another-1\r\n",
            timeout=300,
        ),
    ):
        _caught_up(observed, target)


def _caught_up(observed: Observed, target: Running) -> None:
    caller, deadline = Caller(target), time.monotonic() + (30 if observed.quick else 240)
    behind = 1
    while behind and time.monotonic() < deadline:
        time.sleep(0.5)
        text = caller.call("GET", "/metrics")[1].decode()
        behind = int(float(text.split("\ntidings_catching_up ")[1].split("\n")[0]))


def open_read(observed: Observed, target: Running) -> None:
    with closing(apsw.Connection(str(observed.database))) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM head").fetchall()
        with observed.part(target, "open-read", foreign_read=True):
            time.sleep(2 if observed.quick else 30)


def backup(observed: Observed, target: Running) -> None:
    file = observed.database.with_suffix(".backup")
    with observed.part(target, "backup", foreign_read=True):
        command = [*observed.command, "backup", str(file), "--db", str(observed.database)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    file.unlink()


def export(observed: Observed, target: Running) -> None:
    caller = Caller(target)
    with observed.part(target, "export"):
        caller.call("GET", f"/notification/export-excel?user_email={EXPORTER}")
        while True:
            time.sleep(0.25)
            page = json.loads(caller.call("GET", f"/v1/inbox?user={EXPORTER}&limit=1")[1])
            if page["data"][0]["title"] == "Your export is ready":
                break


def retract(observed: Observed, target: Running) -> None:
    with observed.part(target, "retract"):
        took, said = Caller(target).call("DELETE", f"/v1/notifications?entity={ENTITY}")
    observed.say(f"  {said.decode()[:80]} in {took / 1000:.1f} s")


def retention(observed: Observed, target: Running) -> None:
    """Retention begins by itself; meanwhile single notifications expire, each after two seconds."""
    caller, late = Caller(target), 0.0
    with observed.part(target, "retention"):
        deadline = time.monotonic() + (3 if observed.quick else 40)
        while time.monotonic() < deadline:
            late = max(late, _expired(caller))
    observed.values["late"] = late
    observed.say(f"  expiry at the most {late:.2f} s late")


def _expired(caller: Caller) -> float:
    """Seconds that an item is there after its time."""
    due = time.time() + 2
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(due)))
    body = {"to": {"user": "late"}, "type": "late", "title": "soon over", "expire_time": at}
    caller.call("POST", "/v1/notifications", json.dumps(body).encode())
    time.sleep(max(0.0, int(due) - time.time()))
    while json.loads(caller.call("GET", "/v1/inbox?user=late&limit=1")[1])["data"]:
        time.sleep(0.02)
    return time.time() - int(due)


def expire_soon(database: Path) -> None:
    """Let a twentieth of all expire in a moment, all at once."""
    with closing(apsw.Connection(str(database))) as connection:
        query = "UPDATE items SET expire_at = ? WHERE item_id > (SELECT max(item_id) * 19 / 20 FROM items)"
        connection.execute(query, (int(time.time() * 1000) + EXPIRES_IN,))


def expiry(observed: Observed, target: Running) -> None:
    with closing(apsw.Connection(str(observed.database))) as database, observed.part(target, "expiry"):
        while database.execute("SELECT count(*) FROM items WHERE expire_at > 0").fetchall() != [(0,)]:
            time.sleep(0.2)
