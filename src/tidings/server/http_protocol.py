"""HTTP/1.1 on one connection: uvicorn's protocol with bounds on everything a client sends, and a detachable socket."""

import asyncio
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from tidings.domain.errors import HeadersTooLarge, InvalidHttp, TidingsError, UriTooLong
from tidings.domain.problems import problem_json
from tidings.server.coalescing_writer import CoalescingWriter
from tidings.server.socket_detach import Detachment, may_detach
from tidings.server.started_coroutine import run_eagerly
from tidings.transports.detachable import EXTENSION, DetachableSocket

MAX_TARGET = 8 * 1024  # bytes
MAX_HEAD = 32 * 1024  # bytes of a request's fields
MAX_FIELDS = 200  # header fields of one request
MAX_PIPELINE = 100  # requests of one connection that wait for earlier ones


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol, able to let go of its socket. Nothing that a client sends makes it grow for ever."""

    _in_head = True  # is the end of a request's head still to come?
    _head_size = 0  # bytes of its fields
    _parsed = 0  # parts of requests that were parsed
    _unparsed = 0  # bytes that came since
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

    def connection_lost(self, error: Exception | None) -> None:
        """uvicorn tells the last request that was read, which may wait behind the one that is being answered."""
        super().connection_lost(error)
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()

    def eof_received(self) -> bool:  # type: ignore[override]
        """On half-close (`nc -N`), finish pending responses before closing."""
        cycle = self.cycle
        if cycle is None or cycle.more_body or cycle.response_complete:  # type: ignore[redundant-expr]
            return False
        cycle.keep_alive = False  # of the last request that was read: its response ends the connection
        self.half_closed = True
        return True

    # The socket is given away

    def detachable_socket(self, scope: Any) -> DetachableSocket | None:
        """The socket of the request with this scope, if it can be detached now."""
        return Detachment(self, self.cycle) if may_detach(self, self.cycle, scope) else None

    def end_http(self) -> None:
        """Let go of all that HTTP needed: ten times what a stream needs."""
        self._unset_keepalive_if_required()
        self.flow.resume_reading()  # a paused transport never sees the client leave
        cycle = self.cycle
        cycle.disconnected = True  # whatever is still sent for this request goes nowhere
        cycle.message_event.set()
        self.parser = None  # type: ignore[assignment]
        self.cycle = None  # type: ignore[assignment]
        self._answering = None
        self.scope = None  # type: ignore[assignment]
        self.headers = None  # type: ignore[assignment]

    # Reading

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._parse(data)

    def data_received_eagerly(self, data: bytes) -> None:
        """Parse `data` and run the handler up to its first await; create a task only if it suspends.

        Thousands that poll again at once would else all be read before the first is answered. What they hold
        meanwhile the garbage collector looks through, and it is in no cache of the processor's any more.
        """
        self._holding = True
        self.data_received(data)
        self._holding = False
        if self._held is not None:
            (cycle, app), self._held = self._held, None
            task = run_eagerly(cycle.run_asgi(app), self.loop)
            if task is not None:
                task.add_done_callback(self.tasks.discard)
                self.tasks.add(task)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        if self._holding:
            self._held, self._holding = (cycle, app), False
        else:
            super()._start_asgi_task(cycle, app)

    def _parse(self, data: bytes) -> None:
        parsed = self._parsed
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, TidingsError) else InvalidHttp("not a request of HTTP/1.1"))
            return
        if self._in_head:
            self._unparsed = self._unparsed + len(data) if self._parsed == parsed else 0
            if self._unparsed > MAX_HEAD:  # one field without an end: the parser keeps it
                self._refuse(HeadersTooLarge(f"the head of this request has more than {MAX_HEAD} bytes"))

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Take no upgrade (RFC 9110, section 7.8): a WebSocket's handshake is answered by its endpoint.

        The parser ends every request that asks for one with its head. If there is a body, the request is parsed again
        without the question: `curl --http2` asks it, and so do clients of other languages by themselves.
        """
        if self._skipped:
            self._skipped = False
            head = [self.parser.get_method(), b" ", self.url, b" HTTP/1.1\r\n"]
            for name, value in self.headers:
                if name != b"upgrade":
                    head += [name, b": ", value, b"\r\n"]
            self.parser = httptools.HttpRequestParser(self)
            self._parse(b"".join([*head, b"\r\n", rest]))
        elif rest and (b"upgrade", b"websocket") not in self.headers:
            self._parse(rest)

    # The parser's callbacks

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"owner": self}}

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._parsed += 1
        if len(self.url) > MAX_TARGET:
            raise UriTooLong(f"the target of this request has more than {MAX_TARGET} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._parsed += 1
        self._head_size += len(name) + len(value)
        if self._head_size > MAX_HEAD:
            raise HeadersTooLarge(f"the head of this request has more than {MAX_HEAD} bytes")
        if len(self.headers) > MAX_FIELDS:
            raise HeadersTooLarge(f"this request has more than {MAX_FIELDS} header fields")

    def on_headers_complete(self) -> None:
        self._in_head, self._head_size = False, 0
        self._parsed += 1
        if self.parser.get_method() == b"CONNECT":  # to the parser an upgrade, whatever its header fields are
            raise InvalidHttp("CONNECT is for a proxy")
        if self.parser.should_upgrade() and any(
            name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            for name, value in self.headers
        ):
            self._skipped = True
            return
        if len(self.pipeline) == MAX_PIPELINE:
            raise InvalidHttp(f"more than {MAX_PIPELINE} requests wait on this connection")
        super().on_headers_complete()
        self.cycle.transport = CoalescingWriter(self.transport, self.loop)  # type: ignore[assignment]

    def on_message_complete(self) -> None:
        self._in_head = True
        self._parsed += 1
        if not self._skipped:
            super().on_message_complete()

    # Responses

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.pipeline:  # uvicorn reads on after each response, and so more than it answers
            self.flow.pause_reading()

    def send_400_response(self, msg: str) -> None:
        """Refuse what uvicorn refuses."""
        self._refuse(InvalidHttp(msg))

    def _refuse(self, error: TidingsError) -> None:
        """Refuse in the form of every other refusal (RFC 9457), and end the connection."""
        body = problem_json(error)
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: application/problem+json\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%b"
            % (error.status, HTTPStatus(error.status).phrase.encode(), len(body), body)
        )
        self.transport.close()
