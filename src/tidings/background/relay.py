"""The relay: committed batches, in order, to the hub. What is missing it reads from the store (law 7)."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence

from tidings.domain.model import Event
from tidings.domain.ports import Store
from tidings.hub.hub import Hub

RUN = 64 * 1024  # bytes of event data handed to the hub before the loop may do something else
HOLE = 1000  # events read from the store at a time


def fit(head: int, events: Sequence[Event]) -> Sequence[Event] | None:
    """What of a batch (of consecutive events) is new after `head`; None if something before it is missing."""
    if events[0].seq > head + 1:
        return None
    return events[head + 1 - events[0].seq :]


def runs(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    """The parts in which events go to the hub: consecutive, and of little more than RUN bytes."""
    start, size = 0, 0
    for end, event in enumerate(events, 1):
        size += len(event.data)
        if size >= RUN or end == len(events) or events[end].seq != event.seq + 1:
            yield events[start:end]
            start, size = end, 0


class Relay:
    """Takes batches from the writer here and hints from elsewhere; any may be lost, repeated or late."""

    def __init__(self, store: Store, hub: Hub) -> None:
        self._store = store
        self._hub = hub
        self._batches: deque[Sequence[Event]] = deque()
        self._known = hub.head  # the newest seq that is said to be in the store
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()

    def committed(self, events: Sequence[Event]) -> None:
        """A batch that is durable. Other processes may have appended between its events."""
        if events:
            self._batches.extend(runs(events))
            self._known = max(self._known, events[-1].seq)
            self._wake.set()

    def hint(self, seq: int) -> None:
        """The log is said to reach up to here."""
        if seq > self._hub.head:
            self._known = max(self._known, seq)
            self._wake.set()

    async def look(self) -> None:
        """Ask the store, in case every hint was lost."""
        _, head = await self._store.span()
        self.hint(head)

    async def reached(self, seq: int) -> None:
        """Until the hub has everything up to here (which must be in the store)."""
        self.hint(seq)
        while self._hub.head < seq:
            self._moved.clear()
            await self._moved.wait()

    async def run(self) -> None:
        """For ever. An exception in here must end the process: a hub without its relay delivers nothing."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._batches or self._known > self._hub.head:
                fresh = fit(self._hub.head, self._batches[0]) if self._batches else None
                if fresh is None:
                    await self._fill()
                    continue
                self._batches.popleft()
                self._hub.publish(fresh)
                self._moved.set()
                if self._batches:
                    await asyncio.sleep(0)

    async def _fill(self) -> None:
        """Read what follows the hub's head: a batch is missing, or there is said to be more."""
        head, missing = self._hub.head, bool(self._batches)
        self._wake.clear()
        events = (await self._store.tail(after=head, limit=HOLE)).events
        if events and events[0].seq == head + 1:
            self._batches.extendleft(reversed(list(runs(events))))
        elif events or missing:
            raise RuntimeError(f"what follows {head} is not in the log")
        elif not self._wake.is_set():
            self._known = head  # the hint was wrong, and nothing was said since
