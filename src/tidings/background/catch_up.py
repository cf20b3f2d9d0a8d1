"""A few workers that bring every reader that is behind to the head: ten thousand reconnects are a queue."""

import asyncio

import msgspec

from tidings.domain.cursor import Cursor
from tidings.domain.errors import TidingsError
from tidings.domain.ports import Store
from tidings.hub.hub import Hub
from tidings.hub.reader import Reader

WORKERS = 4  # store pages under way at once
PAGE = 500  # events
YIELD_EVERY = 8  # readers served from memory before the loop may do something else


class CatchUp:
    """The only code that moves a reader along the log, other than the log's own growth."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There is a reader in `hub.waiting`."""
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
            while hub.waiting:
                reader = hub.waiting.popleft()
                reader.queued = False
                try:
                    await self._serve(hub, reader)
                except TidingsError:
                    reader.sink.abort()  # the store cannot be read now: the client comes back with its cursor
                served += 1
                if served % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
            self._wake.clear()

    async def _serve(self, hub: Hub, reader: Reader) -> None:
        if hub.step(reader):
            return
        after, member = reader.position, reader.membership
        page = await self._store.read(
            member.user, follows=member.follows, extra=reader.extra, after=after, upto=hub.head, limit=PAGE
        )
        if page is not None:
            hub.page(reader, page, after=after)
            return
        floor, _ = await self._store.span()
        floor = min(floor, hub.head)  # what the hub has yet to hear of comes as it hears of it
        hub.reset(reader, floor=floor, frame=reset_frame(reader, Cursor(self._store.epoch, floor), reason="pruned"))


def reset_frame(reader: Reader, cursor: Cursor, *, reason: str) -> bytes:
    """What a reader is told when its cursor cannot be served: why, and after which cursor it goes on."""
    return reader.encoding.control("reset", reset_data(cursor, reason=reason), id=str(cursor))


def reset_data(cursor: Cursor, *, reason: str) -> bytes:
    """The data of a `reset`."""
    return msgspec.json.encode({"reason": reason, "cursor": str(cursor)})
