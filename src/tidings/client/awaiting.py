"""The asynchronous shell: does what a program asks, on the running asyncio loop."""

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tidings.client.calls import Listing
from tidings.client.commands import (
    Answer,
    Asking,
    Close,
    Command,
    Emit,
    Open,
    Probe,
    Program,
    Read,
    Send,
    Sleep,
    Tell,
    Token,
)
from tidings.client.exchange import Server, items, pages
from tidings.client.facts import Event, Page, Status
from tidings.client.links import (
    FAILURES,
    TOKEN_WITHIN,
    WEBSOCKET_OPTIONS,
    answer_of,
    endless,
    lost,
    no_token,
    patience,
    refused_handshake,
    websocket_url,
)
from tidings.client.listening import Listening, StreamView
from tidings.client.lost import Lost

T = TypeVar("T")

AsyncTokenSource = str | Callable[[], str | None | Awaitable[str | None]] | None


class AsyncLink(Protocol):
    """One open stream."""

    async def read(self, within: float) -> bytes: ...
    async def probe(self, within: float) -> bool: ...
    async def close(self) -> None: ...


class AsyncSseLink:
    """The body of an answer that does not end."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self._chunks = response.aiter_bytes()

    async def read(self, within: float) -> bytes:
        """The next bytes. Raises TimeoutError."""
        async with asyncio.timeout(within):
            return await anext(self._chunks, b"")

    async def probe(self, within: float) -> bool:
        """Nothing can be asked of a stream that goes one way."""
        return False

    async def close(self) -> None:
        """Close the connection."""
        await self._chunks.aclose()
        await self._response.aclose()


class AsyncWsLink:
    """A WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def read(self, within: float) -> bytes:
        """The next message. Raises TimeoutError."""
        async with asyncio.timeout(within):
            return await self._connection.recv(decode=False)

    async def probe(self, within: float) -> bool:
        """Ping; is there a pong?"""
        pong = await self._connection.ping()
        try:
            async with asyncio.timeout(within):
                await pong
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Say goodbye and close."""
        await self._connection.close()


class AsyncTokens:
    """The token in use, and where another one comes from."""

    def __init__(self, source: AsyncTokenSource) -> None:
        self._source, self._lock = source, asyncio.Lock()
        self._current: str | None = source if isinstance(source, str) else None

    async def get(self, instead_of: str | None) -> str | None:
        """The token; fetched if there is none yet, or if it is the one to be replaced. Raises what the source does."""
        if not callable(self._source):
            return self._current
        # Many streams may be refused at once: one fetches for all.
        async with asyncio.timeout(TOKEN_WITHIN), self._lock:
            if self._current is None or self._current == instead_of:
                token = self._source()
                self._current = await token if inspect.isawaitable(token) else token
            return self._current


class AsyncWire:
    """Does the commands of one program; holds the one stream it may have open."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        tokens: AsyncTokens,
        on_status: Callable[[Status], None] | None = None,
    ) -> None:
        self._http, self._tokens, self._on_status = http, tokens, on_status
        self._link: AsyncLink | None = None
        self.loop: asyncio.AbstractEventLoop | None = None  # that it was used on

    async def perform(self, command: Command) -> object:
        """The result of a command; a failed connection is a result too."""
        self.loop = asyncio.get_running_loop()
        if isinstance(command, Tell):  # what the caller's function raises is the caller's
            return self._on_status(command.status) if self._on_status else None
        try:
            return await self._perform(command)
        except FAILURES as error:
            return lost(error)
        except Lost as error:
            return error

    async def _perform(self, command: Command) -> object:
        match command:
            case Read(within):
                return await self._open_link.read(within)
            case Send():
                return await self._send(command)
            case Open(how="sse"):
                return await self._open_sse(command)
            case Open():
                return await self._open_ws(command)
            case Probe(within):
                return await self._open_link.probe(within)
            case Close():
                await self.hang_up()
            case Sleep(seconds):
                await asyncio.sleep(seconds)
            case Token(instead_of):
                return await self._token(instead_of)
        return None

    async def _token(self, instead_of: str | None) -> str | None:
        try:
            return await self._tokens.get(instead_of)
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            raise no_token(error) from error  # the source's own
        except Exception as error:
            raise no_token(error) from error

    @property
    def _open_link(self) -> AsyncLink:
        if self._link is None:
            raise Lost("the connection is closed")
        return self._link

    async def _send(self, command: Send) -> Answer:
        response = await self._http.send(self._request(command))
        return answer_of(response.status_code, response.headers, response.content)

    async def _open_sse(self, command: Open) -> Answer:
        request = self._request(command)
        response = await self._http.send(request, stream=True)
        if response.status_code != 200:
            async with contextlib.aclosing(response):
                return answer_of(response.status_code, response.headers, await response.aread())
        endless(request)
        self._link = AsyncSseLink(response)
        return answer_of(response.status_code, response.headers)

    async def _open_ws(self, command: Open) -> Answer:
        try:
            connection = await connect(
                websocket_url(command.request),
                additional_headers=command.request.headers,
                open_timeout=command.within,
                **WEBSOCKET_OPTIONS,
            )
        except InvalidStatus as error:
            return refused_handshake(error)
        self._link = AsyncWsLink(connection)
        return Answer(status=101, headers={})

    def _request(self, command: Send | Open) -> httpx2.Request:
        request = command.request
        return self._http.build_request(
            request.method,
            request.url,
            headers=request.headers,
            content=request.body,
            timeout=patience(command.within),
        )

    async def hang_up(self) -> None:
        """Close the stream, if one is open."""
        link, self._link = self._link, None
        if link is not None:
            with contextlib.suppress(*FAILURES):
                await link.close()


