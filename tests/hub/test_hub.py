"""The hub, case by case: examples that the properties do not pin down, and regressions."""

import pytest
from msgspec.structs import replace

from tests.hub.fake_sink import FakeSink, LineEncoding, WhenFull
from tests.model.log import Log
from tidings.domain.model import Counters, Event, Feed
from tidings.domain.topics import Topic, User, own_topic
from tidings.hub.feed_page import feed_page
from tidings.hub.hub import CHUNK, Hub
from tidings.hub.liveness import CHECKS_PER_HEARTBEAT
from tidings.hub.readers import EndReason, Reader, ReaderState
from tidings.hub.ring import Ring

ALICE, BOB = User("alice"), User("bob")
POST = Topic("post/7")
LINES = LineEncoding("lines")


class HubHarness:
    """A hub over a model log, and sinks that parse what was written."""

    def __init__(self, *, slots: int = 64) -> None:
        self.log = Log()
        self.work = 0
        self.hub = Hub(Ring(head=0, slots=slots), on_work=self._worked)

    def _worked(self) -> None:
        self.work += 1

    def publish(self, *events: Event | None) -> None:
        self.hub.publish([event for event in events if event is not None])

    def join(
        self, feed: Feed, *, position: int | None = None, extra: tuple[Topic, ...] = (), high: int = 1 << 20
    ) -> tuple[Reader, FakeSink]:
        sink = FakeSink(self.hub, high=high, when_full=WhenFull.STALL)
        at = feed.head if position is None else position
        sink.reader = self.hub.join(feed, sink=sink, encoding=LINES, extra=extra, position=at)
        return sink.reader, sink

    def catch_up(self) -> None:
        """One worker, from memory alone."""
        while self.hub.catch_up_queue:
            reader = self.hub.catch_up_queue.popleft()
            reader.in_queue = False
            assert self.hub.serve_from_ring(reader)


def seqs(sink: FakeSink) -> list[int]:
    return [seq for _, seq in sink.received]


def test_reader_that_has_everything_is_live_at_once_without_a_worker() -> None:
    harness = HubHarness()
    reader, _ = harness.join(harness.log.feed(ALICE))
    assert reader.state is ReaderState.LIVE
    assert (harness.work, len(harness.hub.catch_up_queue)) == (0, 0)


def test_catching_up_reader_becomes_live_after_last_page() -> None:
    harness = HubHarness()
    harness.publish(harness.log.append(own_topic(ALICE)), harness.log.append(own_topic(BOB)))
    reader, sink = harness.join(harness.log.feed(ALICE), position=0)
    assert (reader.state, harness.work) == (ReaderState.CATCHING_UP, 1)
    harness.catch_up()
    assert (reader.state, seqs(sink)) == (ReaderState.LIVE, [1])


def test_stream_of_a_user_excludes_users_with_the_same_suffix() -> None:
    harness = HubHarness()
    log = harness.log
    _, mine = harness.join(log.feed(User("a@x.io")))
    _, theirs = harness.join(log.feed(User("aa@x.io")))
    harness.publish(log.append(own_topic(User("a@x.io"))), log.append(own_topic(User("aa@x.io"))))
    assert (seqs(mine), seqs(theirs)) == ([1], [2])


def test_batch_is_one_write_per_reader() -> None:
    harness = HubHarness()
    harness.publish(harness.log.follow(ALICE, POST))
    _, sink = harness.join(harness.log.feed(ALICE), high=10)  # stalls in its first write
    log = harness.log
    harness.publish(
        log.append(own_topic(ALICE)), log.append(POST), log.append(own_topic(BOB)), log.append(own_topic(ALICE))
    )
    assert (seqs(sink), sink.stalls) == ([2, 3, 5], 1)


def test_readers_of_one_format_get_the_same_bytes_object() -> None:
    harness = HubHarness()
    sinks = [harness.join(harness.log.feed(ALICE))[1] for _ in range(3)]
    harness.publish(harness.log.append(own_topic(ALICE)))
    [one], [two], [three] = (sink.writes for sink in sinks)
    assert one is two is three


