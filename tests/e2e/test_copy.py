"""From a file to PostgreSQL: cursors, inboxes and keys are as they were, and a copy that was cut off goes on."""

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from tests.conftest import Listen
from tests.postgres import binaries, fresh_schema, shared_server
from tests.servers import Server
from tidings.domain.errors import StoreUnavailable
from tidings.domain.model import Draft
from tidings.domain.topics import ALL
from tidings.store import copying
from tidings.store.postgres.adapter import PostgresStore
from tidings.store.sqlite.adapter import SqliteStore
from tidings.store.transactions.publish import publish
from tidings.store.transactions.stepwise import go_on, retract_entity

NOTIFICATIONS = 60


@pytest.fixture
def dsn() -> str:
    """The address of a new database."""
    server, name = shared_server(), fresh_schema()
    subprocess.run([binaries() / "psql", server.dsn, "-qc", f"CREATE DATABASE {name}"], check=True)
    return f"{server.dsn.rpartition('/')[0]}/{name}"


@pytest.fixture
def written(tmp_path: Path) -> tuple[Server, list[str]]:
    """A stopped server whose file has something of everything, and the cursors of Alice's notifications."""
    server = Server(db=tmp_path / "tidings.db").start()
    server.follow("author/42", "alice", "bob")
    answers = server.publish_many(
        [{"to": {"user": "alice"}, "data": number, "title": "é", "group_key": None} for number in range(NOTIFICATIONS)]
    )
    for text in ("posted", "corrected", "pinned"):
        server.publish({"topic": "author/42"}, body=text, entity="post/1")
    server.request("POST", "/v1/inbox/read?user=alice", {"ids": [answers[3]["id"]]})
    server.request("PUT", "/v1/preferences/mutes/noise?user=alice")
    first = server.request(
        "POST", "/v1/notifications", {"to": {"user": "bob"}, "body": "once"}, headers={"Idempotency-Key": "k"}
    )
    assert first.status == 201
    server.stop()
    return server, [answer["cursor"] for answer in answers]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tidings", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_cursors_inboxes_and_keys_are_good_after_a_copy(
    dsn: str, written: tuple[Server, list[str]], tmp_path: Path, listen: Listen
) -> None:
    file, cursors = written
    before = file.start()
    inbox = before.request("GET", "/v1/inbox?user=alice&limit=100").json
    counters = before.request("GET", "/v1/inbox/counters?user=alice").json
    refused = run("copy", str(file.db), dsn)
    assert refused.returncode == 1 and "stop the server first" in refused.stderr
    before.stop()
    copied = run("copy", f"sqlite:///{file.db}", dsn)
    assert copied.returncode == 0, copied.stderr
    assert copied.stdout.startswith(f"copied up to {cursors[0].partition('-')[0]}-")

    server = Server(db=tmp_path / "other.db", settings={"db": dsn}).start()
    try:
        assert server.request("GET", "/v1/inbox?user=alice&limit=100").json == inbox
        assert server.request("GET", "/v1/inbox/counters?user=alice").json == counters
        stream = listen(server, "alice", last_event_id=cursors[9])
        assert [event.id for event in stream.take(NOTIFICATIONS - 10)] == cursors[10:]
        again = server.request(
            "POST", "/v1/notifications", {"to": {"user": "bob"}, "body": "once"}, headers={"Idempotency-Key": "k"}
        )
        assert again.headers["idempotent-replayed"] == "true"
        new = server.publish({"user": "alice"}, body="new")
        assert new["cursor"].partition("-")[0] == cursors[0].partition("-")[0], "the same epoch goes on"
    finally:
        server.stop()
    twice = run("copy", str(file.db), dsn)
    assert twice.returncode == 1 and "already" in twice.stderr


async def test_copy_that_was_cut_off_goes_on_and_is_no_log_until_it_is_whole(
    dsn: str, written: tuple[Server, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _ = written
    monkeypatch.setattr(copying, "ROWS_AT_ONCE", 7)
    seen: list[float] = []

    class CutOff(Exception):
        """The operator pressed Ctrl-C."""

    def cut(done: float) -> None:
        seen.append(done)
        if len(seen) == 5:
            raise CutOff

    with pytest.raises(CutOff):
        await copying.copy_log(file.db, dsn, progress=cut)
    with pytest.raises(StoreUnavailable, match="run `tidings copy` again"):
        await PostgresStore.open(dsn)
    first, begun = seen[-1], len(seen)
    await copying.copy_log(file.db, dsn, progress=seen.append)
    assert seen[begun] > first, "what was there was not copied again"
    assert seen == sorted(seen) and seen[-1] == 1
    store = await PostgresStore.open(dsn)
    await store.close()


async def test_copy_of_a_log_that_moved_on_is_not_mixed_with_the_old(
    dsn: str, written: tuple[Server, list[str]]
) -> None:
    file, _ = written

    def cut(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await copying.copy_log(file.db, dsn, progress=cut)
    await asyncio.to_thread(file.start)
    await asyncio.to_thread(file.publish, {"user": "alice"}, body="since")
    await asyncio.to_thread(file.stop)
    with pytest.raises(StoreUnavailable, match="of this one as it was"):
        await copying.copy_log(file.db, dsn)


async def test_write_that_is_not_done_goes_on_in_the_copy(dsn: str, written: tuple[Server, list[str]]) -> None:
    file, _ = written
    source = await SqliteStore.open(file.db)
    begun = (await source.transact([retract_entity("post/1", step=1)])).results[0]
    await source.close()
    await copying.copy_log(file.db, dsn)
    store = await PostgresStore.open(dsn)
    try:
        [step] = (await store.transact([go_on(begun.write, step=10)])).results
        assert (step.number, step.write) == (3, None)
        drafts = [Draft(topics=(ALL,), content={"type": "note", "body": text, "entity": "post/2"}) for text in "ab"]
        await store.transact([publish(drafts, group_window=0)])
        [other] = (await store.transact([retract_entity("post/2", step=1)])).results
        assert other.write not in (None, begun.write)
    finally:
        await store.close()


async def test_every_table_is_copied(dsn: str) -> None:
    store = await PostgresStore.open(dsn)
    await store.close()
    connection = await asyncpg.connect(dsn)
    found = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'tidings'")
    await connection.close()
    assert {name for (name,) in found} == {table.name for table in copying.TABLES} | {"head", "leases", "append_lock"}


def test_migrate_makes_and_keeps_a_database(dsn: str, tmp_path: Path) -> None:
    for db in (str(tmp_path / "new.db"), dsn):
        first, second = run("migrate", "--db", db), run("migrate", "--db", db)
        assert first.returncode == 0, first.stderr
        assert second.stdout == first.stdout
        assert "is up to date: epoch " in first.stdout
