"""Catch-up: a few workers bring every reader to the head; a failure for one reader stops no other."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

import msgspec
import pytest

from tests.hub.fake_sink import FakeSink, WhenFull
from tests.model.log import EPOCH, Log
from tests.services.fakes import FakeStore, never_resting, quiet, retrying
from tidings.background.catch_up import PAGE_EVENTS, STORE_WORKERS, CatchUp
from tidings.background.replay_lane import PLACES
from tidings.domain.model import Event
from tidings.domain.topics import User, own_topic
from tidings.hub.hub import Hub
from tidings.hub.readers import ReaderState
from tidings.hub.ring import Ring

ALICE, BOB = User("alice"), User("bob")


class LineEncoding:
    """Events and resets as lines that a `FakeSink` reads back."""

    transport = "lines"
    heartbeat = b""
    shared = True

    def event(self, event: Event) -> bytes:
        return b"+%d %b\n" % (event.seq, event.data)

    def control(self, type: str, data: bytes, *, id: str | None = None, retry: int | None = None) -> bytes:
        reason = msgspec.json.decode(data)
        assert (type, reason) == ("reset", {"reason": "pruned", "cursor": id})
        assert id is not None
        return b"reset %d\n" % int(id.removeprefix(f"{EPOCH}-"))


LINES = LineEncoding()


class CatchUpHarness:
    """A log, a hub that has all of it but remembers the last event only, and the workers."""

    def __init__(self, *, events: int = 0, users: Iterable[User] = (ALICE,), turns: Iterable[int] = ()) -> None:
        self.log = Log()
        self.store = FakeStore(self.log, turns=turns)
        self.catchup = CatchUp(self.store, retry=retrying(), lane=never_resting())
        self.hub = Hub(Ring(head=0, slots=1), on_work=self.catchup.wake)
        for _ in range(events):
            for user in users:
                self.log.append(own_topic(user))
        self.hub.publish(self.log.events)

    def join(self, user: User, *, position: int = 0) -> FakeSink:
        sink = FakeSink(self.hub, high=1 << 20, when_full=WhenFull.STALL)
        sink.reader = self.hub.join(self.log.feed(user), sink=sink, encoding=LINES, position=position)
        return sink

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.catchup.run(self.hub))
        try:
            yield
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.wait([task])


def seqs(sink: FakeSink) -> list[int]:
    assert {what for what, _ in sink.received} <= {"event"}
    return [seq for _, seq in sink.received]


@pytest.mark.parametrize("events", [1, 2, PAGE_EVENTS, PAGE_EVENTS + 1, 2 * PAGE_EVENTS + 7])
async def test_reader_gets_store_pages_and_then_the_ring(events: int) -> None:
    harness = CatchUpHarness(events=events)
    async with harness.working():
        sink = harness.join(ALICE)
        await quiet()
    assert seqs(sink) == list(range(1, events + 1))
    assert sink.reader.state is ReaderState.LIVE


async def test_a_thousand_readers_are_a_queue() -> None:
    harness = CatchUpHarness(events=3, turns=[3] * 100_000)
    async with harness.working():
        sinks = [harness.join(ALICE) for _ in range(1000)]
        for _ in range(100):
            await quiet()
    assert harness.store.most_under_way == PLACES
    assert all(seqs(sink) == [1, 2, 3] for sink in sinks)


async def test_readers_wait_while_the_store_is_away_and_then_get_everything() -> None:
    harness = CatchUpHarness(events=3)
    async with harness.working():
        harness.store.away = True
        sinks = [harness.join(ALICE) for _ in range(STORE_WORKERS + 2)]
        for _ in range(10):
            await quiet()
            assert not any(sink.aborted for sink in sinks)
        harness.store.away = False
        await quiet()
    assert [seqs(sink) for sink in sinks] == [[1, 2, 3]] * len(sinks)


async def test_reader_that_leaves_while_the_store_is_away_is_forgotten() -> None:
    harness = CatchUpHarness(events=3)
    async with harness.working():
        harness.store.away = True
        sinks = [harness.join(ALICE) for _ in range(STORE_WORKERS)]
        await quiet()
        for sink in sinks:
            harness.hub.leave(sink.reader)
        await quiet()
        asked = len(harness.store.asked)
        await quiet()
        assert len(harness.store.asked) == asked
        harness.store.away = False
        other = harness.join(ALICE)
        await quiet()
    assert seqs(other) == [1, 2, 3]


async def test_readers_that_the_ring_reaches_back_to_are_served_while_the_store_is_away() -> None:
    harness = CatchUpHarness(events=3)
    async with harness.working():
        harness.store.away = True
        for _ in range(STORE_WORKERS + 2):
            harness.join(ALICE)
        await quiet()
        recent = harness.join(ALICE, position=2)
        await quiet()
    assert seqs(recent) == [3]


async def test_reader_that_leaves_while_its_page_is_read_gets_nothing_more() -> None:
    harness = CatchUpHarness(events=3, turns=[5])
    async with harness.working():
        sink = harness.join(ALICE)
        await quiet(2)
        harness.hub.leave(sink.reader)
        other = harness.join(ALICE)
        await quiet()
    assert sink.received == []
    assert seqs(other) == [1, 2, 3]


async def test_reader_that_stalls_while_its_page_is_read_gets_it_when_it_drains() -> None:
    harness = CatchUpHarness(events=3, turns=[5])
    async with harness.working():
        sink = harness.join(ALICE)
        await quiet(2)
        sink.stall()
        await quiet()
        assert sink.received == []
        sink.drain()
        await quiet()
    assert seqs(sink) == [1, 2, 3]


async def test_reader_of_pruned_events_gets_a_reset_and_the_rest() -> None:
    harness = CatchUpHarness(events=6)
    harness.log.floor = 4
    async with harness.working():
        sink = harness.join(ALICE, position=2)
        await quiet()
    assert sink.received == [("reset", 4), ("event", 5), ("event", 6)]


async def test_reset_is_never_ahead_of_the_hub() -> None:
    harness = CatchUpHarness(events=3)
    behind = harness.join(ALICE)
    later = [harness.log.append(own_topic(ALICE)) for _ in range(3)]
    harness.log.floor = 5  # retention is quicker than the relay
    async with harness.working():
        await quiet()
        harness.hub.publish(later)
        await quiet()
    assert behind.received == [("reset", 3), ("event", 4), ("event", 5), ("event", 6)]


async def test_store_page_excludes_events_of_others() -> None:
    harness = CatchUpHarness(events=4, users=[ALICE, BOB])
    async with harness.working():
        sink = harness.join(BOB)
        await quiet()
    assert seqs(sink) == [2, 4, 6, 8]


async def test_serving_many_from_the_ring_yields_to_the_loop() -> None:
    harness = CatchUpHarness()
    harness.hub.publish([harness.log.append(own_topic(BOB))])
    async with harness.working():
        sinks = [harness.join(ALICE) for _ in range(200)]
        seen = set()
        while harness.hub.catch_up_queue:
            await asyncio.sleep(0)
            seen.add(sum(sink.reader.state is ReaderState.LIVE for sink in sinks))
    assert len(seen) > 3
