"""Retention and expiry in small steps, by one process at a time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.store.adapters import CLOCK, OpenStore, quick_folder
from tests.store.strategies import ALICE, DAY, NOW, do, inbox, log, note, posting, run
from tidings.background import log_volume, maintenance
from tidings.background.maintenance import MARKS_PER_TRANSACTION, ROWS_PER_TRANSACTION, Maintenance
from tidings.domain.topics import Topic, User
from tidings.settings import Settings
from tidings.store.sqlite.adapter import SqliteStore
from tidings.store.transactions.changes import marked, retract
from tidings.store.transactions.follows import follow, unfollow
from tidings.store.transactions.leases import Lease, take_lease
from tidings.store.transactions.reading import mark_ids
from tidings.store.transactions.stepwise import ABANDONED, Step, go_on, retract_entity


@pytest.fixture
async def store() -> AsyncIterator[SqliteStore]:
    with quick_folder() as folder:
        store = await SqliteStore.open(folder / "tidings.db", clock=CLOCK)
        yield store
        await store.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "EXPIRY_INTERVAL", 0.001)
    monkeypatch.setattr(maintenance, "STEP_PAUSE", 0)


class Writes:
    """A store whose transactions are counted."""

    def __init__(self, store: OpenStore) -> None:
        self.store = store
        self.made: list[Any] = []
        self.turn: Callable[[], Awaitable[None]] | None = None

    async def write(self, job: Any) -> Any:
        [result] = (await self.store.transact([job])).results
        if isinstance(result, Exception):
            raise result
        self.made.append(result)
        if self.turn is not None:
            await self.turn()
        return result

    @contextlib.asynccontextmanager
    async def maintained(self, process: str = "one", **settings: Any) -> AsyncIterator[None]:
        async def nothing() -> None:
            pass

        worker = Maintenance(
            Settings(mode="dev", **settings),
            write=self.write,
            query=self.store.query,
            sweep=nothing,
            rest=nothing,
            process=process,
        )
        task = asyncio.create_task(worker.run())
        try:
            yield
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.wait([task])


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await true():  # noqa: ASYNC110 - the worker does not say when it has done something
            await asyncio.sleep(0.005)


async def test_nothing_to_do_is_no_transaction(store: SqliteStore) -> None:
    await do(store, posting(note(expire_at=NOW + DAY)))
    writes = Writes(store)
    async with writes.maintained():
        await asyncio.sleep(0.1)
    assert writes.made == []


async def test_due_items_expire_between_the_steps_of_a_long_retention(store: SqliteStore) -> None:
    await do(store, posting(*[note() for _ in range(10 * ROWS_PER_TRANSACTION)]))
    await do(store, posting(note(title="due", expire_at=NOW + 2000)))
    CLOCK.now = NOW + 1000
    writes = Writes(store)

    async def turn() -> None:
        if len(writes.made) == 2:
            CLOCK.now = NOW + 2000  # in the middle of it, something is due

    async def pruned() -> bool:
        return (await store.span()).floor >= 10 * ROWS_PER_TRANSACTION

    writes.turn = turn
    async with writes.maintained(retention_rows=1):
        await until(pruned)
    assert [type(result) for result in writes.made[:4]] == [bool, bool, int, bool]


async def test_many_that_expire_together_go_in_small_transactions(store: SqliteStore) -> None:
    await do(store, posting(*[note(expire_at=NOW + 1000) for _ in range(3 * ROWS_PER_TRANSACTION + 1)]))
    CLOCK.now = NOW + 1000
    writes = Writes(store)

    async def empty() -> bool:
        return not (await inbox(store, ALICE)).items

    async with writes.maintained():
        await until(empty)
    assert writes.made == [100, 100, 100, 1]


async def test_of_two_processes_one_does_it_and_the_other_goes_on_when_it_stops(store: SqliteStore) -> None:
    await do(store, posting(note(expire_at=NOW + 1000)))
    await do(store, take_lease(Lease("maintenance", "two"), duration=5000))
    CLOCK.now = NOW + 1000
    writes = Writes(store)
    async with writes.maintained("one"):
        await until(lambda: asyncio.sleep(0, len(writes.made) > 2))
        assert writes.made[0] is None
        assert len((await inbox(store, ALICE)).items) == 1
        CLOCK.now = NOW + 5000
        await until(lambda: asyncio.sleep(0, writes.made[-1] == 1))
    assert [event.type for event in await log(store)] == ["notification.created", "notification.deleted"]


async def test_events_of_users_push_out_nothing_that_was_published(store: SqliteStore) -> None:
    """One user's follows and unfollows pruned everybody's log."""
    for _ in range(5):
        await do(store, posting(note()))
    for _ in range(30):
        await do(store, follow([(ALICE, Topic("author/1"))]))
        await do(store, unfollow([(ALICE, Topic("author/1"))]))
    await do(store, posting(note()))
    writes = Writes(store)
    async with writes.maintained(retention_rows=3):
        await until(lambda: floor_is(store, 3))
        for _ in range(5):
            await do(store, follow([(ALICE, Topic("author/2"))]))
            await do(store, unfollow([(ALICE, Topic("author/2"))]))
        await asyncio.sleep(0.1)
        assert await floor_is(store, 3)


@pytest.mark.parametrize("limit", [{"retention_user_rows": 10}, {"retention_bytes": 2000}])
async def test_log_is_bounded_whoever_fills_it(
    store: SqliteStore, limit: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_volume, "PART", 5)
    for _ in range(100):
        await do(store, follow([(ALICE, Topic("author/1"))]))
        await do(store, unfollow([(ALICE, Topic("author/1"))]))
    writes = Writes(store)
    async with writes.maintained("one", **limit):

        async def bounded() -> bool:
            floor, head = await store.span()
            events = (await store.tail(after=floor, limit=1000)).events
            return head - floor <= 15 if "retention_user_rows" in limit else sum(len(e.data) for e in events) <= 2000

        await until(bounded)


async def floor_is(store: SqliteStore, seq: int) -> bool:
    return (await store.span())[0] == seq


async def test_large_write_whose_process_has_ended_is_finished(store: SqliteStore) -> None:
    await do(store, posting(*[note(entity="post/1") for _ in range(30)]))
    begun = await do(store, retract_entity("post/1", step=10))
    CLOCK.now = NOW + ABANDONED + 1
    writes = Writes(store)

    async def finished() -> bool:
        return not (await inbox(store, ALICE)).items

    async with writes.maintained():
        await until(finished)
    assert await do(store, go_on(begun.write, step=10)) == Step(number=30, write=None)


async def test_marks_of_items_that_are_gone_are_dropped_in_small_transactions(store: SqliteStore) -> None:
    [sent] = await do(store, posting(note("all")))
    users = [User(f"u{number}") for number in range(2 * MARKS_PER_TRANSACTION + 1)]
    for start in range(0, len(users), 500):
        await run(store, *[mark_ids(user, [sent.id], verb="archive") for user in users[start : start + 500]])
    await do(store, retract(sent.id))
    writes = Writes(store)

    async def none_left() -> bool:
        return not await store.query(marked)

    async with writes.maintained():
        await until(none_left)
    assert writes.made == [MARKS_PER_TRANSACTION, 1]
