"""`tidings.App`: Tidings as a part of a FastAPI, Starlette or Django application."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Unpack

from tidings.app import Tidings, create_app
from tidings.auth.grants import Grant
from tidings.auth.origins import OriginPolicy
from tidings.auth.tickets import Tickets
from tidings.client._async.client import AsyncClient
from tidings.client._commands import Request
from tidings.client._sync.client import Client
from tidings.client.types import NewContent, Published, Recipients
from tidings.configuration import load
from tidings.domain.topics import parse_user
from tidings.embedding.clients import AsyncInProcessClient, InProcessClient
from tidings.embedding.exchange import AsgiApp, AsgiExchange
from tidings.embedding.host_identity import IN_PROCESS, HostIdentity, UserOf

_log = logging.getLogger("tidings")

Drain = Callable[[], None]
# Set by a server that can tell, when it stops, before it waits for streams to end (`tidings run`).
DRAINS: ContextVar[list[Drain] | None] = ContextVar("tidings_drains", default=None)


class App:
    """An ASGI application to mount, and its in-process clients.

        notifications = tidings.App(db="tidings.db", user=lambda request: request.session.get("user_id"))
        api = FastAPI(lifespan=notifications.lifespan)
        api.mount("/tidings", notifications)

        await notifications.publish(to={"user": 7}, title="Bob liked your post")

    `user` gets a Starlette HTTPConnection and returns the id of the user that the host's own login knows, or None; it
    may be a coroutine function. `settings` are those of `tidings.Settings`.

    Until its lifespan has run it answers 503 `not_open`; when a worker of its own dies, 503 `failed`.
    Raises InvalidSettings.
    """

    def __init__(self, *, db: str | Path, user: UserOf, **settings: Any) -> None:
        # The host is its own publisher: it needs no limit.
        own = {"mode": "serve", "secret": secrets.token_urlsafe(32), "publisher_writes": 0.0}
        chosen = {**own, "db": str(db), **settings}

        def identity(tickets: Tickets, origins: OriginPolicy) -> HostIdentity:
            return HostIdentity(user, tickets, origins=origins)

        self._tidings: Tidings = create_app(load(chosen, {}), on_fatal=self._fail, identity=identity)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: AsyncClient | None = None
        self._sync: Client | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI. A server's or a host's lifespan events open and close it."""
        if scope["type"] == "lifespan":
            await _serve_lifespan(self, receive, send)
        else:
            await self._tidings(scope, receive, send)

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """Open the services, and close them at the end of the block: the `lifespan=` of a host, or a part of its own.

        Raises `StoreTooNew`, `StoreUnavailable`.
        """
        async with self._tidings.opened():
            self._loop = asyncio.get_running_loop()
            if (drains := DRAINS.get()) is not None:
                drains.append(self._tidings.drain)
            try:
                yield
            finally:
                if self._client is not None:
                    await self._client.aclose()
                if self._sync is not None:
                    await asyncio.to_thread(self._sync.close)
                self._loop = self._client = self._sync = None

    @property
    def client(self) -> AsyncClient:
        """A client without a network, for any event loop. It may publish, and act for every user (`user=`)."""
        if self._client is None:
            self._client = AsyncInProcessClient(self)
        return self._client

    @property
    def sync(self) -> Client:
        """The same for any thread but that of the event loop."""
        if self._sync is None:
            self._sync = InProcessClient(self)
        return self._sync

    async def publish(
        self, *, to: Recipients, idempotency_key: str | None = None, **content: Unpack[NewContent]
    ) -> Published:
        """Publish a notification, as `Client.publish` does. Every other method is on `client` and `sync`."""
        return await self.client.publish(to=to, idempotency_key=idempotency_key, **content)

    def beside(self, other: AsgiApp, *, at: str) -> AsgiApp:
        """An ASGI application of both: this one at a path, the other for everything else.

        For hosts without a lifespan: `application = notifications.beside(get_asgi_application(), at="/tidings")`.
        """
        return Beside(self, other, at=at.rstrip("/"))

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that it runs on. Raises RuntimeError while it is not open."""
        if self._loop is None:
            raise RuntimeError("Tidings is not open: its lifespan has not run, see tidings.App.lifespan")
        return self._loop

    def begin(self, request: Request, user: str | None) -> AsgiExchange:
        """Begin an in-process request, on the loop."""
        grant = Grant(user=None if user is None else parse_user(user), publish=True, topics=None)
        return AsgiExchange(self._tidings.in_process, request, {IN_PROCESS: grant})

    def _fail(self) -> None:
        _log.critical("failed", extra={"detail": "a worker died; Tidings answers 503 until its application restarts"})
        self._tidings.fail()


class Beside:
    """Two applications by the path of a request; the lifespan is that of the first."""

    def __init__(self, app: App, other: AsgiApp, *, at: str) -> None:
        self._app, self._other, self._at = app, other, at

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        root = scope.get("root_path", "")
        path = scope["path"].removeprefix(root)
        if path == self._at or path.startswith(f"{self._at}/"):
            await self._app({**scope, "root_path": root + self._at}, receive, send)
        else:
            await self._other(scope, receive, send)


async def _serve_lifespan(app: App, receive: Any, send: Any) -> None:
    """ASGI specification 3.0, "Lifespan"."""
    await receive()
    opened = app.lifespan()
    try:
        await opened.__aenter__()
    except Exception as error:
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        raise
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await opened.__aexit__(None, None, None)
    await send({"type": "lifespan.shutdown.complete"})
