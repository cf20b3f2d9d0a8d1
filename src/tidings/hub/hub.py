"""The hub itself: joins, leaves, deliveries and catching up."""

import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence

import msgspec

from tidings.domain.model import PREFERENCES, Event, Feed, Page
from tidings.domain.notification import rfc3339
from tidings.domain.ports import Encoding, Sink
from tidings.domain.topics import Topic, User, owner
from tidings.hub.feed_page import events_for, topics_of
from tidings.hub.index import Index
from tidings.hub.membership_events import MEMBERSHIP, follow_change, muted_tags
from tidings.hub.reader import Membership, Reader, State
from tidings.hub.recent_users import RecentUsers
from tidings.hub.ring import Entry, Ring

CHUNK = 64 * 1024  # bytes written to a reader in one step of catching up: its sink's high-water mark
WARNING = 60  # seconds before the end of its token that a stream is told to fetch another
CHECKS = 8  # in a heartbeat, of each reader that waits for its client
SLOTS = 32  # of the heartbeat wheel: a beat writes to 1/32 of the readers, so it delays nobody

_encode = msgspec.json.Encoder().encode


class Hub:
    """Who listens now, and what each of them has been given."""

    def __init__(self, ring: Ring, *, on_work: Callable[[], None]) -> None:
        """`on_work` is called when a reader starts to wait in `waiting` for a catch-up worker."""
        self.ring = ring
        self.head = ring.head
        self.waiting: deque[Reader] = deque()
        self.open: Counter[str] = Counter()  # readers per transport
        self.delivered = 0  # writes of events to LIVE readers
        self.published = 0  # events
        self._on_work = on_work
        self._index = Index()
        self.users = 0  # who have a reader here
        self.recent_users = RecentUsers()
        self._members: dict[User, Membership] = {}  # of users and visitors
        self._heartbeats: list[set[Reader]] = [set() for _ in range(SLOTS)]
        self._next_slot = 0

    # Coming and going

    def join(self, feed: Feed, *, sink: Sink, encoding: Encoding, extra: Sequence[Topic] = (), position: int) -> Reader:
        """A reader that has everything up to `position`. It is LIVE on return if nothing is left to read.

        The feed may be older than the hub's head (the ring must reach back to it), never newer.
        """
        return self.add_reader(self._member(feed), sink=sink, encoding=encoding, extra=extra, position=position)

    def add_reader(
        self, membership: Membership, *, sink: Sink, encoding: Encoding, extra: Sequence[Topic], position: int
    ) -> Reader:
        """The same for someone who is known here."""
        reader = Reader(sink=sink, encoding=encoding, membership=membership, extra=tuple(extra), position=position)
        if not membership.readers:
            self.users += 1
        membership.readers += (reader,)
        for topic in self._topics(reader):
            self._index.add(topic, reader)
        reader.slot = self._next_slot = (self._next_slot + 1) % SLOTS
        self._heartbeats[reader.slot].add(reader)
        self.open[encoding.transport] += 1
        self._moved(reader, position)
        return reader

    def leave(self, reader: Reader) -> None:
        """Forget a reader. Safe to call twice."""
        if reader.state is State.CLOSED:
            return
        reader.become(State.CLOSED)
        for topic in self._topics(reader):
            self._index.discard(topic, reader)
        membership = reader.membership
        membership.readers = tuple(other for other in membership.readers if other is not reader)
        if not membership.readers:
            self.users -= 1
            if membership.user not in self.recent_users:
                del self._members[membership.user]
        self._heartbeats[reader.slot].discard(reader)
        self.open[reader.encoding.transport] -= 1

    def cached_membership(self, user: User) -> Membership | None:
        """What someone who polls follows, if it is known here. It is kept for a while."""
        membership = self._members.get(user)
        if membership is not None:
            if self.recent_users.full:
                self.forget()
            self.recent_users.touch(user, topics=2 + len(membership.follows))
            self._members[user] = membership
        return membership

    def cache_membership(self, feed: Feed) -> Membership:
        """The same for someone who is not known yet. The feed is as `join` wants it."""
        self._member(feed)
        membership = self.cached_membership(feed.user)
        assert membership is not None
        return membership

    def forget(self) -> None:
        """Forget visitors who did not come since the last time but one."""
        for user in self.recent_users.rotate():
            if not self._members[user].readers:
                del self._members[user]

    def audience(self, topics: Iterable[Topic]) -> int:
        """How many readers stand in the index under these topics."""
        return sum(self._index.count(topic) for topic in topics)

    def connections(self, user: User) -> int:
        """How many readers this user has here."""
        membership = self._members.get(user)
        return len(membership.readers) if membership else 0

    @property
    def topics(self) -> int:
        """How many topics somebody listens to."""
        return len(self._index)

    def readers(self) -> list[Reader]:
        """Everyone, in no order."""
        return [reader for slot in self._heartbeats for reader in slot]

    # The log grows

    def publish(self, events: Sequence[Event]) -> None:
        """Take events that follow the head. Readers get all of theirs joined in one write.

        A follow, an unfollow or a change of preferences takes effect at its own place in the order.
        """
        self.published += len(events)
        run: list[Entry] = []
        for event in events:
            entry = self.ring.append(event)
            run.append(entry)
            if event.type in MEMBERSHIP:
                self._deliver(run)
                self._change(event)
                run = []
        if run:
            self._deliver(run)

    def _deliver(self, run: list[Entry]) -> None:
        # The head moves first: a sink that fills during its write makes its reader stand at the new head.
        self.head = run[-1].event.seq
        by_topic: dict[Topic, list[Entry]] = {}
        for entry in run:
            by_topic.setdefault(entry.event.topic, []).append(entry)
        if len(by_topic) == 1:
            [(topic, entries)] = by_topic.items()
            self._write_all(self._index.of(topic), entries)
            return
        touched: dict[Reader, list[Topic]] = {}
        for topic in by_topic:
            for reader in self._index.of(topic):
                touched.setdefault(reader, []).append(topic)
        audiences: dict[tuple[Topic, ...], list[Reader]] = {}
        for reader, topics in touched.items():
            audiences.setdefault(tuple(topics), []).append(reader)
        for key, readers in audiences.items():
            entries = [entry for topic in key for entry in by_topic[topic]]
            if len(key) > 1:
                entries.sort(key=lambda entry: entry.event.seq)
            self._write_all(readers, entries)

    def _write_all(self, readers: Sequence[Reader], entries: Sequence[Entry]) -> None:
        joined: dict[Encoding, bytes] = {}
        live = State.LIVE
        for reader in readers:
            if reader.state is not live:
                continue
            encoding = reader.encoding
            if reader.membership.mutes:
                data = b"".join([entry.frame(encoding) for entry in entries if reader.wants(entry.event)])
            else:
                found = joined.get(encoding)
                if found is None:
                    found = joined[encoding] = b"".join([entry.frame(encoding) for entry in entries])
                data = found
            if data:
                self.delivered += len(entries)
                reader.sink.write(data)

    # Catching up

    def step(self, reader: Reader) -> bool:
        """Serve a catching-up reader one chunk from the ring.

        False if the ring does not reach back to it: then the store should be asked for what there is after
        `reader.position` and up to `head`, with what its user follows now; the answer goes to `page`.
        """
        if not reader.ready_for_catch_up():
            return True
        if not self.ring.covers(reader.position):
            return False
        frames: list[bytes] = []
        size, position = 0, self.head
        for entry in events_for(self.ring, reader.membership, reader.extra, after=reader.position):
            frame = entry.frame(reader.encoding)
            frames.append(frame)
            size += len(frame)
            if size >= CHUNK:
                position = entry.event.seq
                break
        self._advance(reader, frames, position)
        return True

    def page(self, reader: Reader, page: Page, *, after: int) -> None:
        """Serve a catching-up reader what the store had after a position, chunk by chunk while its sink takes it."""
        if not reader.ready_for_catch_up() or reader.position != after:
            return
        frames: list[bytes] = []
        size = 0
        for event in page.events:
            if not reader.wants(event):
                continue
            frame = reader.encoding.event(event)
            frames.append(frame)
            size += len(frame)
            if size >= CHUNK:
                self._advance(reader, frames, event.seq)
                if not reader.ready_for_catch_up():
                    return
                frames, size = [], 0
        self._advance(reader, frames, page.through)

    def reset(self, reader: Reader, *, floor: int, frame: bytes) -> None:
        """Retention took what this reader needed: tell it so, and go on from what is kept."""
        if reader.ready_for_catch_up() and reader.position < floor:
            self._advance(reader, [frame], floor)

    def stalled(self, reader: Reader) -> None:
        """The reader's sink is full: nothing more is written to it until it drains (law 4)."""
        reader.writable = False
        reader.taken = None
        if reader.state is State.LIVE:
            reader.position = self.head
            reader.become(State.CATCHING_UP)

    def drained(self, reader: Reader) -> None:
        """The reader's sink takes bytes again."""
        reader.writable = True
        if reader.state is State.CATCHING_UP:
            self._moved(reader, reader.position)

    def _advance(self, reader: Reader, frames: list[bytes], position: int) -> None:
        # The position moves first: it says what was handed to the sink, and the sink may fill in the write.
        reader.position = position
        if data := b"".join(frames):
            self.delivered += len(frames)
            reader.sink.write(data)
        if reader.state is State.CATCHING_UP:
            self._moved(reader, position)

    def _moved(self, reader: Reader, position: int) -> None:
        """LIVE in the same breath in which nothing is left to read; else in the queue, if it can be written to."""
        if not reader.writable:
            return
        if position == self.head:
            reader.become(State.LIVE)
        elif not reader.queued:
            reader.queued = True
            self.waiting.append(reader)
            self._on_work()

    # Feeds

    def _topics(self, reader: Reader) -> tuple[Topic, ...]:
        return topics_of(reader.membership, reader.extra)

    def _member(self, feed: Feed) -> Membership:
        if not self.ring.covers(feed.head):
            raise ValueError(f"a feed of {feed.head} cannot join a hub at {self.head}")
        membership = self._members.get(feed.user)
        if membership is None:
            membership = self._members[feed.user] = Membership(feed.user)
            # One string for a topic, however many follow it.
            membership.follows = tuple(Topic(sys.intern(topic)) for topic in feed.follows)
            membership.mutes = feed.mutes
            # Nobody listened for this user between the reading of the feed and now: follow what happened since.
            for entry in self.ring.after(feed.head):
                if entry.event.type in MEMBERSHIP and owner(entry.event.topic) == feed.user:
                    self._change(entry.event)
        return membership

    def _change(self, event: Event) -> None:
        user = owner(event.topic)
        membership = self._members.get(user) if user is not None else None
        if membership is None:
            return
        if event.type == PREFERENCES:
            membership.mutes = muted_tags(event.data)
            return
        _, topic, followed = follow_change(event)
        if followed and topic not in membership.follows:
            membership.follows += (Topic(sys.intern(topic)),)
            for reader in membership.readers:
                self._index.add(topic, reader)
        elif not followed and topic in membership.follows:
            membership.follows = tuple(other for other in membership.follows if other != topic)
            for reader in membership.readers:
                if topic not in reader.extra:
                    self._index.discard(topic, reader)

    # The wheel

    def beat(self, slot: int) -> None:
        """Give every LIVE reader of a slot a sign of life."""
        for reader in list(self._heartbeats[slot]):
            if reader.writable and reader.state is State.LIVE and reader.encoding.heartbeat:
                reader.sink.write(reader.encoding.heartbeat)

    def check(self, slot: int, *, everyone: bool, patience: float) -> None:
        """Look whether the readers of a slot get on: those that were seen to wait, or everyone.

        Whoever takes nothing for a heartbeat is ended (law 4), and whoever is not even there for `patience` seconds.
        """
        for reader in list(self._heartbeats[slot]):
            if reader.writable and reader.taken is None and not everyone:
                continue
            backlog = reader.sink.backlog()
            if backlog is None:
                reader.taken = None
            elif backlog.unanswered > patience:
                reader.sink.abort()
            elif reader.taken != backlog.taken:
                reader.taken = backlog.taken
                reader.still = 0
            else:
                reader.still += 1
                if reader.still == CHECKS - 1:
                    reader.sink.abort()

    def expire(self, slot: int, *, now: float, next: float) -> None:
        """End the streams of a slot whose token ends before the `next` look at it; warn those that end soon.

        Times in seconds since 1970. A stream never outlives its token.
        """
        for reader in list(self._heartbeats[slot]):
            if not reader.expires:
                continue
            if reader.expires <= next:
                self.end(reader)
            elif reader.expires <= max(now + WARNING, next + (next - now)):
                self.warn(reader)

    def warn(self, reader: Reader) -> None:
        """Tell a stream, once, that its token ends soon."""
        if reader.writable and (frame := self._warning(reader)):
            reader.sink.write(frame)

    def end(self, reader: Reader) -> None:
        """End a stream whose token ends. It is told why, unless it takes no bytes."""
        if reader.state is State.CLOSED:
            return
        if not reader.writable:
            reader.sink.abort()
            return
        goaway = reader.encoding.control("goaway", _encode({"reason": "token_expired", "retry": 0}), retry=0)
        reader.sink.write(self._warning(reader) + goaway)
        reader.sink.close(expired=True)

    def _warning(self, reader: Reader) -> bytes:
        if reader.warned:
            return b""
        reader.warned = True
        return reader.encoding.control("expiring", _encode({"expire_time": rfc3339(reader.expires * 1000)}))
