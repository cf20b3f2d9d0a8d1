"""A few workers bring everyone to the head; what goes wrong for one reader stops nobody else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

import msgspec
import pytest

from tests.hub.fake_sink import Manner, Pipe
from tests.model.log import EPOCH, Log
from tests.services.fakes import FakeStore, quiet
from tidings.background.catch_up import PAGE, WORKERS, CatchUp
from tidings.domain.model import Event
from tidings.domain.topics import User, own_topic
from tidings.hub.hub import Hub
from tidings.hub.reader import State
from tidings.hub.ring import Ring

ALICE, BOB = User("alice"), User("bob")


class Lines:
    """Events and resets as lines that a `Pipe` reads back."""

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


LINES = Lines()


class StoreHarness:
    """A log, a hub that has all of it but remembers the last event only, and the workers."""

    def __init__(self, *, events: int = 0, users: Iterable[User] = (ALICE,), turns: Iterable[int] = ()) -> None:
        self.log = Log()
        self.store = FakeStore(self.log, turns=turns)
        self.catchup = CatchUp(self.store)
        self.hub = Hub(Ring(head=0, slots=1), on_work=self.catchup.wake)
        for _ in range(events):
            for user in users:
                self.log.append(own_topic(user))
        self.hub.publish(self.log.events)

    def join(self, user: User, *, position: int = 0) -> Pipe:
        pipe = Pipe(self.hub, high=1 << 20, manner=Manner.SAYS_SO)
        pipe.reader = self.hub.join(self.log.feed(user), sink=pipe, encoding=LINES, position=position)
        return pipe

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.catchup.run(self.hub))
        try:
            yield
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.wait([task])


def seqs(pipe: Pipe) -> list[int]:
    assert {what for what, _ in pipe.got} <= {"event"}
    return [seq for _, seq in pipe.got]


@pytest.mark.parametrize("events", [1, 2, PAGE, PAGE + 1, 2 * PAGE + 7])
async def test_a_reader_gets_page_after_page_and_then_the_ring(events: int) -> None:
    house = StoreHarness(events=events)
    async with house.working():
        pipe = house.join(ALICE)
        await quiet()
    assert seqs(pipe) == list(range(1, events + 1))
    assert pipe.reader.state is State.LIVE


async def test_a_thousand_readers_are_a_queue_and_not_a_storm() -> None:
    house = StoreHarness(events=3, turns=[3] * 100_000)
    async with house.working():
        pipes = [house.join(ALICE) for _ in range(1000)]
        for _ in range(100):
            await quiet()
    assert house.store.most_under_way == WORKERS
    assert all(seqs(pipe) == [1, 2, 3] for pipe in pipes)


async def test_when_the_store_cannot_be_read_the_reader_is_ended_and_the_workers_live_on() -> None:
    house = StoreHarness(events=3)
    async with house.working():
        house.store.violation = True
        lost = [house.join(ALICE) for _ in range(WORKERS + 2)]
        await quiet()
        house.store.violation = False
        found = house.join(ALICE)
        await quiet()
    assert [pipe.aborted for pipe in lost] == [True] * len(lost)
    assert [pipe.got for pipe in lost] == [[]] * len(lost)
    assert seqs(found) == [1, 2, 3]
    assert house.hub.readers() == [found.reader]


async def test_a_reader_that_leaves_while_its_page_is_on_the_way_gets_nothing_more() -> None:
    house = StoreHarness(events=3, turns=[5])
    async with house.working():
        pipe = house.join(ALICE)
        await quiet(2)
        house.hub.leave(pipe.reader)
        other = house.join(ALICE)
        await quiet()
    assert pipe.got == []
    assert seqs(other) == [1, 2, 3]


async def test_a_reader_that_stalls_while_its_page_is_on_the_way_gets_it_when_it_drains() -> None:
    house = StoreHarness(events=3, turns=[5])
    async with house.working():
        pipe = house.join(ALICE)
        await quiet(2)
        pipe.stall()
        await quiet()
        assert pipe.got == []
        pipe.drain()
        await quiet()
    assert seqs(pipe) == [1, 2, 3]


async def test_what_retention_took_is_told_and_the_rest_follows() -> None:
    house = StoreHarness(events=6)
    house.log.floor = 4
    async with house.working():
        pipe = house.join(ALICE, position=2)
        await quiet()
    assert pipe.got == [("reset", 4), ("event", 5), ("event", 6)]


async def test_a_reset_is_never_ahead_of_the_hub() -> None:
    house = StoreHarness(events=3)
    behind = house.join(ALICE)
    later = [house.log.append(own_topic(ALICE)) for _ in range(3)]
    house.log.floor = 5  # retention is quicker than the relay
    async with house.working():
        await quiet()
        house.hub.publish(later)
        await quiet()
    assert behind.got == [("reset", 3), ("event", 4), ("event", 5), ("event", 6)]


async def test_events_of_others_do_not_reach_it_from_the_store_either() -> None:
    house = StoreHarness(events=4, users=[ALICE, BOB])
    async with house.working():
        pipe = house.join(BOB)
        await quiet()
    assert seqs(pipe) == [2, 4, 6, 8]


async def test_while_many_are_served_from_memory_the_loop_does_other_things() -> None:
    house = StoreHarness()
    house.hub.publish([house.log.append(own_topic(BOB))])
    async with house.working():
        pipes = [house.join(ALICE) for _ in range(200)]
        seen = set()
        while house.hub.waiting:
            await asyncio.sleep(0)
            seen.add(sum(pipe.reader.state is State.LIVE for pipe in pipes))
    assert len(seen) > 3
