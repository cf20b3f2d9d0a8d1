"""The application: ASGI around the open services, refusals until they are open and after a failure, the drain."""

import logging
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.routing import BaseRoute

from tidings.api.about import about
from tidings.api.assets import ClientModules
from tidings.api.cors import Cors, Fields
from tidings.api.http import PathRouter, not_found, problem
from tidings.api.immediate import ImmediateStreams
from tidings.api.metrics import ConnectionCounts
from tidings.api.ws import reject
from tidings.auth.hosts import HostAllowlist
from tidings.background.drain import Drain
from tidings.composition import MakeIdentity, open_services, origin_policy
from tidings.domain.errors import Failed, NotOpen, TidingsError
from tidings.services.store_gateway import StoreGateway
from tidings.settings import Settings, WorkerPlace
from tidings.transports.stream import EventStream

_log = logging.getLogger("tidings")

_NOT_OPEN = (
    "Tidings is mounted and its lifespan has not run: pass `lifespan=app.lifespan` to the host (or run it in the "
    "host's own), and do not start the server with its lifespan switched off"
)

Pages = Callable[[ClientModules], Sequence[BaseRoute]]  # routes of pages that show this client


class Tidings:
    """The ASGI application: CORS around a router, and nothing between them (every layer wraps every `send`)."""

    def __init__(
        self,
        settings: Settings,
        *,
        pages: Pages,
        on_fatal: Callable[[], None],
        identity: MakeIdentity | None,
        place: WorkerPlace | None,
    ) -> None:
        self.connection_counts: ConnectionCounts | None = None  # of the server, if it is ours
        self._settings = settings
        self._place = place
        self._pages = pages
        self._on_fatal = on_fatal
        self._identity = identity
        self._failed = False
        self._told_not_open = False
        self._gateway: StoreGateway | None = None
        self._drain: Drain | None = None
        self._router = PathRouter(lifespan=self.opened, default=not_found, redirect_slashes=False)
        hosts = HostAllowlist(settings.hosts, loopback_only=settings.mode == "dev")
        self._app = Cors(self._router, settings, origins=origin_policy(settings), hosts=hosts)
        self._immediate: ImmediateStreams | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._gateway is None and scope["type"] != "lifespan":
            await self._refuse(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def in_process(self, scope: Any, receive: Any, send: Any) -> None:
        """A request that came by no network: no host and no origin is checked."""
        if self._gateway is None:
            await self._refuse(scope, receive, send)
        else:
            await self._router(scope, receive, send)

    def open_stream(self, scope: Any) -> tuple[EventStream, Fields] | None:
        """The stream that a request asks for and the fields of its response, if it can be opened at once.

        None, and nothing has happened, if the application has to be called.
        """
        return None if self._immediate is None or self._gateway is None else self._immediate.open(scope)

    @asynccontextmanager
    async def opened(self, _: object = None) -> AsyncIterator[None]:
        """Open the services. Raises `StoreTooNew`, `StoreUnavailable`."""
        _log.info("starting", extra=self._settings.masked())
        opening = open_services(
            self._settings,
            on_fatal=self._on_fatal,
            identity=self._identity,
            place=self._place,
            connection_counts=lambda: self.connection_counts,
        )
        async with opening as services:
            client = ClientModules.shipped()
            self._router.set_routes([*services.routes, *client.routes(), *self._pages(client)])
            self._immediate = ImmediateStreams(services.api, self._app)
            self._drain = services.drain
            self._gateway = gateway = services.gateway
            _log.info("open", extra={"epoch": gateway.store.epoch, "head": gateway.hub.head})
            try:
                yield
            finally:
                self._gateway = None
        _log.info("stopped")

    def fail(self) -> None:
        """Close every stream and answer 503 `failed` from now on."""
        self.drain()
        self._failed, self._gateway = True, None

    async def _refuse(self, scope: Any, receive: Any, send: Any) -> None:
        error: TidingsError
        if self._failed:
            error = Failed("a part of Tidings ended that it cannot be without; its log says which")
        else:
            error = NotOpen(_NOT_OPEN)
            if not self._told_not_open:
                self._told_not_open = True
                _log.warning("not_open: %s", _NOT_OPEN)  # a host that set no log up prints the message alone
        if scope["type"] == "websocket":
            await receive()
            await reject(error, scope, receive, send)
        else:
            await problem(error, root=scope.get("root_path", ""))(scope, receive, send)

    def prepare_drain(self) -> None:
        """Be unready from now on, and do everything as before: so that no more is sent here before streams end."""
        if self._gateway is not None and not self._gateway.leaving:
            self._gateway.leaving = True
            _log.info("leaving", extra={"streams": self._gateway.hub.open.total()})

    def drain(self, share: float | None = None) -> None:
        """Ask streams to come back a little later, each at a time of its own, and close them. No more are opened.

        `share`: of those that were open at the first call, how many are closed by now; None: all that are open.
        """
        if self._gateway is None or self._drain is None:
            return
        if not self._gateway.draining:
            _log.info("draining", extra={"streams": self._gateway.hub.open.total()})
        self._gateway.leaving = self._gateway.draining = True
        if share is None:
            self._drain.end_all()
        else:
            self._drain.end(share)

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """The routes that are served while it is open."""
        return self._router.routes

    @property
    def streams(self) -> int:
        """The number of streams that are open."""
        return 0 if self._gateway is None else self._gateway.hub.open.total()


def create_app(
    settings: Settings,
    *,
    pages: Pages = about,
    on_fatal: Callable[[], None] = lambda: os._exit(70),
    identity: MakeIdentity | None = None,
    place: WorkerPlace | None = None,
) -> Tidings:
    """The application.

    `on_fatal` is called when the relay or another worker is dead: it must end the process, or call `Tidings.fail`.
    `identity` tells who is calling in place of what the mode says. `place` is that of one worker of several.
    """
    return Tidings(settings, pages=pages, on_fatal=on_fatal, identity=identity, place=place)
