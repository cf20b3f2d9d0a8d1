"""The link to the bus: a node hears itself, tells the others what it committed, and drops what is not for it."""

import asyncio

from tests.background.fake_clock import FakeClock, running, settle
from tests.model.log import EPOCH, Log
from tests.services.fakes import FakeStore, retrying
from tidings.background.bus_link import POSITION_INTERVAL, SILENCE, BusLink
from tidings.background.head_watch import BUS_DOWN_INTERVAL, WATCH_INTERVAL, HeadWatch
from tidings.background.relay import Relay
from tidings.bus.frame import Batch, NodeHead, decode
from tidings.bus.local import LocalBus
from tidings.domain.topics import Topic
from tidings.hub.hub import Hub
from tidings.hub.ring import Ring

TOPIC = Topic("post/7")


class BreakableBus(LocalBus):
    """A bus that can be cut, and remembers what was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.cut = False
        self.sent: list[bytes] = []

    def send(self, frame: bytes) -> None:
        self.sent.append(frame)
        if not self.cut:
            super().send(frame)


class LinkHarness:
    """A node on a bus."""

    def __init__(self, bus: BreakableBus, log: Log, clock: FakeClock, *, node: str = "a") -> None:
        self.hub = Hub(Ring(head=0), on_work=lambda: None)
        self.store = FakeStore(log)
        self.relay = Relay(self.store, self.hub, retry=retrying())
        self.link = BusLink(bus, self.relay, epoch=lambda: EPOCH, node=node, clock=clock, sleep=clock.sleep)


async def test_node_that_does_not_hear_itself_for_a_second_says_that_the_bus_is_down() -> None:
    clock, bus = FakeClock(), BreakableBus()
    one = LinkHarness(bus, Log(), clock)
    async with running(one.link.run()):
        down = []
        for cut, seconds in [
            (False, 10 * SILENCE),
            (True, SILENCE - POSITION_INTERVAL),
            (True, 2 * POSITION_INTERVAL),
            (False, POSITION_INTERVAL),
        ]:
            bus.cut = cut
            await clock.advance(seconds)
            down.append(one.link.down)
        assert down == [False, False, True, False]


async def test_commit_reaches_another_node_without_a_look_at_the_store() -> None:
    clock, bus, log = FakeClock(), BreakableBus(), Log()
    one, other = (LinkHarness(bus, log, clock, node=node) for node in "ab")
    async with running(one.relay.run(), other.relay.run()):
        one.link.committed([log.append(TOPIC), log.append(TOPIC)])
        await settle()
    assert (one.hub.head, other.hub.head, other.store.asked) == (2, 2, [])


async def test_large_commit_is_told_as_a_position_and_read_from_the_store() -> None:
    clock, bus, log = FakeClock(), BreakableBus(), Log()
    one, other = (LinkHarness(bus, log, clock, node=node) for node in "ab")
    async with running(one.relay.run(), other.relay.run()), asyncio.timeout(5):
        one.link.committed([log.append(TOPIC, data=b"x" * (bus.max_bytes // 2)) for _ in range(3)])
        assert [decode(frame, epoch=EPOCH) for frame in bus.sent] == [NodeHead(EPOCH, "a", 3)]
        await other.relay.reached(3)
    assert "tail" in other.store.asked


async def test_lone_node_sends_nothing_with_a_commit() -> None:
    bus, log = BreakableBus(), Log()
    one = LinkHarness(bus, log, FakeClock())
    one.link.committed([log.append(TOPIC)])
    assert bus.sent == []


async def test_batches_with_holes_are_frames_without() -> None:
    bus, log = BreakableBus(), Log()
    one, _ = (LinkHarness(bus, log, FakeClock(), node=node) for node in "ab")
    first, _, third = (log.append(TOPIC) for _ in range(3))
    one.link.committed([first, third])
    frames = [decode(frame, epoch=EPOCH) for frame in bus.sent]
    assert [(frame.first, frame.last) for frame in frames if isinstance(frame, Batch)] == [(1, 1), (3, 3)]


async def test_frames_that_are_not_for_this_node_are_counted() -> None:
    clock, bus, log = FakeClock(), BreakableBus(), Log()
    one = LinkHarness(bus, log, clock)
    other = BusLink(bus, one.relay, epoch=lambda: "other", node="b", clock=clock)
    other.say_position()
    bus.send(b"noise")
    await settle()
    assert one.link.dropped == {"epoch": 1, "malformed": 1}


async def test_head_is_looked_at_each_second_and_more_often_while_the_bus_is_down() -> None:
    clock, log = FakeClock(), Log()
    one = LinkHarness(BreakableBus(), log, clock)
    down = False
    watch = HeadWatch(one.relay, retry=retrying(), bus_down=lambda: down, sleep=clock.sleep)
    async with running(watch.run()):
        await clock.advance(5 * WATCH_INTERVAL)
        assert one.store.asked == ["span"] * 5
        down = True
        await clock.advance(WATCH_INTERVAL)
        one.store.asked.clear()
        await clock.advance(10.5 * BUS_DOWN_INTERVAL)
        assert one.store.asked == ["span"] * 10
