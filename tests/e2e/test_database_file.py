"""The database file over its life: made, migrated, refused, pruned."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.conftest import Listen, StartServer
from tests.servers import Server, environment, eventually
from tidings.domain.errors import StoreTooNew, StoreUnavailable
from tidings.domain.topics import User
from tidings.store import dialect
from tidings.store.sqlite import schema
from tidings.store.sqlite.adapter import SqliteStore
from tidings.store.transactions.follows import register_users

LATEST = len(dialect.migrations("sqlite"))


def version_of(db: Path) -> int:
    connection = apsw.Connection(str(db))
    try:
        return int(connection.pragma("user_version"))
    finally:
        connection.close()


def table_names(db: Path) -> set[str]:
    connection = apsw.Connection(str(db))
    try:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    finally:
        connection.close()


# Migration


@pytest.mark.parametrize("version", range(LATEST + 1))
def test_a_database_of_every_version_is_migrated_on_start(
    start_server: StartServer, tmp_path: Path, version: int
) -> None:
    """Version 0 is a file that is empty."""
    db = tmp_path / "old.db"
    connection = apsw.Connection(str(db))
    for number, step in enumerate(dialect.migrations("sqlite")[:version], 1):
        connection.execute(f"BEGIN; {step} PRAGMA user_version = {number}; COMMIT")
    connection.close()
    server = start_server(db=db)
    assert server.publish({"user": "alice"}, body="x")["cursor"]
    server.stop()
    assert version_of(db) == LATEST


NEXT = [
    "ALTER TABLE items ADD COLUMN colour TEXT;",
    "CREATE TABLE fresh (one INTEGER) STRICT; DROP TABLE mutes;",
]


def test_migration_keeps_the_data_of_an_older_version(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version of tomorrow opens what the one of today wrote."""
    server = start_server(db=tmp_path / "0.db")
    cursor = server.publish({"user": "alice"}, body="of today")["cursor"]
    server.stop()
    monkeypatch.setattr(schema, "migrations", lambda name: [*dialect.migrations(name), *NEXT])

    async def reopen() -> Any:
        store = await SqliteStore.open(server.db)
        page = await store.tail(after=0, limit=10)
        await store.close()
        return store.epoch, page.events

    epoch, events = asyncio.run(reopen())
    assert [f"{epoch}-{event.seq}" for event in events] == [cursor]
    assert b"of today" in events[0].data
    assert version_of(server.db) == LATEST + 2
    assert "fresh" in table_names(server.db)


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db = tmp_path / "0.db"

    async def reopen() -> None:
        await (await SqliteStore.open(db)).close()

    asyncio.run(reopen())
    steps = [*dialect.migrations("sqlite"), NEXT[0], "CREATE TABLE x (y); DROP TABLE none;"]
    monkeypatch.setattr(schema, "migrations", lambda dialect: steps)
    with pytest.raises(StoreUnavailable, match="none"):
        asyncio.run(reopen())
    assert version_of(db) == LATEST
    assert "x" not in table_names(db)


def test_processes_that_start_at_once_make_one_log(tmp_path: Path) -> None:
    async def scenario() -> set[str]:
        stores = await asyncio.gather(*(SqliteStore.open(tmp_path / "0.db") for _ in range(4)))
        for store in stores:
            await store.close()
        return {store.epoch for store in stores}

    assert len(asyncio.run(scenario())) == 1


def test_the_log_keeps_its_name_and_place_over_restarts(start_server: StartServer, listen: Listen) -> None:
    server = start_server()
    first = server.publish({"user": "alice"}, body="1")
    stream = listen(server, "alice")
    assert stream.hello is not None
    server.restart()
    second = server.publish({"user": "alice"}, body="2")
    epoch, seq = first["cursor"].split("-")
    assert second["cursor"] == f"{epoch}-{int(seq) + 1}"
    again = listen(server, "alice", last_event_id=stream.hello.id)
    assert again.next().json["body"] == "2"


# Files that are no database of ours


def newer(db: Path) -> None:
    connection = apsw.Connection(str(db))
    connection.execute(f"CREATE TABLE head (x); PRAGMA user_version = {LATEST + 1}")
    connection.close()


def foreign(db: Path) -> None:
    connection = apsw.Connection(str(db))
    connection.execute("CREATE TABLE customers (name); INSERT INTO customers VALUES ('Alice')")
    connection.close()


def foreign_with_a_version(db: Path) -> None:
    connection = apsw.Connection(str(db))
    connection.execute("CREATE TABLE customers (name); PRAGMA user_version = 1")
    connection.close()


