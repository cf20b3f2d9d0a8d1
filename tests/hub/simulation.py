"""A hub, the order that its relay keeps and its catching up, beside the log that they are held against."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.hub.fake_sink import Lines, Manner, Pipe
from tests.model.log import Log
from tidings.background.relay import fit, runs
from tidings.domain.model import FOLLOWED, Event, Feed, Page
from tidings.domain.topics import ALL, Topic, User, own_topic
from tidings.hub.feed_page import feed_page
from tidings.hub.hub import CHUNK, SLOTS, WARNING, Hub
from tidings.hub.reader import Reader, State
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
    encoding: Lines
    pipe: Pipe
    reader: Reader
    proved: int  # everything up to here was got, or rightly was not
    taken: int = 0  # how many entries of `pipe.got` were looked at


@dataclass
class Reading:
    """A page that a catch-up worker has asked the store for."""

    reader: Reader
    follows: tuple[Topic, ...]
    after: int
    upto: int


class World:
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
        self.encodings = [Lines("plain"), Lines("terse", without=frozenset({FOLLOWED, "note.quiet"}))]

    # The log grows

    def commit(self, events: Sequence[Event | None]) -> None:
        if batch := [event for event in events if event is not None]:
            self.sent.extend(runs(batch))

    def relay(self, place: int, *, repeat: bool) -> None:
        """A batch arrives, whichever: the relay takes what is new of it, and reads a hole from the store."""
        if not self.sent:
            return
        place %= len(self.sent)
        batch = self.sent[place] if repeat else self.sent.pop(place)
        while (fresh := fit(self.hub.head, batch)) is None:
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
        live = [(one, one.pipe.stalls, len(one.pipe.got)) for one in self.listeners if one.reader.state is State.LIVE]
        self.hub.publish(events)
        for one, stalls, before in live:
            if one.reader.state is State.LIVE and one.pipe.stalls == stalls:
                got = [seq for _, seq in one.pipe.got[before:]]
                assert got == [event.seq for event in events if self._pushed(one, event)], "a LIVE reader gets all"

    def _pushed(self, one: Listener, event: Event) -> bool:
        mine = event.topic in one.extra or self.log.reaches(one.user, event.seq)
        muted = self.log.muted(one.user, event.seq, upto=event.seq - 1)
        return mine and muted == {False} and event.type not in one.encoding.without

    def prune(self, upto: int) -> None:
        self.log.floor = max(self.log.floor, min(upto, self.hub.head))

    # Readers come and go

    def ask_feed(self, user: User) -> None:
        """A feed is read from the store; it may be joined with much later."""
        self.feeds.append(self.log.feed(user))

    def join(
        self, place: int, *, back: int, extra: tuple[Topic, ...], encoding: int, high: int, manner: Manner
    ) -> None:
        """A reader that has everything up to `back` events before its feed's head (after it, if negative)."""
        if not self.feeds:
            return
        feed = self.feeds.pop(place % len(self.feeds))
        if not self.hub.ring.covers(feed.head):
            return  # the desk reads the feed again
        position = min(max(0, feed.head - back), self.hub.head)
        lines = self.encodings[encoding % len(self.encodings)]
        pipe = Pipe(self.hub, high=high, manner=manner)
        pipe.reader = reader = self.hub.join(feed, sink=pipe, encoding=lines, extra=extra, position=position)
        assert pipe.got == []
        self.listeners.append(
            Listener(user=feed.user, extra=extra, encoding=lines, pipe=pipe, reader=reader, proved=position)
        )

    def cache_membership(self, place: int) -> None:
        """Someone polls for the first time."""
        if self.feeds and self.hub.ring.covers(self.feeds[place % len(self.feeds)].head):
            self.hub.cache_membership(self.feeds.pop(place % len(self.feeds)))

    def poll(self, user: User, *, back: int, extra: tuple[Topic, ...], limit: int, manner: Manner) -> None:
        """Someone who is known polls, and waits if there is nothing."""
        hub, log = self.hub, self.log
        membership = hub.cached_membership(user)
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
            pipe = Pipe(hub, high=1, manner=manner)
            lines = self.encodings[0]
            pipe.reader = reader = hub.add_reader(membership, sink=pipe, encoding=lines, extra=extra, position=hub.head)
            self.listeners.append(
                Listener(user=user, extra=extra, encoding=lines, pipe=pipe, reader=reader, proved=hub.head)
            )

    def forget(self) -> None:
        self.hub.forget()

    def leave(self, place: int) -> None:
        if self.listeners:
            self.hub.leave(self._one(place).reader)

    def stall(self, place: int) -> None:
        if self.listeners:
            one = self._one(place)
            if one.reader.writable and one.reader.state is not State.CLOSED:
                one.pipe.stall()

    def drain(self, place: int) -> None:
        if self.listeners:
            self._one(place).pipe.drain()

    def trickle(self, place: int) -> None:
        """Something left the sink, not enough to go on."""
        if self.listeners:
            pipe = self._one(place).pipe
            pipe.let_out(min(1, pipe.queued))

    def _one(self, place: int) -> Listener:
        return self.listeners[place % len(self.listeners)]

    # Catching up

    def work(self) -> None:
        """A worker serves the reader that waits longest, or asks the store for its page."""
        if not self.hub.waiting:
            return
        reader = self.hub.waiting.popleft()
        reader.queued = False
        if not self.hub.step(reader):
            self.readings.append(Reading(reader, reader.membership.follows, reader.position, self.hub.head))

    def arrive(self, place: int) -> None:
        """The store answers."""
        if not self.readings:
            return
        reading = self.readings.pop(place % len(self.readings))
        reader = reading.reader
        page: Page | None = self.log.read(
            reader.membership.user,
            follows=reading.follows,
            extra=reader.extra,
            after=reading.after,
            upto=reading.upto,
            limit=self.page,
        )
        for lines in self.encodings:
            lines.counting = False
        if page is None:
            frame = b"reset %d\n" % self.log.floor
            self.hub.reset(reader, floor=self.log.floor, frame=frame)
        else:
            self.hub.page(reader, page, after=reading.after)
        for lines in self.encodings:
            lines.counting = True

    # The wheel

    def beat(self, slot: int) -> None:
        self.hub.beat(slot % SLOTS)

    def check(self, slot: int, *, everyone: bool) -> None:
        """Who lets nothing out is ended, and nobody else."""
        slot %= SLOTS
        before = [(one, one.pipe.aborted, one.reader.writable) for one in self.listeners]
        for one, _, _ in before:
            one.pipe.checked_now = False
        self.hub.check(slot, everyone=everyone, patience=1.0)
        for one, aborted, writable in before:
            pipe = one.pipe
            if pipe.checked_now:
                assert one.reader.slot == slot
                assert pipe.aborted == pipe.doomed
            else:
                assert pipe.aborted == aborted
                assert aborted or one.reader.slot != slot or (writable and not everyone)

    def token(self, place: int, seconds: int) -> None:
        """The stream is as good as a token that ends then."""
        if self.listeners:
            self._one(place).reader.expires = self.now + seconds

    def pass_time(self, seconds: int, slot: int) -> None:
        """Some slot's turn comes, and its next is `seconds` away: no stream outlives its token."""
        slot %= SLOTS
        self.now += seconds
        open_ = [
            (one, one.reader.writable)
            for one in self.listeners
            if one.reader.state is not State.CLOSED and one.reader.slot == slot
        ]
        self.hub.expire(slot, now=self.now, next=self.now + seconds)
        for one, could_hear in open_:
            reader, pipe = one.reader, one.pipe
            if reader.expires and reader.expires <= self.now + seconds:
                assert pipe.aborted
                if could_hear:
                    assert pipe.told == ["expiring", "goaway"], "nobody is sent away unwarned"
            elif pipe.manner is not Manner.BREAKS:
                assert not pipe.aborted
                soon = reader.expires and reader.expires <= self.now + WARNING
                assert pipe.told.count("expiring") <= 1
                assert not (soon and reader.writable and not pipe.told), "who can hear is warned"

    # The laws

    def prove(self) -> None:
        for one in self.listeners:
            self._prove(one)
        for lines in self.encodings:
            assert max(lines.calls.values(), default=1) <= 1, "encoded once (law 6)"
        self.listeners = [one for one in self.listeners if one.reader.state is not State.CLOSED]
        crowd = self.listeners
        assert len(set(self.hub.waiting)) == len(self.hub.waiting), "nobody waits twice"
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
        got = one.pipe.got[one.taken :]
        one.taken = len(one.pipe.got)
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
        if reader.state is State.CLOSED:
            through = at
        else:
            through = hub.head if reader.state is State.LIVE else reader.position
            assert through >= at
        for seq in range(one.proved + 1, through + 1):
            event = log[seq]
            extra = event.topic in one.extra
            mutes = log.muted(one.user, seq, upto=hub.head)
            if seq in seqs:
                assert extra or log.reaches(one.user, seq), f"{one.user} got {event.topic}"
                assert mutes != {True}, f"{one.user} got what is muted"
            elif seq not in skipped and event.type not in one.encoding.without:
                must = (extra or log.reaches(one.user, seq)) and mutes == {False}
                assert not must, f"{one.user} did not get {seq} of {event.topic}"
        one.proved = through
        frame = LARGE + 100
        assert one.pipe.largest < CHUNK + frame, "one chunk at a time (law 4)"

    # The end

    def settle(self) -> None:
        """Everything is heard of, everyone drains, all work is done: all are LIVE. Then all leave."""
        while self.hub.head < self.log.head:
            self.look()
        for _ in range(10_000):
            self.prove()
            for one in self.listeners:
                one.pipe.high = 1 << 30
                one.pipe.drain()
            if not (self.hub.waiting or self.readings):
                break
            self.work()
            self.arrive(0)
        assert not self.hub.waiting
        for one in self.listeners:
            assert one.reader.state is State.LIVE
        self.prove()
        assert all(one.proved == self.log.head for one in self.listeners)
        for one in list(self.listeners):
            self.hub.leave(one.reader)
            self.hub.leave(one.reader)
        self.prove()
        assert (self.hub.topics, self.hub.users, self.hub.readers()) == (0, 0, [])
        assert not +self.hub.open
        self.hub.forget()
        self.hub.forget()
        assert [self.hub.cached_membership(user) for user in USERS] == [None] * len(USERS)
