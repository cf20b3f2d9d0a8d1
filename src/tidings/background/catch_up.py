"""Catch-up: brings every reader that is behind to the head. Ten thousand reconnects are a queue."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from tidings.background.replay_lane import ReplayLane
from tidings.background.store_retry import StoreRetry
from tidings.domain.cursor import Cursor
from tidings.domain.model import Event
from tidings.domain.ports import Store
from tidings.domain.topics import User
from tidings.hub.hub import Hub
from tidings.hub.readers import Reader

STORE_WORKERS = 4  # readers that read the store, or wait for a place in the lane, at once
PAGE_EVENTS = 500  # read from the store for one reader at a time
YIELD_EVERY = 8  # readers served from the ring before yielding to the event loop


class CatchUp:
    """The only code that moves a reader along the log, other than the log's own growth.

    One worker serves readers from the ring, a few read the store for the rest, so neither a slow store nor one that is
    away holds up a reader that the ring reaches back to.
    """

    def __init__(
        self,
        store: Store,
        *,
        retry: StoreRetry,
        lane: ReplayLane,
        charge: Callable[[User, Sequence[Event]], None] = lambda *_: None,
    ) -> None:
        """`charge` is told of each page that was read from the store for a user. `lane` is shared with polls."""
        self._store = store
        self._lane = lane
        self._charge = charge
        self._retry = retry
        self._wake = asyncio.Event()
        self._store_wake = asyncio.Event()

    def wake(self) -> None:
        """Note that there is a reader in `hub.catch_up_queue`."""
        self._wake.set()

    async def run(self, hub: Hub) -> None:
        """Serve readers, for ever."""
        async with asyncio.TaskGroup() as workers:
            workers.create_task(self._serve_from_ring(hub))
            for _ in range(STORE_WORKERS):
                workers.create_task(self._serve_from_store(hub))

    async def _serve_from_ring(self, hub: Hub) -> None:
        while True:
            await self._wake.wait()
            served = 0
            while hub.catch_up_queue:
                reader = hub.catch_up_queue.popleft()
                reader.in_queue = False
                if not hub.serve_from_ring(reader):
                    reader.in_queue = True
                    hub.store_queue.append(reader)
                    self._store_wake.set()
                served += 1
                if served % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
            self._wake.clear()

    async def _serve_from_store(self, hub: Hub) -> None:
        while True:
            await self._store_wake.wait()
            while hub.store_queue:
                reader = hub.store_queue.popleft()
                reader.in_queue = False
                await self._retry.read(partial(self._replay, hub, reader), wanted=reader.ready_for_catch_up)
            self._store_wake.clear()

    async def _replay(self, hub: Hub, reader: Reader) -> None:
        async with self._lane.place():
            if reader.ready_for_catch_up():
                await self._page(hub, reader)

    async def _page(self, hub: Hub, reader: Reader) -> None:
        after, membership = reader.position, reader.membership
        page = await self._store.read(
            membership.user,
            follows=membership.follows,
            extra=reader.extra,
            after=after,
            through=hub.head,
            limit=PAGE_EVENTS,
        )
        if page is not None:
            self._charge(membership.user, page.events)
            hub.serve_page(reader, page, after=after)
            return
        floor = (await self._store.span()).floor
        floor = min(floor, hub.head)  # events that the hub has yet to get reach the reader through it
        frame = reset_frame(reader, self._store.lineage.cursor(floor), reason="pruned")
        hub.serve_reset(reader, floor=floor, frame=frame)


def reset_frame(reader: Reader, cursor: Cursor, *, reason: str) -> bytes:
    """The `reset` event of a reader whose cursor cannot be served: the reason, and the cursor it goes on after."""
    return reader.encoding.control("reset", reset_data(cursor, reason=reason), id=str(cursor))


def reset_data(cursor: Cursor, *, reason: str) -> bytes:
    """The data of a `reset`."""
    return msgspec.json.encode({"reason": reason, "cursor": str(cursor)})
