"""The clients of an application in this process: the same methods, programs and errors, without a network."""

import asyncio
import concurrent.futures
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs, urlsplit

from tidings.client._async.client import AsyncClient
from tidings.client._async.executor import AsyncExecutor
from tidings.client._async.io import AsyncClientOperation
from tidings.client._commands import Open, Request, Response, Send
from tidings.client._exceptions import ConnectionLost
from tidings.client._sync.client import Client
from tidings.client._sync.executor import Executor
from tidings.client._sync.io import ClientOperation
from tidings.client.types import UserId
from tidings.embedding.exchange import AsgiExchange

T = TypeVar("T")

URL = "http://in-process.invalid"


class InProcess(Protocol):
    """An application and the event loop that it runs on."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Raises RuntimeError while the application is not open."""

    def begin(self, request: Request, user: str | None) -> AsgiExchange:
        """Begin a request of a user, or of none; it may publish. On the loop."""


class AsyncInProcessClient(AsyncClient):
    """An AsyncClient of an application in this process. It may be used on any event loop."""

    def __init__(self, app: InProcess, *, user: UserId | None = None) -> None:
        super().__init__(URL, user=user, retries=0)
        self._app = app

    def _executor(self, operation: AsyncClientOperation) -> AsyncExecutor:
        return _AsyncInProcessExecutor(self._http, self._tokens, operation, app=self._app)

    _stream_executor = _executor


class InProcessClient(Client):
    """A Client of an application in this process, for any thread but that of the application's event loop."""

    def __init__(self, app: InProcess, *, user: UserId | None = None) -> None:
        super().__init__(URL, user=user, retries=0)
        self._app = app

    def _executor(self, operation: ClientOperation) -> Executor:
        return _InProcessExecutor(self._http, self._tokens, operation, app=self._app)

    _stream_executor = _executor


class _AsyncInProcessExecutor(AsyncExecutor):
    def __init__(self, *rest: Any, app: InProcess) -> None:
        super().__init__(*rest)
        self._app = app

    async def _send(self, command: Send) -> Response:
        return await _elsewhere(self._app, _answer(self._app, command))

    async def _open_sse(self, command: Open) -> Response:
        exchange, response = await _elsewhere(self._app, _opened(self._app, command))
        if response.status == 200:
            self._hold(_AsyncChannel(self._app, exchange))
        return response

    async def _open_websocket(self, command: Open) -> Response:
        return Response(status=501, headers={})


class _InProcessExecutor(Executor):
    def __init__(self, *rest: Any, app: InProcess) -> None:
        super().__init__(*rest)
        self._app = app

    def _send(self, command: Send) -> Response:
        return _wait(self._app, _answer(self._app, command))

    def _open_sse(self, command: Open) -> Response:
        exchange, response = _wait(self._app, _opened(self._app, command))
        if response.status == 200:
            self._hold(_Channel(self._app, exchange))
        return response

    def _open_websocket(self, command: Open) -> Response:
        return Response(status=501, headers={})


class _AsyncChannel:
    """A stream's body, read from any event loop."""

    def __init__(self, app: InProcess, exchange: AsgiExchange) -> None:
        self._app, self._exchange = app, exchange

    async def read(self, within: float) -> bytes:
        async with asyncio.timeout(within):
            return await _elsewhere(self._app, self._exchange.read())

    async def probe(self, within: float) -> bool:
        return False

    def interrupt(self) -> None:
        """Do nothing: the task that reads is cancelled."""

    async def aclose(self) -> None:
        await _elsewhere(self._app, self._exchange.close())


class _Channel:
    """A stream's body, read by a thread."""

    def __init__(self, app: InProcess, exchange: AsgiExchange) -> None:
        self._app, self._exchange = app, exchange
        self._reading: concurrent.futures.Future[bytes] | None = None
        self._interrupted = False

    def read(self, within: float) -> bytes:
        self._reading = asyncio.run_coroutine_threadsafe(self._exchange.read(), self._app.loop)
        if self._interrupted:  # before there was anything to cancel
            self._reading.cancel()
        try:
            return self._reading.result(within)
        except concurrent.futures.CancelledError as error:
            raise ConnectionLost("the stream was closed") from error
        finally:
            self._reading.cancel()

    def probe(self, within: float) -> bool:
        return False

    def interrupt(self) -> None:
        self._interrupted = True
        if (reading := self._reading) is not None:
            reading.cancel()

    def close(self) -> None:
        _wait(self._app, self._exchange.close())


async def _answer(app: InProcess, command: Send) -> Response:
    exchange = app.begin(command.request, _user(command.request))
    try:
        async with asyncio.timeout(command.within):
            return await exchange.whole()
    finally:
        await exchange.close()


async def _opened(app: InProcess, command: Open) -> tuple[AsgiExchange, Response]:
    exchange = app.begin(command.request, _user(command.request))
    try:
        async with asyncio.timeout(command.within):
            response = await exchange.head()
            if response.status == 200:
                return exchange, response
            response = await exchange.whole()
    except BaseException:
        await exchange.close()
        raise
    await exchange.close()
    return exchange, response


def _user(request: Request) -> str | None:
    """The user that a program asks as: the client's, or that of the call."""
    return parse_qs(urlsplit(request.url).query).get("user", [None])[-1]


async def _elsewhere(app: InProcess, work: Coroutine[Any, Any, T]) -> T:
    """The result of work on the application's event loop."""
    loop = _loop(app, work)
    if loop is asyncio.get_running_loop():
        return await work
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))


def _wait(app: InProcess, work: Coroutine[Any, Any, T]) -> T:
    """The same, for a thread that waits. Raises RuntimeError on the loop's own thread, which would wait for itself."""
    loop = _loop(app, work)
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        running = None
    if running is loop:
        work.close()
        raise RuntimeError("this would block the event loop that Tidings runs on: await the asynchronous client here")
    return asyncio.run_coroutine_threadsafe(work, loop).result()


def _loop(app: InProcess, work: Coroutine[Any, Any, Any]) -> asyncio.AbstractEventLoop:
    try:
        return app.loop
    except RuntimeError as error:
        work.close()
        raise ConnectionLost(str(error)) from error
