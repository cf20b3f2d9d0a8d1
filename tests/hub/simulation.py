"""A simulation of a hub, its relay and its catch-up workers, checked against a model of the log."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.hub.fake_sink import FakeSink, LineEncoding, WhenFull
from tests.model.log import Log
from tidings.background.sequencer import fresh_events, runs
from tidings.domain.model import FOLLOWED, Event, EventPage, Feed
from tidings.domain.topics import ALL, Topic, User, own_topic
from tidings.hub.feed_page import feed_page
from tidings.hub.hub import CHUNK, Hub
from tidings.hub.liveness import EXPIRY_WARNING, HEARTBEAT_SLOTS
from tidings.hub.readers import Reader, ReaderState
from tidings.hub.ring import Ring

USERS = [User("a"), User("aa"), User("a@x.io")]
TOPICS = [Topic("author/4"), Topic("author/42"), Topic("author/42/posts")]
EVERYWHERE = [*map(own_topic, USERS), ALL, *TOPICS]
TAGS = ["type:like", "entity:post/7"]
LARGE = 24 * 1024  # bytes; a few of these are more than one chunk


@dataclass
class Listener:
    """One reader, and what is known about it from outside."""

    user: User
    extra: tuple[Topic, ...]
    encoding: LineEncoding
    sink: FakeSink
    reader: Reader
    proved: int  # everything up to here was got, or rightly was not
    seen: int = 0  # entries of `sink.received` that were checked


@dataclass
class Reading:
    """A page that a catch-up worker has asked the store for."""

    reader: Reader
    follows: tuple[Topic, ...]
    after: int
    through: int


class Simulation:
    """Every method is a thing that can happen; `prove` holds after each."""

    def __init__(self, *, slots: int, page: int) -> None:
        self.log = Log()
        self.hub = Hub(Ring(head=0, slots=slots, limit=8 * LARGE), on_work=lambda: None)
        self.page = page  # events a read of the store gives
        self.sent: list[Sequence[Event]] = []  # committed batches on their way to the hub
        self.feeds: list[Feed] = []
        self.listeners: list[Listener] = []
        self.readings: list[Reading] = []
        self.now = 1_000_000  # seconds since 1970
        self.encodings = [LineEncoding("plain"), LineEncoding("terse", without=frozenset({FOLLOWED, "note.quiet"}))]

    # The log grows

    def commit(self, events: Sequence[Event | None]) -> None:
        if batch := [event for event in events if event is not None]:
            self.sent.extend(runs(batch))

    def relay(self, place: int, *, repeat: bool) -> None:
        """Any of the batches arrives: the relay takes what is new of it, and reads a hole from the store."""
        if not self.sent:
            return
        place %= len(self.sent)
        batch = self.sent[place] if repeat else self.sent.pop(place)
        while (fresh := fresh_events(batch, after=self.hub.head)) is None:
            self.look()
        self._publish(fresh)

    def lose(self, place: int) -> None:
        if self.sent:
            del self.sent[place % len(self.sent)]

    def look(self) -> None:
        """The relay asks the store for what follows."""
        for run in runs(self.log.tail(after=self.hub.head, limit=self.page)):
            self._publish(run)

    def _publish(self, events: Sequence[Event]) -> None:
        live = [
            (one, one.sink.stalls, len(one.sink.received))
            for one in self.listeners
            if one.reader.state is ReaderState.LIVE
        ]
        self.hub.publish(events)
        for one, stalls, before in live:
            if one.reader.state is ReaderState.LIVE and one.sink.stalls == stalls:
                got = [seq for _, seq in one.sink.received[before:]]
                assert got == [event.seq for event in events if self._pushed(one, event)], "a LIVE reader gets all"

    def _pushed(self, one: Listener, event: Event) -> bool:
        mine = event.topic in one.extra or self.log.reaches(one.user, event.seq)
        muted = self.log.muted(one.user, event.seq, through=event.seq - 1)
        return mine and muted == {False} and event.type not in one.encoding.without

    def prune(self, through: int) -> None:
        self.log.floor = max(self.log.floor, min(through, self.hub.head))

    # Readers come and go

    def ask_feed(self, user: User) -> None:
        """A feed is read from the store; it may be joined with much later."""
        self.feeds.append(self.log.feed(user))

    def join(
        self, place: int, *, back: int, extra: tuple[Topic, ...], encoding: int, high: int, when_full: WhenFull
    ) -> None:
        """A reader that has everything up to `back` events before its feed's head (after it, if negative)."""
        if not self.feeds:
            return
        feed = self.feeds.pop(place % len(self.feeds))
        if not self.hub.ring.covers(feed.head):
            return  # the service reads the feed again
        position = min(max(0, feed.head - back), self.hub.head)
        lines = self.encodings[encoding % len(self.encodings)]
        sink = FakeSink(self.hub, high=high, when_full=when_full)
        sink.reader = reader = self.hub.join(feed, sink=sink, encoding=lines, extra=extra, position=position)
        assert sink.received == []
        self.listeners.append(
            Listener(user=feed.user, extra=extra, encoding=lines, sink=sink, reader=reader, proved=position)
        )

    def cache_membership(self, place: int) -> None:
        """A user polls for the first time."""
        if self.feeds and self.hub.ring.covers(self.feeds[place % len(self.feeds)].head):
            self.hub.memberships.cache(self.feeds.pop(place % len(self.feeds)))

    def poll(self, user: User, *, back: int, extra: tuple[Topic, ...], limit: int, when_full: WhenFull) -> None:
        """A user with a cached membership polls, and waits if there is nothing."""
        hub, log = self.hub, self.log
        membership = hub.memberships.cached(user)
        after = max(0, hub.head - back)
        if membership is None or not hub.ring.covers(after):
            return
        found = feed_page(hub.ring, membership, extra, after=after, limit=limit)
        got = [entry.event.seq for entry in found.entries]
        mine = [
            seq
            for seq in range(after + 1, hub.head + 1)
            if (log[seq].topic in extra or log.reaches(user, seq))
            and log[seq].tags.isdisjoint(log.mutes(user, at=hub.head))
        ]
        assert got == mine[:limit], "a page of what there is"
        assert found.through >= max(got, default=after)
        assert not [seq for seq in mine if got and got[-1] < seq <= found.through], "nothing is passed over"
        if not got and found.through == found.newest:
            sink = FakeSink(hub, high=1, when_full=when_full)
            lines = self.encodings[0]
            sink.reader = reader = hub.add_reader(membership, sink=sink, encoding=lines, extra=extra, position=hub.head)
            self.listeners.append(
                Listener(user=user, extra=extra, encoding=lines, sink=sink, reader=reader, proved=hub.head)
            )

    def evict(self) -> None:
        self.hub.memberships.evict()

    def leave(self, place: int) -> None:
        if self.listeners:
            self.hub.leave(self._one(place).reader)

    def stall(self, place: int) -> None:
        if self.listeners:
            one = self._one(place)
            if one.reader.writable and one.reader.state is not ReaderState.CLOSED:
                one.sink.stall()

    def drain(self, place: int) -> None:
        if self.listeners:
            self._one(place).sink.drain()

    def trickle(self, place: int) -> None:
        """A byte of the sink is acknowledged, too few to drain it."""
        if self.listeners:
            sink = self._one(place).sink
            sink.ack(min(1, sink.queued))

    def _one(self, place: int) -> Listener:
        return self.listeners[place % len(self.listeners)]

    # Catching up

    def work(self) -> None:
        """A worker serves the reader that waits longest, or asks the store for its page."""
        if not self.hub.catch_up_queue:
            return
        reader = self.hub.catch_up_queue.popleft()
        reader.in_queue = False
        if not self.hub.serve_from_ring(reader):
            self.readings.append(Reading(reader, reader.membership.follows, reader.position, self.hub.head))

    def arrive(self, place: int) -> None:
        """The store answers."""
        if not self.readings:
            return
        reading = self.readings.pop(place % len(self.readings))
        reader = reading.reader
        page: EventPage | None = self.log.read(
            reader.membership.user,
            follows=reading.follows,
            extra=reader.extra,
            after=reading.after,
            through=reading.through,
            limit=self.page,
        )
        for lines in self.encodings:
            lines.counting = False
        if page is None:
            frame = b"reset %d\n" % self.log.floor
            self.hub.serve_reset(reader, floor=self.log.floor, frame=frame)
        else:
            self.hub.serve_page(reader, page, after=reading.after)
        for lines in self.encodings:
            lines.counting = True

    # The heartbeat sweep

    def heartbeat(self, slot: int) -> None:
        self.hub.liveness.heartbeat(slot % HEARTBEAT_SLOTS)

    def check(self, slot: int, *, everyone: bool) -> None:
        """Readers without progress are aborted, and no others."""
        slot %= HEARTBEAT_SLOTS
        before = [(one, one.sink.aborted, one.reader.writable) for one in self.listeners]
        for one, _, _ in before:
            one.sink.checked_now = False
        self.hub.liveness.check(slot, everyone=everyone, patience=1.0)
        for one, aborted, writable in before:
            sink = one.sink
            if sink.checked_now:
                assert one.reader.slot == slot
                assert sink.aborted == sink.stalled_too_long
            else:
                assert sink.aborted == aborted
                assert aborted or one.reader.slot != slot or (writable and not everyone)

    def token(self, place: int, seconds: int) -> None:
        """The stream's token ends then."""
        if self.listeners:
            self._one(place).reader.expires = self.now + seconds

    def pass_time(self, seconds: int, slot: int) -> None:
        """A slot is visited, and its next visit is `seconds` away: no stream outlives its token."""
        slot %= HEARTBEAT_SLOTS
        self.now += seconds
        open_ = [
            (one, one.reader.writable)
            for one in self.listeners
            if one.reader.state is not ReaderState.CLOSED and one.reader.slot == slot
        ]
        self.hub.liveness.expire(slot, now=self.now, next=self.now + seconds)
        for one, could_hear in open_:
            reader, sink = one.reader, one.sink
            if reader.expires and reader.expires <= self.now + seconds:
                assert sink.aborted
                if could_hear:
                    assert sink.controls == ["expiring", "goaway"], "every stream is warned before it ends"
            elif sink.when_full is not WhenFull.ABORT:
                assert not sink.aborted
                soon = reader.expires and reader.expires <= self.now + EXPIRY_WARNING
                assert sink.controls.count("expiring") <= 1
                assert not (soon and reader.writable and not sink.controls), "a writable stream is warned"

    # The laws

    def prove(self) -> None:
        for one in self.listeners:
            self._prove(one)
        for lines in self.encodings:
            assert max(lines.calls.values(), default=1) <= 1, "encoded once (law 6)"
        self.listeners = [one for one in self.listeners if one.reader.state is not ReaderState.CLOSED]
        crowd = self.listeners
        assert len(set(self.hub.catch_up_queue)) == len(self.hub.catch_up_queue), "no reader is queued twice"
        assert self.hub.open == {t: n for t, n in self.hub.open.items() if n >= 0}
        assert self.hub.open.total() == len(crowd) == len(self.hub.readers())
        assert self.hub.users == len({one.user for one in crowd})
        for topic in EVERYWHERE:
            assert self.hub.audience([topic]) == sum(self._stands_under(one, topic) for one in crowd)

    def _stands_under(self, one: Listener, topic: Topic) -> bool:
        return topic in {own_topic(one.user), ALL, *one.extra, *self.log.follows(one.user, at=self.hub.head)}

    def _prove(self, one: Listener) -> None:
        """Law 3, for what this reader passed since the last time."""
        log, hub, reader = self.log, self.hub, one.reader
        got = one.sink.received[one.seen :]
        one.seen = len(one.sink.received)
        seqs = set()
        at, skipped = one.proved, set[int]()
        for what, seq in got:
            assert seq > at, f"{what} {seq} after {at}: in order, once"
            if what == "event":
                seqs.add(seq)
            else:
                assert what == "reset"
                assert seq == log.floor, "a reset says where to start"
                skipped.update(range(at + 1, seq + 1))
            at = seq
        if reader.state is ReaderState.CLOSED:
            through = at
        else:
            through = hub.head if reader.state is ReaderState.LIVE else reader.position
            assert through >= at
        for seq in range(one.proved + 1, through + 1):
            event = log[seq]
            extra = event.topic in one.extra
            mutes = log.muted(one.user, seq, through=hub.head)
            if seq in seqs:
                assert extra or log.reaches(one.user, seq), f"{one.user} got {event.topic}"
                assert mutes != {True}, f"{one.user} got what is muted"
            elif seq not in skipped and event.type not in one.encoding.without:
                must = (extra or log.reaches(one.user, seq)) and mutes == {False}
                assert not must, f"{one.user} did not get {seq} of {event.topic}"
        one.proved = through
        frame = LARGE + 100
        assert one.sink.largest < CHUNK + frame, "one chunk at a time (law 4)"

    # The end

    def settle(self) -> None:
        """Everything is heard of, everyone drains, all work is done: all are LIVE. Then all leave."""
        while self.hub.head < self.log.head:
            self.look()
        for _ in range(10_000):
            self.prove()
            for one in self.listeners:
                one.sink.high = 1 << 30
                one.sink.drain()
            if not (self.hub.catch_up_queue or self.readings):
                break
            self.work()
            self.arrive(0)
        assert not self.hub.catch_up_queue
        for one in self.listeners:
            assert one.reader.state is ReaderState.LIVE
        self.prove()
        assert all(one.proved == self.log.head for one in self.listeners)
        for one in list(self.listeners):
            self.hub.leave(one.reader)
            self.hub.leave(one.reader)
        self.prove()
        assert (self.hub.topics, self.hub.users, self.hub.readers()) == (0, 0, [])
        assert not +self.hub.open
        self.hub.memberships.evict()
        self.hub.memberships.evict()
        assert [self.hub.memberships.cached(user) for user in USERS] == [None] * len(USERS)
