"""Law 7: whatever is lost, repeated, reordered or wrong, the hub gets every event once, in order."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model.log import Log
from tests.services.fakes import FakeStore, quiet, retrying
from tidings.background.relay import Relay
from tidings.background.sequencer import RUN_BYTES
from tidings.domain.errors import LogBroken, StoreUnavailable
from tidings.domain.model import Event, Span
from tidings.domain.topics import Topic
from tidings.hub.hub import Hub
from tidings.hub.ring import Ring
from tidings.server.started_coroutine import run_eagerly

TOPIC = Topic("post/7")


class Heard(Hub):
    """A hub that remembers what it was given."""

    def __init__(self) -> None:
        super().__init__(Ring(head=0, slots=4), on_work=lambda: None)
        self.heard: list[int] = []

    def publish(self, events: Sequence[Event]) -> None:
        self.heard += [one.seq for one in events]
        super().publish(events)


@contextlib.asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(relay.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


Move = tuple[str, int, int]
MOVES = ["commit", "commit", "deliver", "deliver", "again", "lose", "hint", "wrong", "look", "wait", "away", "back"]
moves = st.lists(
    st.tuples(
        st.sampled_from(MOVES),
        st.integers(0, 5),
        st.integers(1, 4),
    ),
    max_size=40,
)


@given(moves=moves, turns=st.lists(st.integers(0, 4), max_size=20))
def test_hub_gets_every_event_once_in_order(moves: list[Move], turns: list[int]) -> None:
    async def run() -> None:
        log, hub = Log(), Heard()
        store = FakeStore(log, turns=turns)
        relay = Relay(store, hub, retry=retrying(), hole_wait=0)
        sent: list[list[Event]] = []
        async with running(relay) as task:
            for what, place, size in moves:
                match what:
                    case "commit":
                        sent.append([log.append(TOPIC) for _ in range(size)])
                    case "deliver" if sent:
                        relay.committed(sent.pop(place % len(sent)))
                    case "again" if sent:
                        relay.committed(sent[place % len(sent)])
                    case "lose" if sent:
                        sent.pop(place % len(sent))
                    case "hint":
                        relay.hint(max(0, log.head - place))
                    case "wrong":
                        relay.hint(log.head + size)
                    case "look":
                        with contextlib.suppress(StoreUnavailable):
                            await relay.look()
                    case "away" | "back":
                        store.away = what == "away"
                    case "wait":
                        await quiet(size)
                    case _:
                        pass
            store.away = False
            await relay.look()
            await quiet()
            await asyncio.wait_for(relay.reached(log.head), timeout=5)
            assert not task.done()
        assert hub.heard == [one.seq for one in log.events]

    asyncio.run(run())


async def test_batch_committed_while_a_wrong_hint_is_checked_is_published() -> None:
    log, hub = Log(), Heard()
    relay = Relay(FakeStore(log, turns=[5]), hub, retry=retrying(), hole_wait=0)
    async with running(relay) as task:
        relay.hint(100)
        await quiet(2)
        relay.committed([log.append(TOPIC)])
        await quiet()
        assert not task.done()
    assert hub.heard == [1]


async def test_true_hint_while_a_wrong_one_is_checked_is_not_lost() -> None:
    log, hub = Log(), Heard()
    relay = Relay(FakeStore(log, turns=[5]), hub, retry=retrying(), hole_wait=0)
    async with running(relay):
        relay.hint(100)
        await quiet(2)
        log.append(TOPIC)
        await asyncio.wait_for(relay.reached(1), timeout=5)
    assert hub.heard == [1]


async def test_wrong_hint_is_checked_once() -> None:
    store = FakeStore(Log())
    relay = Relay(store, Heard(), retry=retrying(), hole_wait=0)
    async with running(relay):
        relay.hint(100)
        await quiet()
    assert store.asked == ["tail", "span"]


async def test_events_of_another_process_inside_a_batch_are_read_from_the_store() -> None:
    log, hub = Log(), Heard()
    relay = Relay(FakeStore(log), hub, retry=retrying(), hole_wait=0)
    mine = [log.append(TOPIC)]
    log.append(TOPIC)
    mine.append(log.append(TOPIC))
    async with running(relay) as task:
        relay.committed(mine)
        await quiet()
        assert not task.done()
    assert hub.heard == [1, 2, 3]


async def test_large_batch_yields_to_the_loop() -> None:
    log, hub = Log(), Heard()
    relay = Relay(FakeStore(log), hub, retry=retrying(), hole_wait=0)
    async with running(relay):
        relay.committed([log.append(TOPIC, data=b"x" * RUN_BYTES) for _ in range(3)])
        seen = []
        while hub.head < 3:
            await asyncio.sleep(0)
            seen.append(hub.head)
    assert set(seen) >= {1, 2, 3}


async def test_store_that_is_away_for_a_while_ends_nothing() -> None:
    log, hub = Log(), Heard()
    store = FakeStore(log)
    relay = Relay(store, hub, retry=retrying(), hole_wait=0)
    async with running(relay) as task:
        store.away = True
        log.append(TOPIC)
        relay.hint(1)
        for _ in range(10):
            await quiet()
        assert not task.done()
        assert hub.heard == []
        store.away = False
        await asyncio.wait_for(relay.reached(1), timeout=5)
    assert hub.heard == [1]


async def test_request_whose_first_step_has_no_task_waits_for_the_hub() -> None:
    log, hub = Log(), Heard()
    relay = Relay(FakeStore(log), hub, retry=retrying(), hole_wait=0)
    log.append(TOPIC)
    async with running(relay):
        loop = asyncio.get_running_loop()
        handle = asyncio.Future[asyncio.Task[None] | None]()
        loop.call_soon(lambda: handle.set_result(run_eagerly(relay.reached(1), loop)))
        request = await handle
        assert request is not None
        await asyncio.wait_for(request, timeout=5)
    assert hub.heard == [1]


async def test_batches_of_other_nodes_that_are_in_no_store_end_nothing() -> None:
    log, hub = Log(), Heard()
    relay = Relay(FakeStore(log), hub, retry=retrying(), hole_wait=0)
    async with running(relay) as task:
        relay.heard([Event(seq=7, topic=TOPIC, type="note", data=b"")])
        await quiet()
        assert not task.done()
        relay.committed([log.append(TOPIC)])
        await quiet()
    assert hub.heard == [1]


async def test_hole_waits_for_the_bus_before_the_store_is_read() -> None:
    log, hub = Log(), Heard()
    store = FakeStore(log)
    relay = Relay(store, hub, retry=retrying(), hole_wait=60)
    async with running(relay):
        first, second, third = (log.append(TOPIC) for _ in range(3))
        relay.heard([third])
        await quiet()
        relay.heard([second])
        await quiet()
        assert hub.heard == []
        relay.heard([first])
        await quiet()
    assert hub.heard == [1, 2, 3]
    assert store.asked == []


async def test_hole_that_the_bus_does_not_fill_is_read_from_the_store_whatever_else_comes() -> None:
    log, hub = Log(), Heard()
    relay = Relay(FakeStore(log), hub, retry=retrying(), hole_wait=0.001)
    log.append(TOPIC)
    async with running(relay), asyncio.timeout(5):
        while not hub.heard:
            relay.heard([log.append(TOPIC)])
            await asyncio.sleep(0)
    assert hub.heard == [one.seq for one in log.events][: len(hub.heard)]


@pytest.mark.parametrize("pruned", [False, True], ids=["the store does not have it", "retention took it"])
async def test_committed_event_that_is_not_in_the_log_ends_the_relay(pruned: bool) -> None:
    log = Log()
    missing = log.append(TOPIC)
    batch = [log.append(TOPIC)]
    if pruned:
        log.floor = missing.seq
    else:
        log.events.clear()
    relay = Relay(FakeStore(log), Heard(), retry=retrying(), hole_wait=0)
    relay.committed(batch)
    with pytest.raises(LogBroken):
        await asyncio.wait_for(relay.run(), timeout=5)


async def test_commit_while_a_wrong_hint_is_checked_is_no_broken_log() -> None:
    log, hub = Log(), Heard()
    relay = Relay(FakeStore(log, turns=[0, 5]), hub, retry=retrying(), hole_wait=0)
    async with running(relay) as task:
        relay.hint(100)
        await quiet(6)  # the head was read, and is on its way
        relay.committed([log.append(TOPIC)])
        await quiet()
        assert not task.done()
    assert hub.heard == [1]


class HollowStore(FakeStore):
    """Its head says more than its log has."""

    async def span(self) -> Span:
        return Span(self.log.floor, self.log.head + 5)


async def test_head_beyond_the_last_event_ends_the_start() -> None:
    log = Log()
    log.append(TOPIC)
    relay = Relay(HollowStore(log), Heard(), retry=retrying(), hole_wait=0)
    with pytest.raises(LogBroken, match="said to reach to 6, but has nothing after 1"):
        await asyncio.wait_for(relay.warm(6), timeout=5)


async def test_head_beyond_the_last_event_ends_the_running_relay() -> None:
    log = Log()
    log.append(TOPIC)
    relay = Relay(HollowStore(log), Heard(), retry=retrying(), hole_wait=0)
    waiting = asyncio.create_task(relay.reached(6))
    with pytest.raises(LogBroken):
        await asyncio.wait_for(relay.run(), timeout=5)
    waiting.cancel()


async def test_request_that_waits_for_the_hub_is_refused_when_the_store_stays_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tidings.background.relay.REACH_WITHIN", 0.0104)  # uvloop's timers go off at 0.010 then
    store = FakeStore(Log())
    store.away = True
    relay = Relay(store, Heard(), retry=retrying(), hole_wait=0)
    async with running(relay):
        with pytest.raises(StoreUnavailable):
            await relay.reached(1)


@pytest.mark.parametrize(("forked_at", "goes_on"), [(2, True), (1, False)])
async def test_a_fork_behind_what_was_delivered_ends_the_relay(forked_at: int, goes_on: bool) -> None:
    log = Log()
    store, hub = FakeStore(log), Heard()
    relay = Relay(store, hub, retry=retrying(), hole_wait=0)
    async with running(relay) as task:
        relay.committed([log.append(TOPIC), log.append(TOPIC)])
        await quiet()
        store.fork(forked_at)
        relay.committed([log.append(TOPIC)])
        await quiet()
        assert (not task.done(), hub.heard) == (goes_on, [1, 2, 3] if goes_on else [1, 2])
        if not goes_on:
            with pytest.raises(LogBroken, match="forked at 1"):
                await task
