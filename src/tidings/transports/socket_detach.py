"""The hand-over: an ASGI endpoint gives its socket away and HTTP ends on it.

The price of a stream in ASGI is its coroutine; a socket with nothing but a small protocol costs a fifth.
So the server's HTTP protocol offers its socket to the endpoint through `scope["extensions"]`.
uvicorn does the same by itself when a WebSocket takes over.
"""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, NamedTuple

import httptools
import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from tidings.transports.detachable import EXTENSION, Headers, SocketProtocol

HEAD = 256 * 1024  # bytes; a packet that begins with the end of something else is counted whole
FIELDS = 200  # header fields of one request
PIPELINE = 100  # requests of one connection that wait for earlier ones


class _Refused(Exception):
    """A client asks for more than one connection may; the message says so."""


class CoalescingWriter:
    """Where a response goes: its head waits for its body until the end of this turn of the loop.

    uvicorn writes each by itself: two system calls, and two packets that the client is woken by.
    """

    __slots__ = ("_head", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head: bytes | None = b""  # None: it was sent

    def write(self, data: bytes) -> None:
        head = self._head
        if head is None:
            self._transport.write(data)
        elif head:
            self._head = None
            self._transport.write(head + data)
        else:
            self._head = data
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _flush(self) -> None:
        head, self._head = self._head, None
        if head and not self._transport.is_closing():
            self._transport.write(head)


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol, able to let go of its socket. Nothing that a client sends makes it grow for ever."""

    _in_head = True  # is the end of a request's head still to come?
    _head = 0  # bytes of it that came in earlier packets
    _answering: RequestResponseCycle | None = None
    _holding = False  # is the next request to be held, until all that came is read?
    _held: tuple[RequestResponseCycle, Any] | None = None
    _skipped = False  # did the parser pass over a body, because of an upgrade?
    half_closed = False  # the client sends no more, and still listens

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn does it, but without a socket object for each connection: nobody here asks for addresses."""
        self.connections.add(self)
        self.transport = transport
        self.flow = FlowControl(transport)
        self.client = None
        self.scheme = "http"  # TLS belongs in the proxy (in asyncio it takes 256 KB a connection)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        if self._holding:
            self._held, self._holding = (cycle, app), False
        else:
            super()._start_asgi_task(cycle, app)

    def connection_lost(self, error: Exception | None) -> None:
        """uvicorn tells the last request that was read, which may wait behind the one that is being answered."""
        super().connection_lost(error)
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Who has asked and then closes their sending side (`nc -N`) gets their answers before the connection ends."""
        cycle = self.cycle
        if cycle is None or cycle.more_body or cycle.response_complete:  # type: ignore[redundant-expr]
            return False
        cycle.keep_alive = False  # of the last request that was read: its answer ends the connection
        self.half_closed = True
        return True

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"protocol": self}}

    def detachable_socket(self, scope: Any) -> "UvicornSocket | None":
        """The socket of this request, if it is free to be taken.

        It is not when the request's body or a pipelined request is still coming, the client is leaving, or an earlier
        answer is still on its way out.
        """
        cycle = self.cycle
        if (
            cycle.scope.get("extensions") is not scope["extensions"]  # a later request has come already
            or cycle.more_body
            or cycle.response_started
            or cycle.disconnected
            or self.pipeline
            or self.scope is not cycle.scope  # the beginning of one has
            or scope["http_version"] not in ("1.0", "1.1")
            or scope["method"] != "GET"
            or self.flow.write_paused
            or self.transport.is_closing()
        ):
            return None
        return UvicornSocket(self, cycle)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._read(data)

    def answer_now(self, data: bytes) -> None:
        """Read, and take the first request's first step at once: if it need not wait, it needs no task.

        Thousands that poll again at once would else all be read before the first is answered. What they hold
        meanwhile the garbage collector looks through, and it is in no cache of the processor's any more.
        """
        self._holding = True
        self.data_received(data)
        self._holding = False
        if self._held is not None:
            (cycle, app), self._held = self._held, None
            coroutine = cycle.run_asgi(app)
            try:
                waits_for = coroutine.send(None)
            except StopIteration:
                return
            task = self.loop.create_task(_StartedCoroutine(coroutine, waits_for))
            task.add_done_callback(self.tasks.discard)
            self.tasks.add(task)

    def _read(self, data: bytes) -> None:
        began_in_head = self._in_head
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            cause = error.__context__
            self.send_400_response(str(cause) if isinstance(cause, _Refused) else "not a request of HTTP/1.1")
            return
        if began_in_head and self._in_head:
            self._head += len(data)
            if self._head > HEAD:
                self.send_400_response(f"the head of this request has more than {HEAD} bytes")

    def _ignore_upgrade(self, rest: bytes) -> None:
        """No upgrade is taken here (RFC 9110, section 7.8): a WebSocket's handshake is answered by its endpoint.

        The parser ends every request that asks for one with its head. If there is a body, the request is read again
        without the question: `curl --http2` asks it, and so do clients of other languages by themselves.
        """
        if self._skipped:
            self._skipped = False
            head = [self.parser.get_method(), b" ", self.url, b" HTTP/1.1\r\n"]
            for name, value in self.headers:
                if name != b"upgrade":
                    head += [name, b": ", value, b"\r\n"]
            self.parser = httptools.HttpRequestParser(self)
            self._read(b"".join([*head, b"\r\n", rest]))
        elif rest and (b"upgrade", b"websocket") not in self.headers:
            self._read(rest)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > FIELDS:
            raise _Refused(f"this request has more than {FIELDS} header fields")

    def on_headers_complete(self) -> None:
        self._in_head, self._head = False, 0
        if self.parser.should_upgrade() and any(
            name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            for name, value in self.headers
        ):
            self._skipped = True
            return
        if len(self.pipeline) == PIPELINE:
            raise _Refused(f"more than {PIPELINE} requests wait on this connection")
        super().on_headers_complete()
        self.cycle.transport = CoalescingWriter(self.transport, self.loop)  # type: ignore[assignment]

    def on_message_complete(self) -> None:
        self._in_head = True
        if not self._skipped:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.pipeline:  # uvicorn reads on at each answer, and so more than it answers
            self.flow.pause_reading()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets its answer in the form of every other refusal (RFC 9457), and the connection ends."""
        problem = {"type": "about:blank", "title": "This is not HTTP.", "status": 400, "code": "invalid_http",
                   "detail": msg}  # fmt: skip
        body = msgspec.json.encode(problem)
        self.transport.write(
            b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(body), body)
        )
        self.transport.close()


