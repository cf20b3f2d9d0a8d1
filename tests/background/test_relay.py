"""Law 7: whatever is lost, repeated, reordered or wrong, the hub gets every event once, in order."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model.log import Log
from tests.services.fakes import FakeStore, quiet
from tidings.background.relay import RUN, Relay, fit, runs
from tidings.domain.model import Event
from tidings.domain.topics import Topic
from tidings.hub.hub import Hub
from tidings.hub.ring import Ring

TOPIC = Topic("post/7")


def event(seq: int, *, size: int = 2) -> Event:
    return Event(seq=seq, topic=TOPIC, type="note", data=b"x" * size)


def seqs(events: Sequence[Event] | None) -> list[int] | None:
    return None if events is None else [one.seq for one in events]


@pytest.mark.parametrize(
    ("head", "batch", "fresh"),
    [
        (0, [1, 2], [1, 2]),
        (1, [1, 2], [2]),
        (2, [1, 2], []),
        (9, [1, 2], []),
        (0, [2, 3], None),
        (5, [7], None),
    ],
)
def test_what_of_a_batch_is_new(head: int, batch: list[int], fresh: list[int] | None) -> None:
    assert seqs(fit(head, [event(seq) for seq in batch])) == fresh


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([1, 1000, RUN // 2, RUN])), max_size=20))
def test_runs_are_consecutive_and_bounded_and_leave_nothing_out(shape: list[tuple[bool, int]]) -> None:
    events: list[Event] = []
    for gap, size in shape:
        events.append(event((events[-1].seq if events else 0) + (2 if gap else 1), size=size))
    parts = list(runs(events))
    assert [one for part in parts for one in part] == events
    for part in parts:
        assert seqs(part) == list(range(part[0].seq, part[-1].seq + 1))
        assert sum(len(one.data) for one in part[:-1]) < RUN


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
moves = st.lists(
    st.tuples(
        st.sampled_from(["commit", "commit", "deliver", "deliver", "again", "lose", "hint", "wrong", "look", "wait"]),
        st.integers(0, 5),
        st.integers(1, 4),
    ),
    max_size=40,
)


@given(moves=moves, turns=st.lists(st.integers(0, 4), max_size=20))
def test_the_hub_gets_the_log(moves: list[Move], turns: list[int]) -> None:
    async def run() -> None:
        log, hub = Log(), Heard()
        relay = Relay(FakeStore(log, turns=turns), hub)
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
                        await relay.look()
                    case "wait":
                        await quiet(size)
                    case _:
                        pass
            await relay.look()
            await quiet()
            await asyncio.wait_for(relay.reached(log.head), timeout=5)
            assert not task.done()
        assert hub.heard == [one.seq for one in log.events]

    asyncio.run(run())


async def test_a_batch_that_is_committed_while_a_wrong_hint_is_looked_into_is_published() -> None:
    log, hub = Log(), Heard()
    relay = Relay(FakeStore(log, turns=[5]), hub)
    async with running(relay) as task:
        relay.hint(100)
        await quiet(2)
        relay.committed([log.append(TOPIC)])
        await quiet()
        assert not task.done()
    assert hub.heard == [1]


async def test_a_true_hint_that_comes_while_a_wrong_one_is_looked_into_is_not_lost() -> None:
    log, hub = Log(), Heard()
    relay = Relay(FakeStore(log, turns=[5]), hub)
    async with running(relay):
        relay.hint(100)
        await quiet(2)
        log.append(TOPIC)
        await asyncio.wait_for(relay.reached(1), timeout=5)
    assert hub.heard == [1]


async def test_a_wrong_hint_is_looked_into_once() -> None:
    store = FakeStore(Log())
    relay = Relay(store, Heard())
    async with running(relay):
        relay.hint(100)
        await quiet()
    assert store.asked == ["tail"]


async def test_events_of_another_process_between_those_of_a_batch_are_read_from_the_store() -> None:
    log, hub = Log(), Heard()
    relay = Relay(FakeStore(log), hub)
    mine = [log.append(TOPIC)]
    log.append(TOPIC)
    mine.append(log.append(TOPIC))
    async with running(relay) as task:
        relay.committed(mine)
        await quiet()
        assert not task.done()
    assert hub.heard == [1, 2, 3]


async def test_a_large_batch_lets_the_loop_do_something_else() -> None:
    log, hub = Log(), Heard()
    relay = Relay(FakeStore(log), hub)
    async with running(relay):
        relay.committed([log.append(TOPIC, data=b"x" * RUN) for _ in range(3)])
        seen = []
        while hub.head < 3:
            await asyncio.sleep(0)
            seen.append(hub.head)
    assert set(seen) >= {1, 2, 3}


@pytest.mark.parametrize("pruned", [False, True], ids=["the store does not have it", "retention took it"])
async def test_what_is_nowhere_ends_the_relay_loudly(pruned: bool) -> None:
    log = Log()
    missing = log.append(TOPIC)
    batch = [log.append(TOPIC)]
    if pruned:
        log.floor = missing.seq
    else:
        log.events.clear()
    relay = Relay(FakeStore(log), Heard())
    relay.committed(batch)
    with pytest.raises(RuntimeError, match="not in the log"):
        await asyncio.wait_for(relay.run(), timeout=5)