class AsyncDrive(Generic[T]):
    """What a program emits, one by one."""

    def __init__(self, program: Program[Any], wire: AsyncWire) -> None:
        self._wire, self._asking = wire, Asking(program)
        self._handed = False  # the item of the command that is waiting
        self._busy = False
        # A step is a task of its own, so that a caller who gives up waiting for an event
        # (`asyncio.timeout`) does not tear the connection down with it.
        self._step: asyncio.Task[object] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        if self._busy:
            raise RuntimeError("two tasks iterate over the same thing")
        self._busy = True
        try:
            return await self._advance()
        finally:
            self._busy = False

    async def _advance(self) -> T:
        while (command := self._asking.command) is not None:
            if not isinstance(command, Emit):
                await self._do(command)
            elif self._handed:
                self._handed = False
                self._asking.answer(None)
            else:
                self._handed = True
                item: T = command.item
                return item
        raise StopAsyncIteration

    async def _do(self, command: Command) -> None:
        if self._step is None:
            self._step = asyncio.ensure_future(self._wire.perform(command))
        step = self._step
        await asyncio.wait([step])
        self._step = None
        if not step.cancelled():  # else closed meanwhile, by another task
            try:
                self._asking.answer(step.result())
            finally:
                if self._asking.command is None:
                    await self._wire.hang_up()

    async def aclose(self) -> None:
        """End it, from any task; the iteration stops."""
        self._asking.abandon()
        if self._step is not None:
            self._step.cancel()
            await asyncio.gather(self._step, return_exceptions=True)
        await self._wire.hang_up()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


class AsyncStream(StreamView, AsyncDrive[Event]):
    """The events of a stream, for ever; it reconnects by itself and goes on where it was."""

    def __init__(self, listening: Listening, wire: AsyncWire, leaving: set[asyncio.Task[None]]) -> None:
        """`leaving` is where the end of this stream is kept, should it be dropped and not closed."""
        self._leaving = leaving
        StreamView.__init__(self, listening)
        AsyncDrive.__init__(self, listening.program(), wire)

    def __del__(self) -> None:
        # An `async for` that is left early drops its stream, and cannot wait for its end: the loop does, if there
        # still is one. The collector may run in any thread.
        if (loop := self._wire.loop) is not None:
            with contextlib.suppress(RuntimeError):  # it is closed
                loop.call_soon_threadsafe(leave, self._wire, self._step, self._leaving)


def leave(wire: AsyncWire, step: asyncio.Task[object] | None, leaving: set[asyncio.Task[None]]) -> None:
    """End in the background what nobody holds any more."""
    task = asyncio.ensure_future(_part(wire, step))
    leaving.add(task)
    task.add_done_callback(leaving.discard)


async def _part(wire: AsyncWire, step: asyncio.Task[object] | None) -> None:
    if step is not None:
        step.cancel()
        await asyncio.gather(step, return_exceptions=True)
    await wire.hang_up()


class AsyncItems(Generic[T]):
    """A list: iterate over its items, or over `pages()`; fetched page by page as it is used."""

    def __init__(self, server: Server, listing: Listing[T], wire: Callable[[], AsyncWire]) -> None:
        self._server, self._listing, self._wire = server, listing, wire

    def __aiter__(self) -> AsyncIterator[T]:
        return AsyncDrive[T](items(self._server, self._listing), self._wire())

    def pages(self) -> AsyncIterator[Page[T]]:
        """The pages, which say at which cursor they were true."""
        return AsyncDrive[Page[T]](pages(self._server, self._listing), self._wire())


async def finish(program: Program[T], wire: AsyncWire) -> T:
    """Run a program to its end."""
    asking = Asking(program)
    while asking.command is not None:
        asking.answer(await wire.perform(asking.command))
    return asking.value
