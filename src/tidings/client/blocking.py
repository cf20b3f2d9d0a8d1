"""The blocking shell: does what a program asks, in the caller's thread."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

import httpx2
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tidings.client.alarm import Alarm, shut_down
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
    Request,
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
from tidings.client.lost import Lost, Silence

T = TypeVar("T")

TokenSource = str | Callable[[], str | None] | None


class Link(Protocol):
    """One open stream."""

    def read(self, within: float) -> bytes: ...
    def probe(self, within: float) -> bool: ...
    def interrupt(self) -> None: ...
    def close(self) -> None: ...


class SseLink:
    """The body of an answer that does not end."""

    def __init__(self, response: httpx2.Response, alarm: Alarm) -> None:
        self._response, self._alarm = response, alarm
        self._chunks = response.iter_bytes()
        self._socket = response.extensions["network_stream"].get_extra_info("socket")

    def read(self, within: float) -> bytes:
        """The next bytes. Raises Silence."""
        with self._alarm.after(within, self._socket) as bell:
            try:
                chunk = next(self._chunks, b"")
            except FAILURES as error:
                if bell.rang:
                    raise Silence("nothing came in time") from error
                raise
        if bell.rang and not chunk:
            raise Silence("nothing came in time")
        return chunk

    def probe(self, within: float) -> bool:
        """Nothing can be asked of a stream that goes one way."""
        return False

    def interrupt(self) -> None:
        """End a read that another thread is in."""
        shut_down(self._socket)

    def close(self) -> None:
        """Close the connection."""
        self._response.close()


class WsLink:
    """A WebSocket."""

    def __init__(self, request: Request, within: float) -> None:
        self._exit = contextlib.ExitStack()
        self._connection: ClientConnection = self._exit.enter_context(
            connect(
                websocket_url(request),
                additional_headers=request.headers,
                open_timeout=within,
                **WEBSOCKET_OPTIONS,
            )
        )

    def read(self, within: float) -> bytes:
        """The next message. Raises TimeoutError."""
        return self._connection.recv(within, decode=False)

    def probe(self, within: float) -> bool:
        """Ping; is there a pong? Yes, if it is closed meanwhile: the next read says so."""
        return self._connection.ping(ack_on_close=True).wait(within)

    def interrupt(self) -> None:
        """End a read that another thread is in."""
        self._connection.close()

    def close(self) -> None:
        """Say goodbye and close."""
        self._exit.close()


class Tokens:
    """The token in use, and where another one comes from."""

    def __init__(self, source: TokenSource) -> None:
        self._source, self._lock = source, threading.Lock()
        self._current: str | None = source if isinstance(source, str) else None

    def get(self, instead_of: str | None) -> str | None:
        """The token; fetched if there is none yet, or if it is the one to be replaced. Raises what the source does."""
        if not callable(self._source):
            return self._current
        # Many streams may be refused at once: one fetches for all. How long it may take is for the source to say.
        if not self._lock.acquire(timeout=TOKEN_WITHIN):
            raise TimeoutError(f"another thread has been fetching one for {TOKEN_WITHIN:g} seconds")
        try:
            if self._current is None or self._current == instead_of:
                self._current = self._source()
            return self._current
        finally:
            self._lock.release()


class Wire:
    """Does the commands of one program; holds the one stream it may have open."""

    def __init__(
        self,
        http: httpx2.Client,
        tokens: Tokens,
        alarm: Alarm,
        on_status: Callable[[Status], None] | None = None,
        *,
        own: bool = False,
    ) -> None:
        """`own`: nothing else uses this httpx2 client, and it goes with the wire."""
        self._http, self._tokens, self._alarm, self._on_status = http, tokens, alarm, on_status
        self._own = own
        self._link: Link | None = None
        self._socket: socket.socket | None = None  # of the request that is under way, as far as is known
        self.stopped = threading.Event()

    def perform(self, command: Command) -> object:
        """The result of a command; a failed connection is a result too."""
        if isinstance(command, Tell):  # what the caller's function raises is the caller's
            return self._on_status(command.status) if self._on_status else None
        try:
            return self._perform(command)
        except FAILURES as error:
            return lost(error)
        except Lost as error:
            return error

    def _perform(self, command: Command) -> object:
        match command:
            case Read(within):
                return self._open_link.read(within)
            case Send():
                return self._send(command)
            case Open(how="sse"):
                return self._open_sse(command)
            case Open():
                return self._open_ws(command)
            case Probe(within):
                return self._open_link.probe(within)
            case Close():
                self.hang_up()
            case Sleep(seconds):
                self.stopped.wait(seconds)
            case Token(instead_of):
                return self._token(instead_of)
        return None

    def _token(self, instead_of: str | None) -> str | None:
        try:
            return self._tokens.get(instead_of)
        except Exception as error:
            raise no_token(error) from error

    @property
    def _open_link(self) -> Link:
        if self._link is None:
            raise Lost("the connection is closed")
        return self._link

    def _send(self, command: Send) -> Answer:
        response = self._begin(self._request(command))
        return answer_of(response.status_code, response.headers, response.content)

    def _open_sse(self, command: Open) -> Answer:
        request = self._request(command)
        response = self._begin(request, stream=True)
        if response.status_code != 200:
            with contextlib.closing(response):
                return answer_of(response.status_code, response.headers, response.read())
        endless(request)
        self._link = SseLink(response, self._alarm)
        return answer_of(response.status_code, response.headers)

    def _open_ws(self, command: Open) -> Answer:
        try:
            self._link = WsLink(command.request, command.within)
        except InvalidStatus as error:
            return refused_handshake(error)
        return Answer(status=101, headers={})

    def _begin(self, request: httpx2.Request, *, stream: bool = False) -> httpx2.Response:
        try:
            return self._http.send(request, stream=stream)
        finally:
            # A client of its own has no other connection to take for the next request; any other may lend this one
            # to somebody else.
            if not self._own:
                self._socket = None

    def _connected(self, event: str, info: Mapping[str, Any]) -> None:
        """httpcore tells of what it does: a new connection is this request's."""
        if event.endswith((".connect_tcp.complete", ".connect_unix_socket.complete", ".start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")
            if self.stopped.is_set() and self._socket is not None:
                shut_down(self._socket)

    def _request(self, command: Send | Open) -> httpx2.Request:
        request = command.request
        return self._http.build_request(
            request.method,
            request.url,
            headers=request.headers,
            content=request.body,
            timeout=patience(command.within),
            extensions={"trace": self._connected},
        )

    def stop(self) -> None:
        """End what is going on, from any thread."""
        self.stopped.set()
        if (waiting := self._socket) is not None:
            shut_down(waiting)
        if (link := self._link) is not None:
            link.interrupt()

    def hang_up(self) -> None:
        """Close the stream, if one is open."""
        link, self._link = self._link, None
        if link is not None:
            with contextlib.suppress(*FAILURES):
                link.close()

    def close(self) -> None:
        """Close the stream, and what is the wire's own."""
        self.hang_up()
        if self._own:
            self._http.close()


class Drive(Generic[T]):
    """What a program emits, one by one."""

    def __init__(self, program: Program[Any], wire: Wire) -> None:
        self._wire, self._asking = wire, Asking(program)
        self._handed = False  # the item of the command that is waiting
        self._busy = threading.Lock()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("two threads iterate over the same thing")
        try:
            return self._advance()
        finally:
            self._busy.release()
            # Only now: who closes it meanwhile leaves the end to us, and may do so until the lock is free.
            if self._asking.command is None or self._wire.stopped.is_set():
                self._end()

    def _advance(self) -> T:
        while not self._wire.stopped.is_set() and (command := self._asking.command) is not None:
            if not isinstance(command, Emit):
                result = self._wire.perform(command)
                if self._wire.stopped.is_set():  # what it was interrupted with is nobody's failure
                    break
                self._asking.answer(result)
            elif self._handed:
                self._handed = False
                self._asking.answer(None)
            else:
                self._handed = True
                item: T = command.item
                return item
        raise StopIteration

    def _end(self) -> None:
        """Unless it is in use: then whoever uses it does this afterwards."""
        if self._busy.acquire(blocking=False):
            try:
                self._asking.abandon()
                self._wire.close()
            finally:
                self._busy.release()

    def close(self) -> None:
        """End it, from any thread; the iteration stops."""
        self._wire.stop()
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Stream(StreamView, Drive[Event]):
    """The events of a stream, for ever; it reconnects by itself and goes on where it was."""

    def __init__(self, listening: Listening, wire: Wire) -> None:
        StreamView.__init__(self, listening)
        Drive.__init__(self, listening.program(), wire)

    def __del__(self) -> None:
        # A `for` that is left early drops its stream.
        self.close()


class Items(Generic[T]):
    """A list: iterate over its items, or over `pages()`; fetched page by page as it is used."""

    def __init__(self, server: Server, listing: Listing[T], wire: Callable[[], Wire]) -> None:
        self._server, self._listing, self._wire = server, listing, wire

    def __iter__(self) -> Iterator[T]:
        return Drive[T](items(self._server, self._listing), self._wire())

    def pages(self) -> Iterator[Page[T]]:
        """The pages, which say at which cursor they were true."""
        return Drive[Page[T]](pages(self._server, self._listing), self._wire())


def finish(program: Program[T], wire: Wire) -> T:
    """Run a program to its end."""
    asking = Asking(program)
    while asking.command is not None:
        asking.answer(wire.perform(asking.command))
    return asking.value
