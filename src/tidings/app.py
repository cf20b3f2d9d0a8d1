"""The composition root: the whole machine on one page, and the only file that names a concrete store."""

import asyncio
import logging
import os
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
from starlette.routing import BaseRoute

from tidings.api import inbox, ops, poll, publish, seed, stream, ws
from tidings.api.assets import Client
from tidings.api.cors import Cors
from tidings.api.door import Door
from tidings.api.http import Table, not_found
from tidings.auth.identity import DevIdentity, TokenIdentity
from tidings.auth.tickets import Tickets
from tidings.hub.hub import Hub
from tidings.hub.ring import SLOTS, Ring
from tidings.service.catchup import CatchUp
from tidings.service.desk import Desk
from tidings.service.export import Exporter
from tidings.service.keeper import Keeper
from tidings.service.relay import Relay
from tidings.service.wheel import Wheel
from tidings.settings import Settings
from tidings.store.sqlite import SqliteStore

_log = logging.getLogger("tidings")

Pages = Callable[[Client], Sequence[BaseRoute]]  # routes of pages that show this client


class Tidings:
    """The ASGI application: CORS around a router, and nothing between them (every layer wraps every `send`)."""

    def __init__(self, settings: Settings, *, pages: Pages, on_fatal: Callable[[], None]) -> None:
        self._settings = settings
        self._pages = pages
        self._on_fatal = on_fatal
        self._desk: Desk | None = None
        self._router = Table(lifespan=self.opened, default=not_found, redirect_slashes=False)
        self._app = Cors(self._router, settings)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)

    @asynccontextmanager
    async def opened(self, _: object = None) -> AsyncIterator[None]:
        """The house is open. (Others ask for it by the lifespan protocol.) Raises `StoreTooNew`, `StoreUnavailable`."""
        async with open_house(self._settings, on_fatal=self._on_fatal) as (desk, routes):
            client = Client.shipped()
            self._router.hold([*routes, *client.routes(), *self._pages(client)])
            self._desk = desk
            yield

    def say_goodbye(self) -> None:
        """Ask every stream to come back a little later, each at a time of its own, and close it. No more are opened."""
        if self._desk is not None:
            say_goodbye(self._desk)


def create_app(
    settings: Settings, *, pages: Pages = lambda _: (), on_fatal: Callable[[], None] = lambda: os._exit(70)
) -> Tidings:
    """The application. `on_fatal` is called when the relay or another worker is dead: it must end the process."""
    return Tidings(settings, pages=pages, on_fatal=on_fatal)


@asynccontextmanager
async def open_house(
    settings: Settings, *, on_fatal: Callable[[], None]
) -> AsyncIterator[tuple[Desk, list[BaseRoute]]]:
    """Store, hub, relay and their workers, opened in order and closed in the other."""
    async with AsyncExitStack() as stack:
        store = await SqliteStore.open(settings.db, cap=settings.counter_cap)
        stack.push_async_callback(store.close)
        floor, head = await store.span()

        catchup = CatchUp(store)
        hub = Hub(Ring(head=max(floor, head - SLOTS)), on_work=catchup.wake)
        relay = Relay(store, hub)
        desk = Desk(settings=settings, store=store, hub=hub, relay=relay, clock=lambda: time.time_ns() // 1_000_000)
        wheel = Wheel(hub, heartbeat=settings.heartbeat, clock=time.monotonic, today=time.time)

        folder = settings.exports or settings.db.with_name(f"{settings.db.stem}-exports")
        exporter = Exporter(desk, folder, make=lambda: secrets.token_urlsafe(12))

        workers = [relay.run(), catchup.run(hub), wheel.run(), Keeper(desk, relay, exporter).run()]
        for worker in workers:
            task = asyncio.create_task(worker)
            task.add_done_callback(lambda task: _died(task, on_fatal))
            stack.push_async_callback(_stop, task)
        await relay.reached(head)  # the ring is warm before the first reader comes back

        tickets = Tickets(make=secrets.token_urlsafe, clock=time.monotonic)
        dev = settings.mode == "dev"
        door = Door(desk, DevIdentity(tickets) if dev else TokenIdentity(tickets, secret=settings.secret), trusting=dev)
        routes: list[BaseRoute] = [
            *poll.routes(door, wheel), *stream.routes(door, wheel), *ws.routes(door, wheel), *publish.routes(door),
            *inbox.routes(door, tickets), *ops.routes(door),
        ]  # fmt: skip
        if settings.seed:
            await exporter.recover()
            stack.push_async_callback(exporter.close)
            routes += seed.routes(door, wheel, exporter)
        stack.push_async_callback(desk.idle)
        yield desk, routes
        say_goodbye(desk)


def say_goodbye(desk: Desk) -> None:
    """The server stops: each stream is told when to come back, and closed."""
    desk.draining = True
    for reader in desk.hub.readers():
        retry = random.randint(desk.settings.retry // 4, desk.settings.retry * 2)
        data = msgspec.json.encode({"reason": "shutdown", "retry": retry})
        if reader.writable:
            reader.sink.write(reader.encoding.control("goaway", data, retry=retry))
            reader.sink.close()
        else:
            reader.sink.abort()


def _died(task: asyncio.Task[None], on_fatal: Callable[[], None]) -> None:
    if not task.cancelled():
        _log.critical("worker_died", exc_info=task.exception())
        on_fatal()


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
