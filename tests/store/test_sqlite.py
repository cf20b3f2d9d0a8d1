"""The embedded store's file."""

import asyncio
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, cast

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.log import Log
from tests.store.adapters import quick_folder
from tests.store.strategies import ALICE, do, log, note, posting, run
from tidings.domain.errors import CommitUnknown, StoreTooNew, StoreUnavailable
from tidings.domain.model import Event
from tidings.domain.notification import rfc3339
from tidings.domain.topics import Topic
from tidings.store.dialect import migrations
from tidings.store.sqlite import checkpoint
from tidings.store.sqlite.adapter import SqliteStore
from tidings.store.sqlite.checkpoint import LONG
from tidings.store.sqlite.connection import commit
from tidings.store.transactions.follows import follow, unfollow


@pytest.fixture
def path() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder / "tidings.db"


def content(path: Path) -> bytes:
    return path.read_bytes()


def put(path: Path, data: bytes) -> None:
    path.write_bytes(data)


async def test_answered_write_survives_the_process(path: Path) -> None:
    """The files as they are at the moment of the answer are all that a machine that loses its power keeps."""
    store = await SqliteStore.open(path)
    for number in range(1, 4):
        await do(store, posting())
        copy = path.parent / f"{number}.db"
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
        found = await SqliteStore.open(copy)
        assert (found.epoch, await found.span(), len(await log(found))) == (store.epoch, (0, number), number)
        await found.close()
    await store.close()


async def test_a_closed_store_is_one_file(path: Path) -> None:
    store = await SqliteStore.open(path)
    await do(store, posting())
    await store.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_every_commit_is_synced_and_the_journal_is_a_wal(path: Path) -> None:
    store = await SqliteStore.open(path)
    writer = store._writer
    assert (writer.pragma("synchronous"), writer.pragma("journal_mode")) == (2, "wal")  # 2: FULL
    await store.close()


LARGE = note(body="x" * 8000)  # about five pages of the log


