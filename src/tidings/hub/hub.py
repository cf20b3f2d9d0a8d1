"""The hub itself: readers join and leave, the log grows, readers that are behind catch up."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence

from tidings.domain.model import Event, EventPage, Feed
from tidings.domain.ports import Encoding, Sink
from tidings.domain.topics import Topic, User
from tidings.hub.fan_out import fan_out
from tidings.hub.feed_page import events_for
from tidings.hub.index import Index
from tidings.hub.liveness import Liveness
from tidings.hub.membership_events import MEMBERSHIP
from tidings.hub.memberships import Memberships
from tidings.hub.readers import EndReason, Membership, Reader, ReaderState
from tidings.hub.ring import Entry, Ring

CHUNK = 64 * 1024  # bytes written to a reader in one step of catching up: its sink's high-water mark


class Hub:
    """The readers of this node, and how far each of them is."""

    def __init__(
        self,
        ring: Ring,
        *,
        on_work: Callable[[], None],
        on_connection: Callable[[Reader], None] | None = None,
    ) -> None:
        """`on_work` is called when a reader starts to wait in `catch_up_queue` for a worker.

        `on_connection` is called with each reader that has joined, and again when it is CLOSED.
        """
        self.ring = ring
        self.head = ring.head
        self.catch_up_queue: deque[Reader] = deque()  # readers that are behind
        self.store_queue: deque[Reader] = deque()  # those that the ring does not reach back to
        self.open: Counter[str] = Counter()  # readers per transport
        self.ended = Counter({reason.value: 0 for reason in EndReason})  # readers, by reason
        self.delivered = 0  # events written to readers
        self.published = 0  # events
        self.users = 0  # with a reader here
        self._on_work = on_work
        self._on_connection = on_connection
        self.on_event: dict[str, Callable[[Event], None]] = {}  # by type: called as the event passes
        self._index = Index()
        self.memberships = Memberships(ring, self._index)
        self.liveness = Liveness()

    # Readers join and leave

    def join(self, feed: Feed, *, sink: Sink, encoding: Encoding, extra: Sequence[Topic] = (), position: int) -> Reader:
        """Add a reader that has everything up to `position`. It is LIVE on return if nothing is left to read.

        The feed may be older than the hub's head (the ring must reach back to it), never newer: else `ValueError`.
        """
        membership = self.memberships.of(feed)
        return self.add_reader(membership, sink=sink, encoding=encoding, extra=extra, position=position)

    def add_reader(
        self, membership: Membership, *, sink: Sink, encoding: Encoding, extra: Sequence[Topic], position: int
    ) -> Reader:
        """Add a reader of a user whose membership is held here."""
        reader = Reader(sink=sink, encoding=encoding, membership=membership, extra=tuple(extra), position=position)
        if not membership.readers:
            self.users += 1
        membership.readers += (reader,)
        for topic in reader.topics():
            self._index.add(topic, reader)
        self.liveness.add(reader)
        self.open[encoding.transport] += 1
        self._moved(reader, position)
        if self._on_connection is not None:
            self._on_connection(reader)
        return reader

    def leave(self, reader: Reader) -> None:
        """Forget a reader. Safe to call twice."""
        if reader.state is ReaderState.CLOSED:
            return
        reader.become(ReaderState.CLOSED)
        for topic in reader.topics():
            self._index.discard(topic, reader)
        membership = reader.membership
        membership.readers = tuple(other for other in membership.readers if other is not reader)
        if not membership.readers:
            self.users -= 1
            self.memberships.release(membership)
        self.liveness.discard(reader)
        self.open[reader.encoding.transport] -= 1
        self.ended[reader.end_reason.value] += 1
        if self._on_connection is not None:
            self._on_connection(reader)

    def audience(self, topics: Iterable[Topic]) -> int:
        """The number of readers of these topics; a reader of several counts once for each."""
        return sum(self._index.count(topic) for topic in topics)

    def connections(self, user: User) -> int:
        """The number of readers that this user has here."""
        membership = self.memberships.get(user)
        return len(membership.readers) if membership else 0

    def readers_of(self, user: User) -> tuple[Reader, ...]:
        """The readers of one user."""
        membership = self.memberships.get(user)
        return () if membership is None else membership.readers

    def readers(self) -> list[Reader]:
        """Every reader, in no order."""
        return self.liveness.readers()

    @property
    def topics(self) -> int:
        """The number of topics with a reader."""
        return len(self._index)

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
                self.memberships.apply(event)
                run = []
            elif event.type in self.on_event:
                self.on_event[event.type](event)
        if run:
            self._deliver(run)

    def _deliver(self, run: list[Entry]) -> None:
        # The head moves first: a sink that fills during its write makes its reader stand at the new head.
        self.head = run[-1].event.seq
        self.delivered += fan_out(self._index, run)

    # Readers catch up

    def serve_from_ring(self, reader: Reader) -> bool:
        """Serve a catching-up reader one chunk from the ring.

        False if the ring does not reach back to it. Then the store is to be read after `reader.position` and up to
        `head`, with what the reader's user follows now; the result goes to `serve_page`.
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

    def serve_page(self, reader: Reader, page: EventPage, *, after: int) -> None:
        """Serve a catching-up reader a page of the store, read after a position, in chunks while its sink takes them.

        A page that was read for another position than the reader's is dropped.
        """
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

    def serve_reset(self, reader: Reader, *, floor: int, frame: bytes) -> None:
        """Write a `reset` to a reader whose next events retention has removed; it goes on after `floor`."""
        if reader.ready_for_catch_up() and reader.position < floor:
            self._advance(reader, [frame], floor)

    def stalled(self, reader: Reader) -> None:
        """Note that the reader's sink is full: nothing more is written to it until it drains (law 4)."""
        reader.writable = False
        reader.acked_bytes = None
        if reader.state is ReaderState.LIVE:
            reader.position = self.head
            reader.become(ReaderState.CATCHING_UP)

    def drained(self, reader: Reader) -> None:
        """Note that the reader's sink takes bytes again."""
        reader.writable = True
        if reader.state is ReaderState.CATCHING_UP:
            self._moved(reader, reader.position)

    def _advance(self, reader: Reader, frames: list[bytes], position: int) -> None:
        # The position moves first: it says what was handed to the sink, and the sink may fill in the write.
        reader.position = position
        if data := b"".join(frames):
            self.delivered += len(frames)
            reader.sink.write(data)
        if reader.state is ReaderState.CATCHING_UP:
            self._moved(reader, position)

    def _moved(self, reader: Reader, position: int) -> None:
        """Make the reader LIVE at once if nothing is left to read; else queue it, if its sink takes bytes."""
        if not reader.writable:
            return
        if position == self.head:
            reader.become(ReaderState.LIVE)
        elif not reader.in_queue:
            reader.in_queue = True
            self.catch_up_queue.append(reader)
            self._on_work()