class _StartedCoroutine(Coroutine[Any, Any, None]):
    """What is left of a coroutine that waits for something already."""

    __slots__ = ("_coroutine", "_untold")

    def __init__(self, coroutine: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._untold: tuple[Any, ...] = (waits_for,)  # by its task, which was made after it

    def send(self, value: None) -> Any:
        untold, self._untold = self._untold, ()
        return untold[0] if untold else self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        self._untold = ()
        return self._coroutine.throw(*error)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, None]:
        raise NotImplementedError("this is a task's")


class UvicornResumer(NamedTuple):
    """What HTTP on a socket needs of its server."""

    config: Config
    server_state: ServerState
    app_state: dict[str, Any]

    @property
    def keep_alive(self) -> float:
        """Seconds without a request after which the connection ends."""
        return self.config.timeout_keep_alive

    def resume_http(self, transport: asyncio.Transport, data: bytes, *, full: bool, again: bool) -> None:
        """Give a socket back to HTTP with what came in.

        `full`: the answer before is still on its way out. `again`: the request is for the endpoint that gave the socket
        back, whose first step may be taken now. It must not ask for its task, as anyio does: it has none yet.
        """
        protocol = HttpProtocol(self.config, self.server_state, self.app_state)
        protocol.connection_made(transport)
        transport.set_protocol(protocol)
        if full:
            protocol.pause_writing()
        if again:
            protocol.answer_now(data)
        else:
            protocol.data_received(data)


class _HeadRecorder:
    """Stands in for a transport and keeps what is written."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data


class UvicornSocket:
    """A socket that may be taken, once."""

    def __init__(self, protocol: HttpProtocol, cycle: RequestResponseCycle) -> None:
        self._protocol = protocol
        self._cycle = cycle

    @property
    def connections(self) -> set[Any]:
        """The server's set of open connections."""
        return self._protocol.connections

    async def head(self, send: Any, *, status: int, headers: Headers) -> bytes:
        """The response's head as the middleware wants it. What follows it on the socket is the body, to the end.

        It is not written yet: with the first frames it makes one packet.
        """
        if status != 101:
            self._cycle.keep_alive = False  # the body ends with the connection (RFC 9112, section 6.3)
        return await self._record(send, status, headers)

    async def later(self, send: Any, *, status: int, headers: Headers) -> bytes:
        """The head of a response that will be written later, open for more headers."""
        return (await self._record(send, status, headers)).removesuffix(b"\r\n")

    async def _record(self, send: Any, status: int, headers: Headers) -> bytes:
        cycle, tape = self._cycle, _HeadRecorder()
        cycle.chunked_encoding = False
        cycle.transport, transport = tape, cycle.transport  # type: ignore[assignment]
        try:
            await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        finally:
            cycle.transport = transport
        return tape.written

    @property
    def home(self) -> UvicornResumer | None:
        """Where the socket can be given back to; None if the client wants it closed."""
        protocol = self._protocol
        if not self._cycle.keep_alive:
            return None
        return UvicornResumer(protocol.config, protocol.server_state, protocol.app_state)

    def open(self) -> bool:
        """Is the client still there?"""
        return not (self._cycle.disconnected or self._protocol.transport.is_closing())

    def take(self, sink: SocketProtocol) -> asyncio.Transport:
        """End HTTP on the socket and give it to `sink`."""
        protocol, cycle = self._protocol, self._cycle
        transport = protocol.transport
        protocol._unset_keepalive_if_required()
        protocol.flow.resume_reading()  # a paused transport never sees the client leave
        protocol.connections.discard(protocol)
        protocol.connections.add(sink)  # type: ignore[arg-type]
        cycle.disconnected = True  # whatever is still sent for this request goes nowhere
        cycle.message_event.set()
        protocol.parser = None  # type: ignore[assignment]
        protocol.cycle = None  # type: ignore[assignment]
        protocol._answering = None
        protocol.scope = None  # type: ignore[assignment]
        protocol.headers = None  # type: ignore[assignment]
        transport.set_protocol(sink)
        if protocol.half_closed:
            protocol.loop.call_soon(transport.close)  # who sends no more cannot be seen to leave
        return transport
