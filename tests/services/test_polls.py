"""Polls read the log once after a cursor: all of it, each event once, and from memory wherever that reaches back."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model.log import EPOCH, Log
from tests.services.fakes import UNLIMITED, FakeStore, alone, never_resting, retrying
from tidings.auth.grants import Grant
from tidings.background.loop_lag import LoopLag
from tidings.background.relay import Relay
from tidings.domain.cursor import Cursor
from tidings.domain.errors import ShuttingDown
from tidings.domain.model import Event
from tidings.domain.topics import ALL, Topic, User, own_topic
from tidings.hub.feed_page import PAGE_BYTES
from tidings.hub.hub import Hub
from tidings.hub.ring import Ring
from tidings.services.polls import INTERVAL, INTERVAL_MAX, LATE, RATE, Found, PollService
from tidings.services.store_gateway import StoreGateway
from tidings.services.streams import START, StartAfter
from tidings.settings import Settings
from tidings.transports.poll_frames import PollEncoding

ALICE, BOB = User("alice"), User("bob")
ANYONE = Grant(user=ALICE, topics=None)  # may ask for every topic that is not personal
HERS, HIS, AUTHOR = own_topic(ALICE), own_topic(BOB), Topic("author/42")

pytestmark = pytest.mark.anyio


class PollHarness:
    """A log, a hub that remembers a few events of it, and the polls."""

    def __init__(self, *, slots: int = 8) -> None:
        self.log = Log()
        self.store = FakeStore(self.log)
        self.hub = Hub(Ring(head=0, slots=slots), on_work=lambda: None)
        self.relay = Relay(self.store, self.hub, retry=retrying(), hole_wait=0)
        self.gateway = StoreGateway(
            settings=Settings(mode="dev"),
            store=self.store,
            hub=self.hub,
            relay=self.relay,
            link=alone(self.relay),
            clock=lambda: 0,
        )
        self.loop_lag = LoopLag(clock=lambda: 0.0)
        self.polls = PollService(
            self.gateway,
            self.loop_lag,
            replays=UNLIMITED,
            lane=never_resting(),
            encoding=PollEncoding(partial(Cursor, EPOCH)),
        )

    def append(self, *topics: Topic) -> None:
        """Events, in the hub as soon as in the log."""
        self.publish(*(self.log.append(topic) for topic in topics))

    def publish(self, *events: Event) -> None:
        self.hub.publish(events)

    async def look(self, wanted: StartAfter, *, limit: int = 100, extra: tuple[Topic, ...] = ()) -> Found:
        return await self.polls.look(ANYONE, wanted, topics=extra, limit=limit)

    @contextlib.asynccontextmanager
    async def relaying(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.relay.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


def at(seq: int) -> Cursor:
    return Cursor(EPOCH, seq)


def events(found: Found) -> list[Any]:
    return [json.loads(frame.removesuffix(b",\n")) for frame in found.frames]


def seqs(found: Found) -> list[int]:
    return [int(event["id"].removeprefix(f"{EPOCH}-")) for event in events(found)]


@pytest.fixture
async def harness() -> PollHarness:
    return PollHarness()


async def test_events_after_the_cursor_are_found_in_order(harness: PollHarness) -> None:
    harness.append(HERS, HIS, ALL, HERS, HIS)
    found = await harness.look(at(1))
    assert (seqs(found), found.position, found.more) == ([3, 4], 4, False)


async def test_a_page_is_cut_and_goes_on_where_it_was(harness: PollHarness) -> None:
    harness.append(*[HERS, HIS] * 3)
    first = await harness.look(at(0), limit=2)
    assert (seqs(first), first.position, first.more) == ([1, 3], 3, True)
    second = await harness.look(at(first.position), limit=2)
    assert (seqs(second), second.more) == ([5], False)


async def test_repeat_poll_does_not_query_the_store(harness: PollHarness) -> None:
    await harness.look(None)
    harness.store.asked.clear()
    harness.append(HERS)
    assert seqs(await harness.look(at(0))) == [1]
    assert (await harness.look(at(1))).nothing
    assert (await harness.look(None)).position == 1
    assert harness.store.asked == []


async def test_events_of_other_users_change_neither_the_cursor_nor_the_tag(harness: PollHarness) -> None:
    first = await harness.look(None)
    harness.append(HIS, HIS)
    again = await harness.look(at(first.position))
    assert (again.nothing, again.position, again.tag) == (True, first.position, first.tag)
    harness.append(HERS)
    assert (await harness.look(at(first.position))).tag != first.tag


async def test_a_place_that_wears_off_the_memory_moves_on_in_time(harness: PollHarness) -> None:
    place, moved = 0, []
    for _ in range(40):
        harness.append(HIS)
        found = await harness.look(at(place))
        assert found.nothing
        if found.position != place:
            place = found.position
            moved.append(place)
    assert len(moved) < 12  # not with every event of another user
    assert "read" not in harness.store.asked  # and never so late that the store must be asked


async def test_older_places_are_read_from_the_store(harness: PollHarness) -> None:
    harness.append(*[HERS] * 20)
    found = await harness.look(START, limit=7)
    assert (seqs(found), found.position, found.more) == ([*range(1, 8)], 7, True)
    assert "read" in harness.store.asked


async def test_the_last_page_of_the_store_says_that_it_is(harness: PollHarness) -> None:
    harness.append(*[HERS] * 20)
    found = await harness.look(at(5))
    assert (seqs(found), found.position, found.more) == ([*range(6, 21)], 20, False)


@pytest.mark.parametrize("slots", [8, 64])  # from the store, and from memory
async def test_a_page_is_cut_by_size_too(slots: int) -> None:
    harness = PollHarness(slots=slots)
    for _ in range(20):
        harness.publish(harness.log.append(HERS, data=b'"%b"' % (b"x" * (PAGE_BYTES // 4))))
    found = await harness.look(at(0))
    assert (seqs(found), found.position, found.more) == ([1, 2, 3, 4], 4, True)


async def test_where_the_store_has_nothing_memory_is_looked_at(harness: PollHarness) -> None:
    harness.append(*[HIS] * 20)
    found = await harness.look(at(1))
    assert (found.nothing, found.head) == (True, 20)
    assert found.membership is not None


@pytest.mark.parametrize(
    ("wanted", "reason"), [(Cursor("0ther", 1), "unknown_epoch"), (at(99), "ahead"), (at(3), "pruned")]
)
async def test_a_place_that_is_not_there_is_a_reset_and_goes_on_from_the_floor(
    harness: PollHarness, wanted: Cursor, reason: str
) -> None:
    harness.append(*[HERS] * 20)
    harness.log.floor = 5
    found = await harness.look(wanted)
    [reset] = events(found)
    assert (reset["type"], reset["data"]) == ("reset", {"reason": reason, "cursor": f"{EPOCH}-5"})
    assert (found.position, found.more, found.tag) == (5, True, None)


async def test_retention_between_the_look_and_the_reading_is_told_too(harness: PollHarness) -> None:
    harness.append(*[HERS] * 20)
    read, harness.log.floor = harness.log.read, 2

    def pruned_meanwhile(*args: Any, **named: Any) -> Any:
        harness.log.floor = 10
        return read(*args, **named)

    harness.log.read = pruned_meanwhile  # type: ignore[method-assign]
    assert events(await harness.look(at(2)))[0]["data"]["reason"] == "pruned"


async def test_a_topic_that_is_asked_for_counts_from_the_cursor(harness: PollHarness) -> None:
    harness.append(AUTHOR, AUTHOR, HERS)
    followed = harness.log.follow(ALICE, AUTHOR)
    assert followed is not None
    harness.publish(followed)
    harness.append(AUTHOR)
    assert seqs(await harness.look(at(0))) == [3, 4, 5]  # followed: since then
    assert seqs(await harness.look(at(1), extra=(AUTHOR,))) == [2, 3, 4, 5]


@pytest.mark.parametrize("slots", [2, 64], ids=["from the store", "from memory"])
async def test_followed_topic_is_found_up_to_the_unfollow_and_not_between_follows(slots: int) -> None:
    harness = PollHarness(slots=slots)
    for act in (harness.log.follow, harness.log.unfollow, harness.log.follow):
        event = act(ALICE, AUTHOR)
        assert event is not None
        harness.publish(event)
        harness.append(AUTHOR)
    assert seqs(await harness.look(at(1))) == [2, 3, 5, 6]


async def test_muted_events_are_passed_over_in_memory_and_in_the_store(harness: PollHarness) -> None:
    muted = frozenset({"type:like"})
    harness.publish(harness.log.mute(ALICE, muted))
    for _ in range(20):
        harness.publish(harness.log.append(HERS, tags=muted))
    in_memory = await harness.look(at(15))
    assert (in_memory.nothing, in_memory.position) == (True, 21)
    first = await harness.look(at(1), limit=5)
    assert (first.frames, first.position, first.more) == ([], 6, True)


async def test_publisher_that_reads_finds_its_own_event(harness: PollHarness) -> None:
    await harness.look(None)
    harness.gateway._committed = harness.log.append(HERS).seq
    looking = asyncio.create_task(harness.look(at(0)))
    await asyncio.sleep(0)
    assert not looking.done()
    async with harness.relaying():
        assert seqs(await looking) == [1]


async def test_a_server_that_stops_answers_no_more(harness: PollHarness) -> None:
    harness.gateway.draining = True
    with pytest.raises(ShuttingDown):
        await harness.look(None)


def crowd(harness: PollHarness) -> None:
    for n in range(int(3 * RATE * INTERVAL)):
        harness.hub.memberships.pollers.touch(User(str(n)), topics=2)


def lateness(harness: PollHarness) -> None:
    harness.loop_lag.seconds = 3 * LATE


def standstill(harness: PollHarness) -> None:
    harness.loop_lag.seconds = 1000 * LATE


@pytest.mark.parametrize(
    ("load", "seconds"),
    [(lambda harness: None, INTERVAL), (crowd, 3 * INTERVAL), (lateness, 3 * INTERVAL), (standstill, INTERVAL_MAX)],
)
async def test_under_load_clients_are_asked_to_come_less_often(
    harness: PollHarness, load: Callable[[PollHarness], None], seconds: float
) -> None:
    load(harness)
    assert harness.polls.interval() == seconds


ACTS = st.lists(
    st.one_of(
        st.sampled_from([HERS, HIS, ALL, AUTHOR]),
        st.sampled_from(["follow", "unfollow", "prune"]),
        st.integers(1, 5),  # poll once, with this limit
    ),
    max_size=60,
)


@given(ACTS, st.integers(1, 12))
def test_irregular_poller_gets_every_event_once_or_a_reset(acts: list[Any], slots: int) -> None:
    async def history() -> None:
        harness, got, place, forgiven = PollHarness(slots=slots), list[int](), 0, 0

        async def poll(limit: int) -> bool:
            nonlocal place, forgiven
            found = await harness.look(at(place), limit=limit)
            place = found.position
            if found.frames and events(found)[0]["type"] == "reset":
                forgiven = place
            else:
                assert len(found.frames) <= limit
                got.extend(seqs(found))
            return found.more

        for act in acts:
            match act:
                case "follow":
                    if event := harness.log.follow(ALICE, AUTHOR):
                        harness.publish(event)
                case "unfollow":
                    if event := harness.log.unfollow(ALICE, AUTHOR):
                        harness.publish(event)
                case "prune":
                    harness.log.floor = max(harness.log.floor, harness.log.head - 3)
                case int():
                    await poll(act)
                case _:
                    harness.append(act)
        while await poll(3):
            pass
        due = [event.seq for event in harness.log.events if harness.log.reaches(ALICE, event.seq)]
        assert got == sorted(set(got))
        assert set(got) <= set(due)
        assert {seq for seq in due if seq not in got} <= set(range(1, forgiven + 1))

    asyncio.run(history())
