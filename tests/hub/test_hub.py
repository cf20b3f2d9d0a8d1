"""The hub, case by case: what the laws do not tell apart, and what once went wrong."""

import pytest

from tests.hub.fake_sink import Lines, Manner, Pipe
from tests.model.log import Log
from tidings.domain.model import Event, Feed
from tidings.domain.topics import Topic, User, own_topic
from tidings.hub.feed_page import feed_page
from tidings.hub.hub import CHECKS, CHUNK, Hub
from tidings.hub.reader import Reader, State
from tidings.hub.ring import Ring

ALICE, BOB = User("alice"), User("bob")
POST = Topic("post/7")
LINES = Lines("lines")


class Stage:
    """A hub that has everything in its log, and pipes that read back what was written."""

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
    ) -> tuple[Reader, Pipe]:
        pipe = Pipe(self.hub, high=high, manner=Manner.SAYS_SO)
        at = feed.head if position is None else position
        pipe.reader = self.hub.join(feed, sink=pipe, encoding=LINES, extra=extra, position=at)
        return pipe.reader, pipe

    def catch_up(self) -> None:
        """One worker, from memory alone."""
        while self.hub.waiting:
            reader = self.hub.waiting.popleft()
            reader.queued = False
            assert self.hub.step(reader)


def seqs(pipe: Pipe) -> list[int]:
    return [seq for _, seq in pipe.got]


def test_who_has_everything_is_live_at_once_and_asks_for_no_work() -> None:
    stage = Stage()
    reader, _ = stage.join(stage.log.feed(ALICE))
    assert reader.state is State.LIVE
    assert (stage.work, len(stage.hub.waiting)) == (0, 0)


def test_who_is_behind_waits_for_a_worker_and_is_live_in_the_step_that_reads_the_last() -> None:
    stage = Stage()
    stage.publish(stage.log.append(own_topic(ALICE)), stage.log.append(own_topic(BOB)))
    reader, pipe = stage.join(stage.log.feed(ALICE), position=0)
    assert (reader.state, stage.work) == (State.CATCHING_UP, 1)
    stage.catch_up()
    assert (reader.state, seqs(pipe)) == (State.LIVE, [1])


def test_a_user_whose_name_ends_like_mine_gets_nothing_of_mine() -> None:
    stage = Stage()
    log = stage.log
    _, mine = stage.join(log.feed(User("a@x.io")))
    _, theirs = stage.join(log.feed(User("aa@x.io")))
    stage.publish(log.append(own_topic(User("a@x.io"))), log.append(own_topic(User("aa@x.io"))))
    assert (seqs(mine), seqs(theirs)) == ([1], [2])


def test_a_batch_is_one_write_a_reader() -> None:
    stage = Stage()
    stage.publish(stage.log.follow(ALICE, POST))
    _, pipe = stage.join(stage.log.feed(ALICE), high=10)  # stalls in its first write
    log = stage.log
    stage.publish(
        log.append(own_topic(ALICE)), log.append(POST), log.append(own_topic(BOB)), log.append(own_topic(ALICE))
    )
    assert (seqs(pipe), pipe.stalls) == ([2, 3, 5], 1)


def test_readers_of_one_format_get_the_same_bytes_object() -> None:
    stage = Stage()
    pipes = [stage.join(stage.log.feed(ALICE))[1] for _ in range(3)]
    stage.publish(stage.log.append(own_topic(ALICE)))
    [one], [two], [three] = (pipe.writes for pipe in pipes)
    assert one is two is three


def test_a_follow_counts_from_its_own_place_for_a_reader_that_was_live_and_for_one_that_was_not() -> None:
    stage = Stage()
    log = stage.log
    _, live = stage.join(log.feed(ALICE))
    slow, behind = stage.join(log.feed(ALICE))
    stage.hub.stalled(slow)
    stage.publish(log.append(POST), log.follow(ALICE, POST), log.append(POST))
    stage.hub.drained(slow)
    stage.catch_up()
    assert seqs(live) == seqs(behind) == [2, 3]


@pytest.mark.parametrize("known", [False, True], ids=["nobody of hers is here", "another reader of hers is"])
def test_a_follow_that_is_younger_than_the_feed_counts_from_its_own_place(known: bool) -> None:
    stage = Stage()
    log = stage.log
    before = log.append(POST)
    stage.publish(before)
    feed = log.feed(ALICE)
    if known:
        stage.join(feed)
    stage.publish(log.follow(ALICE, POST), log.append(POST))
    _, pipe = stage.join(feed, position=0)
    stage.catch_up()
    assert before.seq not in seqs(pipe)
    assert seqs(pipe) == [2, 3]


