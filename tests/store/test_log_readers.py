"""A named reader gets every event at least once, on one process at a time, and retention waits within reason."""

import pytest

from tests.store.adapters import OpenStore
from tests.store.conftest import Open
from tests.store.strategies import DAY, NOW, do, note, posting, run
from tidings.domain.errors import LeaseLost
from tidings.store.transactions.log_readers import ReaderBatch, add_reader, finish_batch, remove_reader, take_batch
from tidings.store.transactions.retention import Retention, prune

KEEP = Retention(log_age=DAY, log_rows=2, inbox_age=1 << 50)


async def take(store: OpenStore, *, holder: str = "one", limit: int = 3, now: int = NOW) -> ReaderBatch | None:
    found: ReaderBatch | None = await do(store, take_batch("mail", holder=holder, limit=limit, duration=1000), now=now)
    return found


def seqs(batch: ReaderBatch | None) -> list[int]:
    assert batch is not None
    return [event.seq for event in batch.events]


async def finish(store: OpenStore, seq: int, *, holder: str = "one", now: int = NOW) -> None:
    await do(store, finish_batch("mail", holder=holder, seq=seq), now=now)


async def test_a_reader_begins_at_the_head_once(store: OpenStore) -> None:
    await do(store, posting())
    assert await do(store, add_reader("mail")) == 1
    await do(store, posting())
    assert await do(store, add_reader("mail")) == 1
    assert seqs(await take(store)) == [2]


async def test_unfinished_events_are_given_again_to_the_next_process(open_store: Open) -> None:
    one, two = await open_store(), await open_store()
    await do(one, add_reader("mail"))
    await do(one, posting(*[note() for _ in range(5)]))
    assert seqs(await take(one)) == [1, 2, 3]
    await finish(one, 2)
    assert await take(two, holder="two") is None  # the other has it
    assert seqs(await take(two, holder="two", now=NOW + 1000)) == [3, 4, 5]  # it died
    with pytest.raises(LeaseLost):
        await finish(one, 5, now=NOW + 1000)  # or was only slow
    await finish(two, 5, holder="two", now=NOW + 1000)
    assert seqs(await take(two, holder="two", now=NOW + 1000)) == []


async def test_a_cursor_never_moves_back(store: OpenStore) -> None:
    await do(store, add_reader("mail"))
    await do(store, posting(*[note() for _ in range(5)]))
    await take(store)
    for seq in (3, 1):
        await finish(store, seq)
    assert seqs(await take(store)) == [4, 5]


async def test_readers_are_apart(store: OpenStore) -> None:
    await run(store, add_reader("mail"), add_reader("push"))
    await do(store, posting(note(), note()))
    await take(store)
    await finish(store, 2)
    other = await do(store, take_batch("push", holder="two", limit=10, duration=1000))
    assert seqs(other) == [1, 2]


async def test_an_unknown_reader_gets_nothing_and_holds_no_lease(store: OpenStore) -> None:
    assert await take(store) is None
    await do(store, add_reader("mail"))
    assert await take(store, holder="two") is not None


async def test_retention_by_number_waits_for_the_slowest_reader(store: OpenStore) -> None:
    await do(store, add_reader("mail"))
    await do(store, posting(*[note() for _ in range(10)]))
    await do(store, prune(KEEP, step=100))
    assert await store.span() == (0, 10)
    await take(store)
    await finish(store, 3)
    await do(store, prune(KEEP, step=100))
    assert await store.span() == (3, 10)
    await do(store, remove_reader("mail"))
    await do(store, prune(KEEP, step=100))
    assert await store.span() == (8, 10)


async def test_retention_by_age_waits_for_none_and_the_reader_is_told_what_it_missed(store: OpenStore) -> None:
    await do(store, add_reader("mail"))
    await do(store, posting(*[note() for _ in range(4)]))
    await do(store, posting(note()), now=NOW + DAY)
    await do(store, prune(KEEP, step=100), now=NOW + DAY + 1)
    batch = await take(store, now=NOW + DAY + 1)
    assert batch is not None
    assert (seqs(batch), batch.missed) == ([5], 4)
