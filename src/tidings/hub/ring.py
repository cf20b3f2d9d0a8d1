"""The newest events, in memory, by topic, with the frames they were encoded to."""

from bisect import bisect_right
from collections.abc import Collection, Iterator

from tidings.domain.model import Event
from tidings.domain.ports import Encoding
from tidings.domain.topics import Topic
from tidings.hub.membership_events import FOLLOWS

ERASED_TOPIC, ERASED_DATA = Topic(""), b"{}"  # of an event that was erased: nobody reads it
RING_EVENTS = 8192  # at most; serves a reader that was away for a moment
RING_BYTES = 32 * 1024 * 1024  # of event data; large events make the ring shorter, never the process larger


class Entry:
    """An event and its frames: encoded once per format (law 6), unless a format is one reader's."""

    __slots__ = ("_frames", "event")

    def __init__(self, event: Event) -> None:
        self.event = event
        self._frames: dict[Encoding, bytes] = {}

    def frame(self, encoding: Encoding) -> bytes:
        """The event in a format; b"" if the format leaves it out."""
        if not encoding.shared:
            return encoding.event(self.event)
        frame = self._frames.get(encoding)
        if frame is None:
            frame = self._frames[encoding] = encoding.event(self.event)
        return frame


class Ring:
    """Holds (floor, head] without holes."""

    def __init__(self, *, head: int, slots: int = RING_EVENTS, limit: int = RING_BYTES) -> None:
        self._slots: list[Entry | None] = [None] * slots
        self._limit = limit
        self._bytes = 0
        self._by_topic: dict[Topic, list[int]] = {}  # seqs, in order; up to half of them may be dropped already
        self._follows: dict[Topic, list[Event]] = {}  # own topic -> follows and unfollows that are here
        self.floor = head
        self.head = head

    def append(self, event: Event) -> Entry:
        """Add the event after the head. Raises `ValueError` for any other."""
        if event.seq != self.head + 1:
            raise ValueError(f"event {event.seq} does not follow {self.head}")
        if self.head - self.floor == len(self._slots):
            self._drop()
        entry = Entry(event)
        self._slots[event.seq % len(self._slots)] = entry
        self._by_topic.setdefault(event.topic, []).append(event.seq)
        if event.type in FOLLOWS:
            self._follows.setdefault(event.topic, []).append(event)
        self.head = event.seq
        self._bytes += len(event.data)
        while self._bytes > self._limit and self.floor < self.head:
            self._drop()
        return entry

    def erase(self, topic: Topic) -> None:
        """Take topic, type and data from the events of a topic; their places stay (law 2)."""
        seqs = self._by_topic.pop(topic, [])
        for seq in seqs:
            if seq > self.floor:
                self._bytes += len(ERASED_DATA) - len(self._entry(seq).event.data)
                self._slots[seq % len(self._slots)] = Entry(
                    Event(seq=seq, topic=ERASED_TOPIC, type="erased", data=ERASED_DATA)
                )
        self._follows.pop(topic, None)
        if kept := [seq for seq in seqs if seq > self.floor]:
            self._by_topic[ERASED_TOPIC] = sorted([*self._by_topic.get(ERASED_TOPIC, []), *kept])

    def covers(self, after: int) -> bool:
        """Return True if everything after this position (up to the head) is here."""
        return self.floor <= after <= self.head

    def after(self, position: int) -> Iterator[Entry]:
        """Entries of every topic after a position that is covered, in order."""
        return map(self._entry, range(position + 1, self.head + 1))

    def of_topic(self, topic: Topic, *, after: int) -> Iterator[Entry]:
        """Entries of a topic after a position that is covered, in order."""
        return map(self._entry, self._seqs(topic, after))

    def of_topics(self, topics: Collection[Topic], *, after: int) -> Iterator[Entry]:
        """Entries of some topics after a position that is covered, in order. Costs a look-up a topic, and the entries.

        Where fewer events follow than there are topics, the events are looked at instead.
        """
        if self.head - after <= len(topics):
            wanted = set(topics)
            return (entry for entry in self.after(after) if entry.event.topic in wanted)
        seqs: list[int] = []
        for topic in topics:
            if (found := self._by_topic.get(topic)) and found[-1] > after:
                seqs += self._seqs(topic, after)
        seqs.sort()
        return map(self._entry, seqs)

    def evicts_soon(self, position: int) -> bool:
        """Return True if the ring may soon not reach back to this position any more."""
        if self._bytes > self._limit // 2:
            return position < (self.floor + self.head) // 2
        return position < self.head - len(self._slots) // 2

    def newest(self, topic: Topic) -> int:
        """The newest event of a topic, if it is here; else 0."""
        seqs = self._by_topic.get(topic)
        return seqs[-1] if seqs else 0

    def follows(self, topic: Topic, *, after: int) -> list[Event]:
        """The follows and unfollows on a user's own topic after a position that is covered, in order."""
        return [event for event in self._follows.get(topic, ()) if event.seq > after]

    def _entry(self, seq: int) -> Entry:
        entry = self._slots[seq % len(self._slots)]
        assert entry is not None
        return entry

    def _seqs(self, topic: Topic, after: int) -> list[int]:
        seqs = self._by_topic.get(topic, [])
        return seqs[bisect_right(seqs, after) :]

    def _drop(self) -> None:
        self.floor += 1
        entry = self._entry(self.floor)
        self._slots[self.floor % len(self._slots)] = None
        event = entry.event
        self._bytes -= len(event.data)
        seqs = self._by_topic[event.topic]
        if seqs[-1] == self.floor:
            del self._by_topic[event.topic]
        elif seqs[len(seqs) // 2] <= self.floor:  # now and then, so that a drop costs the same on a busy topic
            del seqs[: bisect_right(seqs, self.floor)]
        if event.type in FOLLOWS:
            del self._follows[event.topic][0]
            if not self._follows[event.topic]:
                del self._follows[event.topic]