def test_what_was_followed_when_it_was_published_comes_though_it_is_not_followed_any_more() -> None:
    """A reader that is behind, one that comes later, and a poll get what one that was LIVE got."""
    stage = Stage()
    log = stage.log
    stage.publish(log.follow(ALICE, POST))
    _, live = stage.join(log.feed(ALICE))
    slow, behind = stage.join(log.feed(ALICE))
    stage.hub.stalled(slow)
    stage.publish(log.append(POST), log.unfollow(ALICE, POST), log.append(POST), log.append(own_topic(ALICE)))
    stage.hub.drained(slow)
    _, later = stage.join(log.feed(ALICE), position=1)
    stage.catch_up()
    found = feed_page(stage.hub.ring, slow.membership, (), after=1, limit=10)
    polled = [entry.event.seq for entry in found.entries]
    assert seqs(live) == seqs(behind) == seqs(later) == polled == [2, 3, 5]


@pytest.mark.parametrize("known", [False, True], ids=["nobody of hers is here", "another reader of hers is"])
def test_what_is_left_and_followed_again_counts_but_for_the_time_between(known: bool) -> None:
    stage = Stage()
    log = stage.log
    stage.publish(log.follow(ALICE, POST), log.append(POST))
    old = log.feed(ALICE)
    if known:
        stage.join(old)
    stage.publish(log.unfollow(ALICE, POST), log.append(POST), log.follow(ALICE, POST), log.append(POST))
    _, pipe = stage.join(old, position=0)
    _, named = stage.join(old, position=0, extra=(POST,))
    stage.catch_up()
    assert seqs(pipe) == [1, 2, 3, 5, 6]
    assert seqs(named) == [1, 2, 3, 4, 5, 6]


def test_who_unfollows_what_the_stream_asked_for_by_name_still_gets_it() -> None:
    stage = Stage()
    log = stage.log
    stage.publish(log.follow(ALICE, POST))
    _, pipe = stage.join(log.feed(ALICE), extra=(POST,))
    stage.publish(log.unfollow(ALICE, POST), log.append(POST))
    assert seqs(pipe) == [2, 3]


def test_a_mute_takes_effect_in_the_middle_of_a_batch_and_for_this_user_alone() -> None:
    stage = Stage()
    log = stage.log
    _, alice = stage.join(log.feed(ALICE))
    _, bob = stage.join(log.feed(BOB))
    like = frozenset({"type:like"})
    everyone = Topic("all")
    stage.publish(log.append(everyone, tags=like), log.mute(ALICE, like), log.append(everyone, tags=like))
    assert (seqs(alice), seqs(bob)) == ([1, 2], [1, 3])


def test_a_feed_that_is_newer_than_the_hub_or_that_the_ring_forgot_cannot_join() -> None:
    stage = Stage(slots=2)
    log = stage.log
    old = log.feed(ALICE)
    log.append(POST)
    new = log.feed(ALICE)
    with pytest.raises(ValueError, match="cannot join"):
        stage.join(new)
    stage.publish(log[1], log.append(POST), log.append(POST))
    with pytest.raises(ValueError, match="cannot join"):
        stage.join(old)


