"""The seq rule: batches that come in any order, twice or never, leave in the order of the log (law 7). Pure."""

import heapq
import itertools
from collections.abc import Iterator, Sequence

from tidings.domain.model import Event

RUN_BYTES = 64 * 1024  # of event data handed to the hub before yielding to the event loop
WAITING_BYTES = 16 * 1024 * 1024  # of event data that waits behind a hole; the store has what is dropped


def fresh_events(batch: Sequence[Event], *, after: int) -> Sequence[Event] | None:
    """The events of a batch (of consecutive events) that are new after a seq; None if one before them is missing."""
    if batch[0].seq > after + 1:
        return None
    return batch[after + 1 - batch[0].seq :]


def runs(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    """Split events into consecutive parts of little more than RUN_BYTES."""
    start, size = 0, 0
    for end, event in enumerate(events, 1):
        size += len(event.data)
        if size >= RUN_BYTES or end == len(events) or events[end].seq != event.seq + 1:
            yield events[start:end]
            start, size = end, 0


class Sequencer:
    """Batches that were heard of and not handed on yet, and how far the log is said to reach."""

    def __init__(self, *, known: int, limit: int = WAITING_BYTES) -> None:
        self.known = known  # the newest seq that is said to be in the log
        self.said = 0  # batches and hints so far
        self.dropped = 0  # batches, for want of room
        self._limit = limit
        self._bytes = 0
        self._waiting: list[tuple[int, int, Sequence[Event]]] = []  # a heap of (first seq, order of arrival, batch)
        self._arrivals = itertools.count()

    def offer(self, events: Sequence[Event], *, after: int) -> None:
        """Keep events (in order, perhaps with holes) until it is their turn after what has been handed on."""
        self.said += 1
        for batch in runs(events):
            self.known = max(self.known, batch[-1].seq)
            if batch[-1].seq <= after:
                continue
            if self._bytes > self._limit and batch[0].seq > after + 1:
                self.dropped += 1
                continue
            self._bytes += sum(len(event.data) for event in batch)
            heapq.heappush(self._waiting, (batch[0].seq, next(self._arrivals), batch))

    def hint(self, seq: int) -> None:
        """Note that the log is said to reach up to a seq."""
        self.said += 1
        self.known = max(self.known, seq)

    def ready(self, *, after: int) -> bool:
        """Return True if events that follow a seq are here. Forgets what is not after it."""
        while self._waiting:
            fresh = fresh_events(self._waiting[0][2], after=after)
            if fresh is None:
                return False
            if fresh:
                return True
            self._pop()
        return False

    def take(self, *, after: int) -> Sequence[Event] | None:
        """The next events after a seq; None if there are none, or if one before them is missing."""
        return fresh_events(self._pop(), after=after) if self.ready(after=after) else None

    def retract(self, *, known: int) -> None:
        """Forget what is said to be after the log's true head: a hint that was wrong, a batch that was never stored."""
        self.known = known
        kept = [entry for entry in self._waiting if entry[2][-1].seq <= known]
        self._bytes = sum(len(event.data) for _, _, batch in kept for event in batch)
        heapq.heapify(kept)
        self._waiting = kept

    def _pop(self) -> Sequence[Event]:
        _, _, batch = heapq.heappop(self._waiting)
        self._bytes -= sum(len(event.data) for event in batch)
        return batch