def no_database(db: Path) -> None:
    db.write_bytes(b"Dear diary, " * 1000)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (newer, StoreTooNew),
        (foreign, StoreUnavailable),
        (foreign_with_a_version, StoreUnavailable),
        (no_database, StoreUnavailable),
    ],
)
def test_a_file_that_is_not_ours_is_refused_and_left_alone(tmp_path: Path, make: Any, error: type[Exception]) -> None:
    db = tmp_path / "0.db"
    make(db)
    before = db.read_bytes()
    with pytest.raises(error, match=str(db)):
        asyncio.run(SqliteStore.open(db))
    assert db.read_bytes() == before


def zeros_in(db: Path, *, first: int) -> None:
    """A database of ours, with zeros from a page on."""
    server = Server(db=db).start()
    server.publish_many([{"to": {"user": "alice"}, "body": "b" * 500} for _ in range(500)])
    server.stop()
    whole = db.read_bytes()
    db.write_bytes(whole[: first * 4096] + bytes(len(whole) - first * 4096))


@pytest.mark.parametrize("first", [0, 1, 2])
def test_a_damaged_database_is_refused_in_one_line_that_says_what_to_do(tmp_path: Path, first: int) -> None:
    db = tmp_path / "tidings.db"
    zeros_in(db, first=first)
    command = [sys.executable, "-m", "tidings", "dev", "--port", "0", "--db", str(db)]
    done = subprocess.run(command, env=environment({}), capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert "tidings check" in line and "tidings restore" in line


# When another process holds it


def test_a_batch_waits_once_for_a_database_that_is_held(tmp_path: Path) -> None:
    """And not once for each of its jobs."""

    async def scenario() -> tuple[Sequence[Any], int]:
        store = await SqliteStore.open(tmp_path / "0.db")
        attempts = 0

        def busy(_: int) -> bool:
            nonlocal attempts
            attempts += 1
            return False

        store._writer.set_busy_handler(busy)
        other = apsw.Connection(str(tmp_path / "0.db"))
        other.execute("BEGIN IMMEDIATE")
        refused = await store.transact([register_users([User(name)]) for name in ("a", "b", "c")])
        other.execute("ROLLBACK")
        other.close()
        await store.transact([register_users([User("a")])])
        await store.close()
        return refused.results, attempts

    results, attempts = asyncio.run(scenario())
    assert [type(result) for result in results] == [StoreUnavailable] * 3
    assert attempts == 1


# Retention


def span(server: Server) -> tuple[int, int]:
    ready = server.request("GET", "/readyz").json
    return ready["floor"], ready["head"]


def test_retention_prunes_in_steps_while_publishing_goes_on(start_server: StartServer, listen: Listen) -> None:
    keep = 300
    server = start_server(retention_rows=keep)
    stream = listen(server, "alice")
    assert stream.hello is not None
    batch = [{"to": {"user": "alice"}, "data": n} for n in range(5000)]
    server.publish_many(batch)
    floors: list[int] = []
    published: list[int] = []
    done = threading.Event()

    def publish() -> None:
        while not done.is_set():
            published.append(server.publish({"user": "alice"}, data=5000 + len(published))["live"])

    publisher = threading.Thread(target=publish)
    publisher.start()
    try:

        def pruned() -> bool:
            floors.append(span(server)[0])
            return floors[-1] >= 5000 - keep

        eventually("the old events are gone", pruned)
        enough = len(published) + 10
        eventually("publishing goes on", lambda: len(published) >= enough)
    finally:
        done.set()
        publisher.join()
    assert floors == sorted(floors)
    assert len({step for step in floors if 0 < step < 5000 - keep}) > 0, "it was done in one step"
    total = 5000 + len(published)
    assert [event.json["data"] for event in stream.take(total)] == list(range(total))

    late = listen(server, "alice", last_event_id=stream.hello.id)
    reset = late.next()
    floor, head = span(server)
    assert (reset.type, reset.json["reason"]) == ("reset", "pruned")
    assert reset.id == reset.json["cursor"]
    first = late.next()
    assert first.seq == reset.seq + 1  # and the stream goes on from the oldest that is kept
    assert head - floor >= keep - 1
    kept = listen(server, "alice", last_event_id=f"{reset.id.split('-')[0]}-{floor}").next()
    assert kept.seq == floor + 1  # the oldest place itself can be served


def test_old_events_are_pruned_by_age(start_server: StartServer) -> None:
    server = start_server(retention_age=0.5, inbox_age=0.5)
    server.publish({"user": "alice"}, body="x")
    eventually("the log is empty", lambda: span(server) == (2, 2))  # that it left the inbox was an event, too
    eventually("and the inbox", lambda: server.request("GET", "/v1/inbox?user=alice").json["data"] == [])
    assert server.publish({"user": "alice"}, body="y")["cursor"].endswith("-3")