def test_follow_takes_effect_at_its_own_position_for_live_and_for_stalled_readers() -> None:
    harness = HubHarness()
    log = harness.log
    _, live = harness.join(log.feed(ALICE))
    slow, behind = harness.join(log.feed(ALICE))
    harness.hub.stalled(slow)
    harness.publish(log.append(POST), log.follow(ALICE, POST), log.append(POST))
    harness.hub.drained(slow)
    harness.catch_up()
    assert seqs(live) == seqs(behind) == [2, 3]


@pytest.mark.parametrize("known", [False, True], ids=["her first reader", "her second reader"])
def test_follow_after_the_feed_was_read_takes_effect_at_its_own_position(known: bool) -> None:
    harness = HubHarness()
    log = harness.log
    before = log.append(POST)
    harness.publish(before)
    feed = log.feed(ALICE)
    if known:
        harness.join(feed)
    harness.publish(log.follow(ALICE, POST), log.append(POST))
    _, sink = harness.join(feed, position=0)
    harness.catch_up()
    assert before.seq not in seqs(sink)
    assert seqs(sink) == [2, 3]


def test_event_published_while_followed_is_delivered_after_the_unfollow() -> None:
    """A reader that is behind, one that comes later, and a poll get what one that was LIVE got."""
    harness = HubHarness()
    log = harness.log
    harness.publish(log.follow(ALICE, POST))
    _, live = harness.join(log.feed(ALICE))
    slow, behind = harness.join(log.feed(ALICE))
    harness.hub.stalled(slow)
    harness.publish(log.append(POST), log.unfollow(ALICE, POST), log.append(POST), log.append(own_topic(ALICE)))
    harness.hub.drained(slow)
    _, later = harness.join(log.feed(ALICE), position=1)
    harness.catch_up()
    found = feed_page(harness.hub.ring, slow.membership, (), after=1, limit=10)
    polled = [entry.event.seq for entry in found.entries]
    assert seqs(live) == seqs(behind) == seqs(later) == polled == [2, 3, 5]


@pytest.mark.parametrize("known", [False, True], ids=["her first reader", "her second reader"])
def test_topic_followed_again_delivers_all_but_the_time_between(known: bool) -> None:
    harness = HubHarness()
    log = harness.log
    harness.publish(log.follow(ALICE, POST), log.append(POST))
    old = log.feed(ALICE)
    if known:
        harness.join(old)
    harness.publish(log.unfollow(ALICE, POST), log.append(POST), log.follow(ALICE, POST), log.append(POST))
    _, sink = harness.join(old, position=0)
    _, named = harness.join(old, position=0, extra=(POST,))
    harness.catch_up()
    assert seqs(sink) == [1, 2, 3, 5, 6]
    assert seqs(named) == [1, 2, 3, 4, 5, 6]


def test_unfollow_keeps_a_topic_that_the_stream_asked_for_by_name() -> None:
    harness = HubHarness()
    log = harness.log
    harness.publish(log.follow(ALICE, POST))
    _, sink = harness.join(log.feed(ALICE), extra=(POST,))
    harness.publish(log.unfollow(ALICE, POST), log.append(POST))
    assert seqs(sink) == [2, 3]


def test_mute_takes_effect_inside_a_batch_and_for_its_user_alone() -> None:
    harness = HubHarness()
    log = harness.log
    _, alice = harness.join(log.feed(ALICE))
    _, bob = harness.join(log.feed(BOB))
    like = frozenset({"type:like"})
    everyone = Topic("all")
    harness.publish(log.append(everyone, tags=like), log.mute(ALICE, like), log.append(everyone, tags=like))
    assert (seqs(alice), seqs(bob)) == ([1, 2], [1, 3])


def test_join_refuses_a_feed_newer_than_the_hub_or_older_than_the_ring() -> None:
    harness = HubHarness(slots=2)
    log = harness.log
    old = log.feed(ALICE)
    log.append(POST)
    new = log.feed(ALICE)
    with pytest.raises(ValueError, match="cannot join"):
        harness.join(new)
    harness.publish(log[1], log.append(POST), log.append(POST))
    with pytest.raises(ValueError, match="cannot join"):
        harness.join(old)


