"""The desk: where a stream starts, who may open one, and that a publisher waits for its commit and nothing else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from tests.hub.fake_sink import FakeSink, LineEncoding, WhenFull
from tests.model.log import EPOCH, Log
from tests.services.fakes import UNLIMITED, FakeStore, alone, quiet, retrying
from tests.store.adapters import quick_folder
from tests.store.strategies import NOW, failing, note, posting
from tidings.auth.grants import Grant
from tidings.auth.revocations import Revocations
from tidings.background.relay import Relay
from tidings.domain.cursor import Cursor
from tidings.domain.errors import NotFound, ShuttingDown, TooManyConnections
from tidings.domain.lineage import Epoch, Lineage
from tidings.domain.model import Feed
from tidings.domain.ports import Store
from tidings.domain.topics import ALL, Topic, User, own_topic
from tidings.hub.hub import Hub
from tidings.hub.readers import ReaderState
from tidings.hub.ring import Ring
from tidings.services.store_gateway import StoreGateway
from tidings.services.streams import START, StartAfter, StreamService, start_position
from tidings.settings import Settings
from tidings.store.sqlite.adapter import SqliteStore
from tidings.store.transactions.follows import follow
from tidings.store.transactions.inbox import Filter

ALICE, BOB = User("alice"), User("bob")
POST = Topic("post/7")


@pytest.mark.parametrize(
    ("wanted", "position", "reset"),
    [
        (None, 9, None),
        (START, 4, None),
        (Cursor(EPOCH, 9), 9, None),
        (Cursor(EPOCH, 6), 6, None),
        (Cursor(EPOCH, 4), 4, None),
        (Cursor(EPOCH, 3), 4, "pruned"),
        (Cursor(EPOCH, 0), 4, "pruned"),
        (Cursor(EPOCH, 10), 4, "ahead"),
        (Cursor("other", 6), 4, "unknown_epoch"),
        (Cursor("other", 0), 4, "unknown_epoch"),
        (Cursor("other", 99), 4, "unknown_epoch"),
        (Cursor("before", 6), 6, None),
        (Cursor("before", 7), 6, "forked"),
        (Cursor("before", 99), 6, "forked"),
        (Cursor("before", 3), 4, "pruned"),
        (Cursor("long ago", 1), 4, "pruned"),
        (Cursor("long ago", 3), 4, "forked"),
    ],
    ids=str,
)
def test_where_a_stream_starts(wanted: StartAfter, position: int, reset: str | None) -> None:
    lineage = Lineage([Epoch("long ago", 0), Epoch("before", 2), Epoch(EPOCH, 6)])
    feed = Feed(user=ALICE, head=9, floor=4)
    opened = start_position(feed, lineage, wanted)
    assert (opened.position, opened.reset) == (position, reset)
    skipping = start_position(feed, lineage, wanted, skip=True)  # a reset is to the head, everything else as before
    assert (skipping.position, skipping.reset) == (position if reset is None else 9, reset)


def test_the_very_first_cursor_of_a_log_that_keeps_everything_is_served() -> None:
    opened = start_position(Feed(user=ALICE, head=9, floor=0), Lineage([Epoch(EPOCH, 0)]), Cursor(EPOCH, 0))
    assert (opened.position, opened.reset) == (0, None)


class GatewayHarness:
    """A desk with a hub and a relay at work."""

    def __init__(self, store: Store, *, slots: int = 64, connections: int = 100) -> None:
        self.hub = Hub(Ring(head=0, slots=slots), on_work=lambda: None)
        self.relay = Relay(store, self.hub, retry=retrying(), hole_wait=0)
        settings = Settings(mode="dev", max_connections=connections)
        self.gateway = StoreGateway(
            settings=settings,
            store=store,
            hub=self.hub,
            relay=self.relay,
            link=alone(self.relay),
            clock=lambda: NOW,
        )
        self.streams = StreamService(self.gateway, revoked=Revocations(), replays=UNLIMITED, process="p")

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[StoreGateway]:
        task = asyncio.create_task(self.relay.run())
        try:
            yield self.gateway
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def connect(self, user: User) -> FakeSink:
        """Connect as an endpoint does: without waiting between the opening and the joining."""
        encoding = LineEncoding("lines")
        opened = await self.streams.open(Grant(user=user), None, encoding=encoding)
        sink = FakeSink(self.hub, high=1 << 20, when_full=WhenFull.STALL)
        sink.reader = self.hub.join(opened.feed, sink=sink, encoding=encoding, position=opened.position)
        return sink


def fake(log: Log, *, turns: Iterable[int] = (), slots: int = 64, connections: int = 100) -> GatewayHarness:
    return GatewayHarness(FakeStore(log, turns=turns), slots=slots, connections=connections)


async def test_a_feed_is_never_ahead_of_the_hub() -> None:
    log = Log()
    for _ in range(5):
        log.append(POST)  # committed elsewhere, without a hint to us
    harness = fake(log)
    async with harness.working() as gateway:
        feed = await gateway.feed(ALICE)
        assert feed.head == harness.hub.head == 5


async def test_a_feed_that_has_worn_off_the_ring_meanwhile_is_read_again() -> None:
    log = Log()
    harness = fake(log, turns=[4], slots=2)
    async with harness.working() as gateway:
        asked = asyncio.create_task(gateway.feed(ALICE))
        await quiet(2)
        harness.relay.committed([log.append(POST) for _ in range(5)])
        feed = await asked
        assert harness.hub.ring.covers(feed.head)
        assert feed.head == 5


async def test_ten_thousand_who_come_at_once_are_a_few_questions() -> None:
    harness = fake(Log(), turns=[3] * 1000)
    async with harness.working() as gateway:
        await asyncio.gather(*[gateway.feed(User(f"u{number}")) for number in range(1000)])
    store = gateway.store
    assert isinstance(store, FakeStore)
    assert len(store.asked) < 25
    assert store.most_under_way == 1


async def test_stream_of_a_known_user_opens_without_the_store_until_one_of_its_topics_moves() -> None:
    log = Log()
    harness = fake(log)
    store = harness.gateway.store
    assert isinstance(store, FakeStore)
    async with harness.working():
        first = await harness.connect(ALICE)
        harness.hub.leave(first.reader)
        store.asked.clear()
        harness.relay.committed([log.append(own_topic(BOB))])
        await harness.relay.reached(1)
        second = await harness.connect(ALICE)
        assert (store.asked, second.reader.state) == ([], ReaderState.LIVE)
        harness.relay.committed([log.append(own_topic(ALICE))])
        await harness.relay.reached(2)
        await harness.connect(ALICE)
        assert store.asked == ["feeds"]


@pytest.mark.parametrize("wanted", [START, Cursor("other", 1), Cursor(EPOCH, 9), Cursor(EPOCH, 1)], ids=str)
async def test_start_that_the_ring_does_not_cover_asks_the_store(wanted: StartAfter) -> None:
    log = Log()
    harness = fake(log, slots=2)
    store = harness.gateway.store
    assert isinstance(store, FakeStore)
    async with harness.working():
        harness.relay.committed([log.append(own_topic(BOB)) for _ in range(5)])
        await harness.relay.reached(5)
        await harness.connect(ALICE)
        store.asked.clear()
        await harness.streams.open(Grant(user=ALICE), wanted, encoding=LineEncoding("lines"))
        assert store.asked == ["feeds"]


async def test_there_are_never_more_streams_than_there_may_be_even_if_all_come_at_once() -> None:
    harness = fake(Log(), turns=[3] * 100, connections=10)
    async with harness.working():
        came = await asyncio.gather(*[harness.connect(ALICE) for _ in range(100)], return_exceptions=True)
        assert sum(isinstance(one, FakeSink) for one in came) == 10
        assert sum(isinstance(one, TooManyConnections) for one in came) == 90
        [first, *_] = [one for one in came if isinstance(one, FakeSink)]
        harness.hub.leave(first.reader)
        await harness.connect(ALICE)


async def test_no_reader_joins_a_server_that_drains() -> None:
    harness = fake(Log(), turns=[10])
    async with harness.working() as gateway:
        late = asyncio.create_task(harness.connect(ALICE))
        await quiet(2)
        gateway.draining = True
        with pytest.raises(ShuttingDown):
            await late
        with pytest.raises(ShuttingDown):
            await harness.connect(ALICE)
    assert harness.hub.readers() == []


@contextlib.asynccontextmanager
async def real() -> AsyncIterator[GatewayHarness]:
    with quick_folder() as folder:
        store = await SqliteStore.open(Path(folder) / "tidings.db")
        harness = GatewayHarness(store)
        try:
            async with harness.working():
                yield harness
        finally:
            await store.close()


async def test_answered_write_is_durable_and_reaches_the_readers() -> None:
    async with real() as harness:
        gateway = harness.gateway
        sink = await harness.connect(ALICE)
        answers = await asyncio.gather(*[gateway.write(posting(note(title=str(number)))) for number in range(50)])
        assert (await gateway.store.span()).head == 50
        await gateway.settled()
        assert [seq for _, seq in sink.received] == list(range(1, 51))
        assert sorted(answer[0].cursor for answer in answers) == sorted(
            str(Cursor(gateway.store.epoch, seq)) for seq in range(1, 51)
        )


async def test_error_of_one_job_is_not_raised_to_the_others_of_its_batch() -> None:
    async with real() as harness:
        good, bad, other = await asyncio.gather(
            harness.gateway.write(posting()),
            harness.gateway.write(failing()),
            harness.gateway.write(posting()),
            return_exceptions=True,
        )
        assert isinstance(bad, NotFound)
        assert isinstance(good, list)
        assert isinstance(other, list)


async def test_a_publisher_that_goes_away_has_published_all_the_same() -> None:
    async with real() as harness:
        gateway = harness.gateway
        await gateway.feed(ALICE)
        gone = asyncio.create_task(gateway.write(posting()))
        await quiet(2)
        gone.cancel()
        await gateway.idle()
        assert await gateway.store.span() == (0, 1)


async def test_unknown_user_is_created_by_the_first_feed() -> None:
    async with real() as harness:
        gateway = harness.gateway
        await gateway.write(posting(note(ALL)))
        first = await gateway.feed(ALICE)
        assert (first.head, first.counters.unread) == (1, 0)
        await gateway.write(posting(note(ALL)))
        assert (await gateway.feed(ALICE)).counters.unread == 1
        assert (await gateway.feed(BOB)).counters.unread == 0


async def test_publisher_that_reads_afterwards_finds_its_own_item() -> None:
    async with real() as harness:
        gateway = harness.gateway
        await gateway.write(follow([(ALICE, POST)]))
        await gateway.write(posting(note(POST, title="new")))
        await gateway.settled()
        assert harness.hub.head == 2
        page = await gateway.inbox(ALICE, Filter(), before=1 << 62, limit=10)
        assert ([item.title for item in page.items], page.head) == (["new"], 2)
        assert (await gateway.feed(ALICE)).follows == (POST,)
