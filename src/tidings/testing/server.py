"""The server in a thread of this process, on a database of its own."""

import asyncio
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tidings.app import Tidings, create_app
from tidings.client._async.client import AsyncClient
from tidings.client._commands import Request
from tidings.client._sync.client import Client
from tidings.client.types import Event, Notification, UserId
from tidings.embedding.clients import AsyncInProcessClient, InProcessClient
from tidings.embedding.exchange import AsgiExchange
from tidings.settings import Settings


class InMemoryServer:
    """The real application, as `tidings dev` runs it, and clients that need no socket to talk to it.

    A context manager; `open` and `close` do the same. `settings` are those of `tidings.Settings`. The database is a
    file in a temporary folder that goes with the server.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._app: Tidings | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._clients: list[Client] = []
        self._client: Client | None = None

    def open(self) -> Self:
        """Start the server. Raises what opening the application raises."""
        ready = threading.Event()
        self._folder = tempfile.TemporaryDirectory(prefix="tidings-test-")
        failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, args=(ready, failed), name="tidings-test", daemon=True)
        self._thread.start()
        ready.wait()
        if failed:
            self.close()
            raise failed[0]
        self._client = self.client()
        return self

    def close(self) -> None:
        """End the server and its blocking clients, and remove the database."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join()
        if self._folder is not None:
            self._folder.cleanup()
        self._loop = self._thread = self._folder = self._client = None

    def client(self, *, user: UserId | None = None) -> Client:
        """A blocking client of this server: give it to the code under test. It is closed with the server."""
        client = InProcessClient(self, user=user)
        self._clients.append(client)
        return client

    def async_client(self, *, user: UserId | None = None) -> AsyncClient:
        """An asynchronous client of this server, for any event loop."""
        return AsyncInProcessClient(self, user=user)

    def notifications(self, user: UserId) -> list[Notification]:
        """The notifications in a user's inbox, newest first."""
        return list(self._own_client().inbox(user=user))

    def events(self, user: UserId, count: int) -> list[Event]:
        """The first events of a user's stream since the server was opened; waits until there are that many."""
        stream = self._own_client().stream(user=user, cursor="start", transports="sse")
        with stream:
            return [next(stream) for _ in range(count)]

    def assert_notified(self, user: UserId, **fields: Any) -> Notification:
        """The newest notification of a user whose fields have these values. Raises AssertionError, which shows the
        inbox, if there is none.
        """
        inbox = self.notifications(user)
        for notification in inbox:
            if _matches(notification, fields):
                return notification
        raise AssertionError(f"{user!r} was not notified of {fields}; the inbox: {_shown(inbox)}")

    def assert_not_notified(self, user: UserId, **fields: Any) -> None:
        """Raise AssertionError if a notification of a user has these values in its fields."""
        for notification in self.notifications(user):
            if _matches(notification, fields):
                raise AssertionError(f"{user!r} was notified: {_shown([notification])}")

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that the server runs on. Raises RuntimeError while it is not open."""
        if self._loop is None:
            raise RuntimeError("the server is not open: with InMemoryServer() as server: ...")
        return self._loop

    def begin(self, request: Request, user: str | None) -> AsgiExchange:
        """Begin an in-process request, on the loop. The server believes the request's `user`, as `tidings dev` does."""
        assert self._app is not None
        return AsgiExchange(self._app.in_process, request, {})

    def _fail(self) -> None:
        if self._app is not None:
            self._app.fail()

    def _own_client(self) -> Client:
        if self._client is None:
            raise RuntimeError("the server is not open: with InMemoryServer() as server: ...")
        return self._client

    def _run(self, ready: threading.Event, failed: list[BaseException]) -> None:
        try:
            asyncio.run(self._serve(ready.set))
        except BaseException as error:
            failed.append(error)
            ready.set()

    async def _serve(self, on_ready: Callable[[], None]) -> None:
        assert self._folder is not None
        settings = Settings(mode="dev", db=Path(self._folder.name) / "tidings.db", **self._settings)
        self._stop = asyncio.Event()
        self._app = create_app(settings, on_fatal=self._fail)
        async with self._app.opened():
            self._loop = asyncio.get_running_loop()
            on_ready()
            await self._stop.wait()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _matches(notification: Notification, fields: dict[str, Any]) -> bool:
    return all(notification.get(name) == value for name, value in fields.items())


def _shown(inbox: list[Notification]) -> str:
    return repr([{name: one[name] for name in ("type", "title", "body", "data") if name in one} for one in inbox])