def test_store_page_is_written_in_chunks_until_the_sink_is_full() -> None:
    harness = HubHarness(slots=1)
    log = harness.log
    harness.publish(*[log.append(own_topic(ALICE), data=b"x" * (CHUNK // 2)) for _ in range(8)])
    reader, sink = harness.join(log.feed(ALICE), position=0, high=CHUNK)
    assert not harness.hub.serve_from_ring(reader)
    page = log.read(ALICE, follows=(), extra=(), after=0, through=8, limit=100)
    assert page is not None
    harness.hub.serve_page(reader, page, after=0)
    assert sink.queued < 2.5 * CHUNK
    assert sink.largest < 1.5 * CHUNK
    assert reader.position == len(seqs(sink)) < 8


def test_store_page_for_another_position_is_dropped() -> None:
    harness = HubHarness(slots=1)
    log = harness.log
    harness.publish(*[log.append(own_topic(ALICE)) for _ in range(4)])
    reader, sink = harness.join(log.feed(ALICE), position=0)
    assert not harness.hub.serve_from_ring(reader)
    page = log.read(ALICE, follows=(), extra=(), after=0, through=4, limit=2)
    assert page is not None
    harness.hub.serve_page(reader, page, after=0)
    harness.hub.serve_page(reader, page, after=0)
    assert (seqs(sink), reader.position) == ([1, 2], 2)


def test_reset_moves_a_reader_forward_only() -> None:
    harness = HubHarness(slots=1)
    log = harness.log
    harness.publish(*[log.append(own_topic(ALICE)) for _ in range(6)])
    reader, sink = harness.join(log.feed(ALICE), position=2)
    harness.hub.serve_reset(reader, floor=2, frame=b"reset 2\n")
    harness.hub.serve_reset(reader, floor=4, frame=b"reset 4\n")
    assert (sink.received, reader.position) == ([("reset", 4)], 4)


def test_leave_twice_is_leave_once() -> None:
    harness = HubHarness()
    reader, _ = harness.join(harness.log.feed(ALICE))
    other, sink = harness.join(harness.log.feed(ALICE))
    harness.hub.leave(reader)
    harness.hub.leave(reader)
    assert (harness.hub.connections(ALICE), harness.hub.users, harness.hub.open["lines"]) == (1, 1, 1)
    harness.publish(harness.log.append(own_topic(ALICE)))
    assert (seqs(sink), other.state) == ([1], ReaderState.LIVE)
    harness.hub.leave(other)
    assert (harness.hub.connections(ALICE), harness.hub.users, harness.hub.topics) == (0, 0, 0)


def test_illegal_state_transition_raises() -> None:
    harness = HubHarness()
    reader, _ = harness.join(harness.log.feed(ALICE))
    harness.hub.leave(reader)
    with pytest.raises(RuntimeError, match="cannot become live"):
        reader.become(ReaderState.LIVE)


def test_heartbeat_goes_to_writable_readers_only() -> None:
    harness = HubHarness()
    log = harness.log
    live, live_sink = harness.join(log.feed(ALICE))
    stalled, stalled_sink = harness.join(log.feed(ALICE))
    harness.hub.stalled(stalled)
    harness.publish(log.append(own_topic(BOB)))
    behind, behind_sink = harness.join(log.feed(ALICE), position=0)
    for reader in (live, stalled, behind):
        harness.hub.liveness.heartbeat(reader.slot)
    assert (live_sink.writes, stalled_sink.writes, behind_sink.writes) == ([b":\n"], [], [b":\n"])


def test_stalled_reader_with_some_progress_each_heartbeat_is_not_aborted() -> None:
    harness = HubHarness()
    reader, sink = harness.join(harness.log.feed(ALICE))
    sink.queued = 1000
    harness.hub.stalled(reader)
    for turn in range(5 * CHECKS_PER_HEARTBEAT):
        harness.hub.liveness.check(reader.slot, everyone=False, patience=1.0)
        sink.ack(turn % (CHECKS_PER_HEARTBEAT - 2) == 0)
    assert harness.hub.readers() == [reader]
    harness.hub.liveness.check(reader.slot, everyone=False, patience=1.0)
    while not sink.stalled_too_long:
        assert not sink.aborted
        harness.hub.liveness.check(reader.slot, everyone=False, patience=1.0)
    assert sink.aborted and reader.end_reason is EndReason.SLOW_CONSUMER
    assert harness.hub.readers() == []


def test_reader_of_a_dead_peer_is_aborted_however_little_is_unacked() -> None:
    harness = HubHarness()
    (here, here_sink), (gone, gone_sink), (quiet, quiet_sink) = [
        harness.join(harness.log.feed(ALICE)) for _ in range(3)
    ]
    here_sink.queued = gone_sink.queued = 3
    here_sink.silent_seconds, gone_sink.silent_seconds = 0.9, 0.4

    def look(*, everyone: bool) -> None:
        for reader in (here, gone, quiet):
            harness.hub.liveness.check(reader.slot, everyone=everyone, patience=1.0)

    gone_sink.silent_seconds = 1.1
    look(everyone=False)
    assert not gone_sink.checked_now, "a reader without backlog is checked in full checks only"
    gone_sink.silent_seconds = 0.4
    look(everyone=True)
    assert not gone_sink.aborted
    gone_sink.silent_seconds = 1.1
    here_sink.ack(3)
    look(everyone=False)
    assert (here_sink.aborted, gone_sink.aborted, quiet_sink.aborted) == (False, True, False)
    assert gone.end_reason is EndReason.PEER_GONE
    assert set(harness.hub.readers()) == {here, quiet}


def test_membership_of_a_user_who_polls_no_more_is_evicted_by_the_second_eviction() -> None:
    harness = HubHarness()
    harness.hub.memberships.cache(harness.log.feed(ALICE))
    harness.hub.memberships.evict()
    assert harness.hub.memberships.get(ALICE) is not None
    harness.hub.memberships.evict()
    assert harness.hub.memberships.get(ALICE) is None


def test_feed_is_known_until_one_of_its_topics_moves() -> None:
    harness = HubHarness()
    log, known = harness.log, harness.hub.memberships.feed
    harness.publish(log.follow(ALICE, POST))
    assert known(ALICE) is None, "not read yet"
    feed = log.feed(ALICE)
    reader, _ = harness.join(feed)
    harness.publish(log.append(own_topic(BOB)), log.append(Topic("post/8")))
    harness.hub.leave(reader)
    found = known(ALICE)
    assert found is not None
    assert (found.head, found.follows, found.counters) == (3, (POST,), feed.counters)
    for moved in (own_topic(ALICE), POST, Topic("all")):
        harness.hub.memberships.of(log.feed(ALICE))
        assert known(ALICE) is not None
        harness.publish(log.append(moved))
        assert known(ALICE) is None


def test_feed_that_was_read_before_the_ring_begins_is_not_known() -> None:
    harness = HubHarness(slots=4)
    harness.join(harness.log.feed(ALICE))
    harness.publish(*[harness.log.append(own_topic(BOB)) for _ in range(4)])
    assert harness.hub.memberships.feed(ALICE) is not None
    harness.publish(harness.log.append(own_topic(ALICE)))
    harness.publish(*[harness.log.append(own_topic(BOB)) for _ in range(5)])
    assert harness.hub.memberships.feed(ALICE) is None, "the ring does not know that she had something"


def test_counters_of_a_newer_feed_replace_those_of_an_older_one_and_not_the_other_way() -> None:
    harness = HubHarness()
    log, memberships = harness.log, harness.hub.memberships
    old = log.feed(ALICE)
    harness.publish(log.append(own_topic(ALICE)))
    new = replace(log.feed(ALICE), counters=Counters(unread=1, unseen=1, by_type={"note": 1}))
    for feed in (new, old):
        memberships.of(feed)
        known = memberships.feed(ALICE)
        assert known is not None
        assert known.counters.unread == 1
