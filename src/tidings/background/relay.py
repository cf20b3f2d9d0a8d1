"""The relay: committed batches, in order, to the hub. Missing batches are read from the store (law 7)."""

import asyncio
from collections.abc import Sequence

from tidings.background.sequencer import Sequencer, runs
from tidings.background.store_retry import StoreRetry
from tidings.domain.errors import LogBroken, StoreUnavailable
from tidings.domain.model import Event
from tidings.domain.ports import Store
from tidings.hub.hub import Hub

READ_EVENTS = 1000  # read from the store at a time
HOLE_WAIT = 0.005  # seconds that a hole waits for the bus before the store is read
REACH_WITHIN = 10.0  # seconds that a request waits for the hub to have what the store has; SQLite's busy time-out


class Relay:
    """Takes batches from the writer here and from other nodes; any may be lost, repeated, reordered or late.

    A store that is away for a while costs latency. A log that is not what it was is the only fatal state.
    """

    def __init__(self, store: Store, hub: Hub, *, retry: StoreRetry, hole_wait: float = HOLE_WAIT) -> None:
        """`hole_wait` in seconds."""
        self._store = store
        self._hub = hub
        self._epoch = store.epoch
        self._retry = retry
        self._hole_wait = hole_wait
        self._sequencer = Sequencer(known=hub.head)
        self._durable = hub.head  # the newest event that this node knows to be committed
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()

    @property
    def head(self) -> int:
        """The newest event that this node knows to be in the log: committed here, or handed on."""
        return max(self._durable, self._hub.head)

    @property
    def store_away(self) -> bool:
        """True while the store does not answer the reads of background workers."""
        return self._retry.away_since is not None

    @property
    def store_failures(self) -> int:
        """Reads of background workers that the store did not answer."""
        return self._retry.failures

    @property
    def dropped(self) -> int:
        """Batches that found no room behind a hole, and were read from the store instead."""
        return self._sequencer.dropped

    def committed(self, events: Sequence[Event]) -> None:
        """Take a batch that is durable. Other processes may have appended between its events."""
        if events:
            self._durable = max(self._durable, events[-1].seq)
            self.heard(events)

    def heard(self, events: Sequence[Event]) -> None:
        """Take a batch that another node says is durable."""
        if events:
            self._sequencer.offer(events, after=self._hub.head)
            self._wake.set()

    def hint(self, seq: int) -> None:
        """The log is said to reach up to here."""
        if seq > self._hub.head:
            self._sequencer.hint(seq)
            self._wake.set()

    async def look(self) -> None:
        """Ask the store how far the log reaches, in case every hint was lost."""
        head = (await self._store.span()).head
        self._check_fork()
        self.hint(head)

    async def reached(self, seq: int) -> None:
        """Wait until the hub has everything up to a seq that is in the store. Raises `StoreUnavailable`."""
        if self._hub.head >= seq:
            return
        self.hint(seq)
        expired = False

        def expire() -> None:
            nonlocal expired
            expired = True
            self._moved.set()

        # Not `asyncio.timeout`: the first step of a request may run without a task (`server.started_coroutine`).
        # Not the clock either: a timer may go off a fraction of a millisecond before the loop's clock says so.
        alarm = asyncio.get_running_loop().call_later(REACH_WITHIN, expire)
        try:
            while self._hub.head < seq:
                if expired:
                    raise StoreUnavailable("the log cannot be read now")
                self._moved.clear()
                await self._moved.wait()
        finally:
            alarm.cancel()

    async def warm(self, head: int) -> None:
        """Fill the hub up to the store's head, before the relay runs. Raises `LogBroken`, `StoreUnavailable`."""
        self._sequencer.hint(head)
        while self._hub.head < head:
            await self._publish(await self._missing())

    async def run(self) -> None:
        """Hand on what comes, for ever. Raises `LogBroken`, which must end the process."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._sequencer.known > self._hub.head:
                self._check_fork()
                fresh = self._sequencer.take(after=self._hub.head)
                if fresh:
                    await self._publish(fresh)
                elif not await self._hole_closes():
                    await self._publish(await self._retry.read(self._missing) or ())

    def _check_fork(self) -> None:
        """Raise `LogBroken` if the log forked behind what was delivered here: other events have those seqs now."""
        if self._store.epoch == self._epoch:
            return
        end = self._store.lineage.ends_at(self._epoch)
        if end is None or end < self._hub.head:
            raise LogBroken(f"the log forked at {end}, but events up to {self._hub.head} were delivered here")
        self._epoch = self._store.epoch

    async def _publish(self, events: Sequence[Event]) -> None:
        for run in runs(events):
            self._hub.publish(run)
            self._moved.set()
            if self._sequencer.known > self._hub.head:
                await asyncio.sleep(0)

    async def _hole_closes(self) -> bool:
        """Give the bus a moment to bring what is missing; True if it did."""
        try:
            async with asyncio.timeout(self._hole_wait):
                while not self._sequencer.ready(after=self._hub.head):
                    await self._wake.wait()
                    self._wake.clear()
        except TimeoutError:
            return False
        return True

    async def _missing(self) -> Sequence[Event]:
        """Read what follows the hub's head; nothing if the log ends there. Raises `LogBroken`, `StoreUnavailable`."""
        head, said, durable = self._hub.head, self._sequencer.said, self.head  # as of a time before the reads
        if events := await self._after(head):
            return events
        newest = (await self._store.span()).head
        if newest > head:  # appended between the two reads, or else:
            if events := await self._after(head):
                return events
            raise LogBroken(f"the log is said to reach to {newest}, but has nothing after {head}")
        if newest < durable:
            raise LogBroken(f"the log ends at {newest}, but {durable} was committed")
        if said == self._sequencer.said:  # else there may be something since
            self._sequencer.retract(known=newest)
        return ()

    async def _after(self, head: int) -> Sequence[Event]:
        events = (await self._store.tail(after=head, limit=READ_EVENTS)).events
        if events and events[0].seq != head + 1:
            raise LogBroken(f"what follows {head} is not in the log: it goes on at {events[0].seq}")
        return events
