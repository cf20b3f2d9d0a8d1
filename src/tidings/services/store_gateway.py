"""Access to the store for the services: batched writes and look-ups, never ahead of the hub."""

from __future__ import annotations  # else those of a script are made anew with each call

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from tidings.background.batcher import Batcher
from tidings.background.bus_link import BusLink
from tidings.background.relay import Relay
from tidings.domain.cursor import Cursor
from tidings.domain.model import Feed
from tidings.domain.ports import Store
from tidings.domain.results import CountersAt
from tidings.domain.topics import User
from tidings.hub.hub import Hub
from tidings.settings import Settings
from tidings.store.transactions.counters import count
from tidings.store.transactions.follows import register_users
from tidings.store.transactions.inbox import Filter, InboxPage, page
from tidings.store.transactions.reading_states import if_user_exists
from tidings.store.transactions.transaction import Job, Read, Script, Snapshot

T = TypeVar("T")
Charge = Callable[[float, int], None]  # told the seconds of the writer and the bytes of events that a job took
TRANSACTION = 4000  # jobs in one transaction, at the most
LARGE = 100  # rows from which a job waits for smaller ones, and has a transaction without them
LOOKUP = 64  # feeds read in one snapshot, at the most: connects must not hold a reading thread for long

NEWEST = 1 << 62  # a place after every other


class WaitingJob(NamedTuple):
    """A job that waits for its transaction."""

    job: Job[Any]
    rows: int
    charge: Charge | None


class StoreGateway:
    """Batches the writes and look-ups of the services, and waits for the hub where a result must not be ahead of it."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        hub: Hub,
        relay: Relay,
        link: BusLink,
        clock: Callable[[], int],
    ) -> None:
        self.settings = settings
        self.store = store
        self.hub = hub
        self.clock = clock  # milliseconds since 1970
        self.leaving = False  # the server stops soon: it says so to those who choose a server
        self.draining = False  # it ends its streams, and opens no more
        self.relay = relay
        self.link = link
        self._committed = 0  # the newest event that was written here
        self.writer_seconds = 0.0  # for which the writer was held
        self._writer: Batcher[WaitingJob] = Batcher(self._transact, most=TRANSACTION, large=LARGE)
        self._feeds: Batcher[User] = Batcher(self._lookup, most=LOOKUP)
        self._arrivals: Batcher[User] = Batcher(self._arrive, most=LOOKUP)

    async def write(self, job: Job[T], *, rows: int = 1, charge: Charge | None = None) -> T:
        """Run a job in the next transaction for its size; it is durable on return. Raises what the job raises.

        `rows`: how many it writes, about. `charge` is told what it cost: of the writer's time its share by rows.
        """
        result: T = await self._writer(WaitingJob(job, rows, charge), weight=rows)
        return result

    async def query(self, script: Read[T]) -> T:
        """Run a script that only reads, in one snapshot."""
        result: T = await self.store.query(script)
        return result

    def cursor(self, seq: int) -> Cursor:
        """The cursor after an event of the log, as the log is now."""
        return self.store.lineage.cursor(seq)

    async def feed(self, user: User) -> Feed:
        """The feed of a user, no newer than the hub. Creates the user's row on first use."""
        while True:
            feed: Feed = await self._feeds(user) or await self._arrivals(user)
            await self.relay.reached(feed.head)
            if self.hub.ring.covers(feed.head):
                return feed

    def known_feed(self, user: User) -> Feed | None:
        """The feed of a user, if the hub knows it and has everything that was committed here.

        It serves a start that the ring covers: its floor is that of the ring.
        """
        return self.hub.memberships.feed(user) if self.hub.head >= self._committed else None

    async def settled(self) -> None:
        """Wait until the hub has what was committed here, so that a publisher reads its own writes."""
        if self.hub.head < self._committed:
            await self.relay.reached(self._committed)

    async def inbox(self, user: User, filter: Filter, *, before: int, limit: int) -> InboxPage:
        """A page of a user's items that are placed before a position, newest first."""
        return await self._of(user, page(user, filter, before=before, limit=limit))

    async def counters(self, user: User) -> CountersAt:
        """A user's counters."""

        def script(snapshot: Snapshot) -> Script[CountersAt]:
            counters = yield from count(user, cap=snapshot.cap)
            return CountersAt.of(counters, snapshot.cursor(snapshot.head))

        return await self._of(user, script)

    async def _of(self, user: User, script: Read[T]) -> T:
        """The result of a script about a user. Creates the user's row on first use."""
        while (found := await self.query(if_user_exists(user, script))) is None:
            await self._arrivals(user)
        return found

    async def idle(self) -> None:
        """Wait until everything that was accepted is committed."""
        await self._writer.idle()

    async def _transact(self, waiting: Sequence[WaitingJob]) -> Sequence[Any]:
        done = await self.store.transact([each.job for each in waiting])
        self.writer_seconds += done.seconds
        second = done.seconds / (sum([each.rows for each in waiting]) or 1)  # a row
        for index, each in enumerate(waiting):
            if each.charge is not None:
                each.charge(each.rows * second, done.sizes.get(index, 0))
        if done.events:
            self._committed = done.events[-1].seq
        # The batcher resolves the publishers' futures in this step of the loop, so they are answered before this call
        # wakes the relay: a publisher does not wait for readers (law 9).
        asyncio.get_running_loop().call_soon(self.link.committed, done.events)
        return done.results

    async def _lookup(self, users: Sequence[User]) -> Sequence[Feed | None]:
        return await self.store.feeds(users)

    async def _arrive(self, users: Sequence[User]) -> Sequence[Feed | None]:
        return await self.write(register_users(users))
