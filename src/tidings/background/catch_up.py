"""A few workers that bring every reader that is behind to the head: ten thousand reconnects are a queue."""

import asyncio

import msgspec

from tidings.domain.cursor import Cursor
from tidings.domain.errors import TidingsError
from tidings.domain.ports import Store
from tidings.hub.hub import Hub
from tidings.hub.readers import Reader

WORKERS = 4  # store pages under way at once
PAGE_EVENTS = 500  # read from the store for one reader at a time
YIELD_EVERY = 8  # readers served before yielding to the event loop


class CatchUp:
    """The only code that moves a reader along the log, other than the log's own growth."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There is a reader in `hub.catch_up_queue`."""
        self._wake.set()

    async def run(self, hub: Hub) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as workers:
            for _ in range(WORKERS):
                workers.create_task(self._work(hub))

    async def _work(self, hub: Hub) -> None:
        while True:
            await self._wake.wait()
            served = 0
            while hub.catch_up_queue:
                reader = hub.catch_up_queue.popleft()
                reader.in_queue = False
                try:
                    await self._serve(hub, reader)
                except TidingsError:
                    reader.sink.abort()  # the store cannot be read now: the client comes back with its cursor
                served += 1
                if served % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
            self._wake.clear()

    async def _serve(self, hub: Hub, reader: Reader) -> None:
        if hub.serve_from_ring(reader):
            return
        after, member = reader.position, reader.membership
        page = await self._store.read(
            member.user, follows=member.follows, extra=reader.extra, after=after, upto=hub.head, limit=PAGE_EVENTS
        )
        if page is not None:
            hub.serve_page(reader, page, after=after)
            return
        floor, _ = await self._store.span()
        floor = min(floor, hub.head)  # events that the hub has yet to get reach the reader through it
        frame = reset_frame(reader, Cursor(self._store.epoch, floor), reason="pruned")
        hub.serve_reset(reader, floor=floor, frame=frame)


def reset_frame(reader: Reader, cursor: Cursor, *, reason: str) -> bytes:
    """What a reader is told when its cursor cannot be served: why, and after which cursor it goes on."""
    return reader.encoding.control("reset", reset_data(cursor, reason=reason), id=str(cursor))


def reset_data(cursor: Cursor, *, reason: str) -> bytes:
    """The data of a `reset`."""
    return msgspec.json.encode({"reason": reason, "cursor": str(cursor)})
