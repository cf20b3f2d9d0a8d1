"""The newest events, in memory, with the frames they were encoded to."""

from collections.abc import Iterator

from tidings.domain.model import Event
from tidings.domain.ports import Encoding
from tidings.domain.topics import Topic
from tidings.hub.membership_events import FOLLOWS

SLOTS = 8192  # events; what a reader that was away for a moment is served from
BYTES = 32 * 1024 * 1024  # of event data; large events make the ring shorter, never the process larger


class Entry:
    """An event and its frames: encoded once per format (law 6), unless a format is one reader's."""

    __slots__ = ("_frames", "event")

    def __init__(self, event: Event) -> None:
        self.event = event
        self._frames: dict[Encoding, bytes] = {}

    def frame(self, encoding: Encoding) -> bytes:
        if not encoding.shared:
            return encoding.event(self.event)
        frame = self._frames.get(encoding)
        if frame is None:
            frame = self._frames[encoding] = encoding.event(self.event)
        return frame


class Ring:
    """Holds (floor, head] without holes."""

    def __init__(self, *, head: int, slots: int = SLOTS, limit: int = BYTES) -> None:
        self._slots: list[Entry | None] = [None] * slots
        self._limit = limit
        self._bytes = 0
        self._newest: dict[Topic, int] = {}
        self._follows: dict[Topic, list[Event]] = {}  # own topic -> follows and unfollows that are here
        self.floor = head
        self.head = head

    def append(self, event: Event) -> Entry:
        if event.seq != self.head + 1:
            raise ValueError(f"event {event.seq} does not follow {self.head}")
        if self.head - self.floor == len(self._slots):
            self._drop()
        entry = Entry(event)
        self._slots[event.seq % len(self._slots)] = entry
        self._newest[event.topic] = event.seq
        if event.type in FOLLOWS:
            self._follows.setdefault(event.topic, []).append(event)
        self.head = event.seq
        self._bytes += len(event.data)
        while self._bytes > self._limit and self.floor < self.head:
            self._drop()
        return entry

    def covers(self, after: int) -> bool:
        """Is everything after this position (up to the head) here?"""
        return self.floor <= after <= self.head

    def after(self, position: int) -> Iterator[Entry]:
        """Entries after a position that is covered."""
        slots, size = self._slots, len(self._slots)
        for seq in range(position + 1, self.head + 1):
            entry = slots[seq % size]
            assert entry is not None
            yield entry

    def evicts_soon(self, position: int) -> bool:
        """May the ring soon not reach back to this position any more?"""
        if self._bytes > self._limit // 2:
            return position < (self.floor + self.head) // 2
        return position < self.head - len(self._slots) // 2

    def newest(self, topic: Topic) -> int:
        """The newest event of a topic, if it is here; else 0."""
        return self._newest.get(topic, 0)

    def follows(self, topic: Topic, *, after: int) -> list[Event]:
        """Of somebody's own topic: what they followed and left after a position that is covered, in order."""
        return [event for event in self._follows.get(topic, ()) if event.seq > after]

    def _drop(self) -> None:
        self.floor += 1
        place = self.floor % len(self._slots)
        entry = self._slots[place]
        assert entry is not None
        event = entry.event
        self._bytes -= len(event.data)
        if self._newest[event.topic] == self.floor:
            del self._newest[event.topic]
        if event.type in FOLLOWS:
            del self._follows[event.topic][0]
            if not self._follows[event.topic]:
                del self._follows[event.topic]
        self._slots[place] = None