def test_a_long_page_of_the_store_is_written_chunk_by_chunk_until_the_sink_is_full() -> None:
    stage = Stage(slots=1)
    log = stage.log
    stage.publish(*[log.append(own_topic(ALICE), data=b"x" * (CHUNK // 2)) for _ in range(8)])
    reader, pipe = stage.join(log.feed(ALICE), position=0, high=CHUNK)
    assert not stage.hub.step(reader)
    page = log.read(ALICE, follows=(), extra=(), after=0, upto=8, limit=100)
    assert page is not None
    stage.hub.page(reader, page, after=0)
    assert pipe.queued < 2.5 * CHUNK
    assert pipe.largest < 1.5 * CHUNK
    assert reader.position == len(seqs(pipe)) < 8


def test_a_page_that_comes_when_the_reader_has_moved_is_dropped() -> None:
    stage = Stage(slots=1)
    log = stage.log
    stage.publish(*[log.append(own_topic(ALICE)) for _ in range(4)])
    reader, pipe = stage.join(log.feed(ALICE), position=0)
    assert not stage.hub.step(reader)
    page = log.read(ALICE, follows=(), extra=(), after=0, upto=4, limit=2)
    assert page is not None
    stage.hub.page(reader, page, after=0)
    stage.hub.page(reader, page, after=0)
    assert (seqs(pipe), reader.position) == ([1, 2], 2)


def test_a_reset_moves_a_reader_forward_only() -> None:
    stage = Stage(slots=1)
    log = stage.log
    stage.publish(*[log.append(own_topic(ALICE)) for _ in range(6)])
    reader, pipe = stage.join(log.feed(ALICE), position=2)
    stage.hub.reset(reader, floor=2, frame=b"reset 2\n")
    stage.hub.reset(reader, floor=4, frame=b"reset 4\n")
    assert (pipe.got, reader.position) == ([("reset", 4)], 4)


def test_a_reader_leaves_once_and_its_leaving_twice_harms_nobody() -> None:
    stage = Stage()
    reader, _ = stage.join(stage.log.feed(ALICE))
    other, pipe = stage.join(stage.log.feed(ALICE))
    stage.hub.leave(reader)
    stage.hub.leave(reader)
    assert (stage.hub.connections(ALICE), stage.hub.users, stage.hub.open["lines"]) == (1, 1, 1)
    stage.publish(stage.log.append(own_topic(ALICE)))
    assert (seqs(pipe), other.state) == ([1], State.LIVE)
    stage.hub.leave(other)
    assert (stage.hub.connections(ALICE), stage.hub.users, stage.hub.topics) == (0, 0, 0)


def test_an_illegal_move_of_a_reader_raises() -> None:
    stage = Stage()
    reader, _ = stage.join(stage.log.feed(ALICE))
    stage.hub.leave(reader)
    with pytest.raises(RuntimeError, match="cannot become live"):
        reader.become(State.LIVE)


def test_a_heartbeat_goes_to_who_is_live_and_can_take_it() -> None:
    stage = Stage()
    log = stage.log
    live, live_pipe = stage.join(log.feed(ALICE))
    stalled, stalled_pipe = stage.join(log.feed(ALICE))
    stage.hub.stalled(stalled)
    stage.publish(log.append(own_topic(BOB)))
    behind, behind_pipe = stage.join(log.feed(ALICE), position=0)
    for reader in (live, stalled, behind):
        stage.hub.beat(reader.slot)
    assert (live_pipe.writes, stalled_pipe.writes, behind_pipe.writes) == ([b":\n"], [], [])


def test_a_stalled_reader_that_lets_a_little_out_in_each_heartbeat_is_not_ended() -> None:
    stage = Stage()
    reader, pipe = stage.join(stage.log.feed(ALICE))
    pipe.queued = 1000
    stage.hub.stalled(reader)
    for turn in range(5 * CHECKS):
        stage.hub.check(reader.slot, everyone=False, patience=1.0)
        pipe.let_out(turn % (CHECKS - 2) == 0)
    assert stage.hub.readers() == [reader]
    stage.hub.check(reader.slot, everyone=False, patience=1.0)
    while not pipe.doomed:
        assert not pipe.aborted
        stage.hub.check(reader.slot, everyone=False, patience=1.0)
    assert pipe.aborted
    assert stage.hub.readers() == []


def test_whose_machine_is_gone_is_ended_however_little_it_was_sent() -> None:
    stage = Stage()
    (here, here_pipe), (gone, gone_pipe), (quiet, quiet_pipe) = [stage.join(stage.log.feed(ALICE)) for _ in range(3)]
    here_pipe.queued = gone_pipe.queued = 3
    here_pipe.unanswered, gone_pipe.unanswered = 0.9, 0.4

    def look(*, everyone: bool) -> None:
        for reader in (here, gone, quiet):
            stage.hub.check(reader.slot, everyone=everyone, patience=1.0)

    gone_pipe.unanswered = 1.1
    look(everyone=False)
    assert not gone_pipe.checked_now, "who was not seen to wait is looked at once a turn"
    gone_pipe.unanswered = 0.4
    look(everyone=True)
    assert not gone_pipe.aborted
    gone_pipe.unanswered = 1.1
    here_pipe.let_out(3)
    look(everyone=False)
    assert (here_pipe.aborted, gone_pipe.aborted, quiet_pipe.aborted) == (False, True, False)
    assert set(stage.hub.readers()) == {here, quiet}