async def test_the_write_ahead_log_does_not_grow_for_ever(path: Path) -> None:
    store = await SqliteStore.open(path)
    sizes = []
    for _ in range(8):
        for _ in range(LONG // 20):
            await do(store, posting(LARGE, LARGE))
        sizes.append(store.wal_bytes)
    await store.close()
    assert max(sizes) < 4096 * LONG * 4


async def test_a_read_that_is_left_open_stops_no_writer(path: Path) -> None:
    """The log cannot be begun anew; the writer is never made to wait for that."""
    store = await SqliteStore.open(path)
    await do(store, posting())
    other = apsw.Connection(str(path))
    other.execute("BEGIN; SELECT * FROM head")
    slowest = 0.0
    for _ in range(LONG // 4):
        start = time.monotonic()
        await do(store, posting(LARGE, LARGE))
        slowest = max(slowest, time.monotonic() - start)
    grown = store.wal_bytes
    assert grown > 4096 * LONG
    assert slowest < 5
    other.execute("COMMIT")
    for _ in range(LONG // 4):
        await do(store, posting(LARGE))
    await settled(lambda: store.wal_bytes < grown / 2)
    await store.close()


async def test_the_log_of_a_quiet_store_is_empty_and_its_file_alone_is_a_whole_copy(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "IDLE", 0)
    store = await SqliteStore.open(path)
    await do(store, posting())
    assert store.wal_bytes > 0
    await store.rest()
    await settled(lambda: store.wal_bytes == 0)
    shutil.copy(path, copy := path.with_name("copy.db"))
    found = await SqliteStore.open(copy)
    assert len(await log(found)) == 1
    await found.close()
    await store.close()


async def test_file_of_a_new_database_alone_is_a_whole_copy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "IDLE", 0)
    store = await SqliteStore.open(path)
    assert store.wal_bytes > 0
    await store.rest()
    await settled(lambda: store.wal_bytes == 0)
    shutil.copy(path, copy := path.with_name("copy.db"))
    found = await SqliteStore.open(copy)
    assert found.epoch == store.epoch
    await found.close()
    await store.close()


async def test_a_large_log_is_told_of_with_what_to_do(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(checkpoint, "WARN_BYTES", 100_000)
    monkeypatch.setattr(checkpoint, "CHECKPOINT_PAGES", 10)
    store = await SqliteStore.open(path)
    for _ in range(30):
        await do(store, posting(LARGE, LARGE))
    await store.close()
    told = [record for record in caplog.records if record.message == "wal_large"]
    assert len(told) == 1


async def settled(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - the checkpointer does not say when it is done
            await asyncio.sleep(0.01)


async def test_batch_that_may_have_been_committed_is_not_run_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A COMMIT that fails although it was done: each job is told so, and none is tried alone."""
    store = await SqliteStore.open(path)

    def lost(connection: apsw.Connection) -> None:
        connection.execute("COMMIT")
        raise CommitUnknown("the connection was cut")

    monkeypatch.setattr("tidings.store.sqlite.adapter.commit", lost)
    assert [type(result) for result in await run(store, posting(), posting())] == [CommitUnknown] * 2
    monkeypatch.undo()
    await do(store, posting())
    assert len(await log(store)) == 3
    await store.close()


@pytest.mark.parametrize(("rolled_back", "error"), [(True, apsw.FullError), (False, CommitUnknown)])
def test_a_commit_that_fails_is_unknown_unless_it_could_be_rolled_back(rolled_back: bool, error: Any) -> None:
    class Connection:
        """A connection whose COMMIT fails, and that is in a transaction after that, or is not."""

        in_transaction = rolled_back
        executed: ClassVar[list[str]] = []

        def execute(self, sql: str) -> None:
            self.executed.append(sql)
            if sql == "COMMIT":
                raise apsw.FullError("database or disk is full")

    connection = Connection()
    with pytest.raises(error):
        commit(cast(apsw.Connection, connection))
    assert connection.executed == ["COMMIT", "ROLLBACK"][: 1 + rolled_back]


async def test_a_full_disk_is_one_error_for_each_and_leaves_nothing(path: Path) -> None:
    store = await SqliteStore.open(path)
    pages = store._writer.pragma("page_count")
    store._writer.pragma("max_page_count", pages)
    results = await run(store, *[posting(note(body="x" * 20_000)) for _ in range(3)])
    assert [type(result) for result in results] == [StoreUnavailable] * 3
    store._writer.pragma("max_page_count", 1 << 30)
    assert await log(store) == []
    await do(store, posting())
    await store.close()


async def test_a_store_takes_the_time_from_the_database(path: Path) -> None:
    store = await SqliteStore.open(path)
    before = time.time_ns() // 1_000_000
    [published] = await do(store, posting())
    after = time.time_ns() // 1_000_000
    assert rfc3339(before - 1) <= published.create_time <= rfc3339(after + 1)
    await store.close()


async def test_an_empty_file_becomes_a_store_of_the_newest_schema(path: Path) -> None:
    put(path, b"")
    await (await SqliteStore.open(path)).close()
    assert apsw.Connection(str(path)).pragma("user_version") == len(migrations("sqlite"))


async def test_a_store_of_an_older_version_is_brought_up_to_date_and_keeps_what_it_has(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SqliteStore.open(path)
    await do(store, posting())
    await store.close()
    step = "CREATE TABLE later (a INTEGER) STRICT; INSERT INTO later SELECT count(*) FROM events;"
    newer = [*migrations("sqlite"), step]
    monkeypatch.setattr("tidings.store.sqlite.schema.migrations", lambda dialect: newer)
    for _ in range(2):
        found = await SqliteStore.open(path)
        assert (found.epoch, len(await log(found))) == (store.epoch, 1)
        await found.close()
    connection = apsw.Connection(str(path))
    assert connection.execute("SELECT a FROM later").fetchall() == [(1,)]
    assert connection.pragma("user_version") == len(newer)


async def test_processes_that_start_at_once_make_one_log(path: Path) -> None:
    stores = await asyncio.gather(*[SqliteStore.open(path) for _ in range(4)])
    assert len({store.epoch for store in stores}) == 1
    for store in stores:
        await store.close()


async def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(path: Path) -> None:
    await (await SqliteStore.open(path)).close()
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", 99)
    connection.close()
    before = content(path)
    with pytest.raises(StoreTooNew, match="schema 99"):
        await SqliteStore.open(path)
    assert content(path) == before


@pytest.mark.parametrize(
    "other", [b"this is not a database, but it is long enough to look at" * 9, b"SQLite format 3\0"]
)
async def test_a_file_of_something_else_is_refused(path: Path, other: bytes) -> None:
    put(path, other)
    with pytest.raises(StoreUnavailable):
        await SqliteStore.open(path)
    assert content(path) == other


async def test_a_database_of_something_else_is_refused_and_left_as_it_is(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE other (a)")
    connection.close()
    before = content(path)
    with pytest.raises(StoreUnavailable, match="something else"):
        await SqliteStore.open(path)
    assert content(path) == before


async def test_a_folder_that_is_not_there_is_one_clear_error(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"missing/tidings\.db"):
        await SqliteStore.open(path.parent / "missing" / "tidings.db")


FOLLOWABLE = [Topic("author/4"), Topic("author/42"), Topic("post/7")]


@given(
    moves=st.lists(st.tuples(st.sampled_from(FOLLOWABLE), st.booleans()), min_size=5, max_size=30),
    at_once=st.integers(1, 4),
    limit=st.integers(1, 20),
    extra=st.sampled_from([(), (FOLLOWABLE[2],)]),
)
@settings(max_examples=settings().max_examples // 4)
def test_very_long_history_of_follows_is_read_back_in_parts(
    moves: list[tuple[Topic, bool]], at_once: int, limit: int, extra: tuple[Topic, ...]
) -> None:
    async def compare() -> None:
        with quick_folder() as folder:
            store = await SqliteStore.open(folder / "tidings.db", most_changes=at_once)
            try:
                for topic, followed in moves:
                    change = follow if followed else unfollow
                    await run(store, change([(ALICE, topic)]), posting(note(*FOLLOWABLE)))
                model = Log()
                model.learn(await log(store))
                through = model.head
                follows = model.follows(ALICE, at=through)
                expected = model.read(ALICE, follows=follows, extra=extra, after=0, through=through, limit=1000)
                assert expected is not None
                for start in range(0, through, 7):
                    after, found = start, list[Event]()
                    while after < through:
                        page = await store.read(
                            ALICE, follows=follows, extra=extra, after=after, through=through, limit=limit
                        )
                        assert page is not None
                        assert len(page.events) <= limit
                        assert after < page.through <= through
                        assert all(after < event.seq <= page.through for event in page.events)
                        after = page.through
                        found += page.events
                    assert found == [event for event in expected.events if event.seq > start]
            finally:
                await store.close()

    asyncio.run(compare())
