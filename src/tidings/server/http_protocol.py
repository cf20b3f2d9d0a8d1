"""HTTP/1.1 on one connection: uvicorn's protocol with bounds on everything a client sends, and a detachable socket."""

import asyncio
from enum import Enum
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from tidings.domain.errors import HeadersTooLarge, InvalidHttp, RequestTimeout, TidingsError, UriTooLong
from tidings.server.coalescing_writer import CoalescingWriter
from tidings.server.refusals import METHODS, check_host, origin_form, refusal, refusal_of, unknown_method
from tidings.server.socket_detach import Detachment, may_detach
from tidings.server.started_coroutine import run_eagerly
from tidings.server.state import ServerState
from tidings.transports.detachable import EXTENSION, DetachableSocket

MAX_TARGET = 8 * 1024  # bytes
MAX_HEAD = 32 * 1024  # bytes of a request's fields
MAX_FIELDS = 200  # header fields of one request
MAX_PIPELINE = 100  # requests of one connection that wait for earlier ones
MIN_BODY_RATE = 500  # bytes a second, over `CLIENT_TIMEOUT`


class Owed(Enum):
    """The request that a client has begun to send."""

    NOTHING = "nothing"
    HEAD = "head"
    BODY = "body"


class BodyCycle(RequestResponseCycle):
    """A request that has a body. A response that does not wait for its end ends the connection."""

    async def send(self, message: Any) -> None:
        if self.more_body and not self.response_started:
            self.keep_alive = False
        await super().send(message)


async def options_of_server(scope: Any, receive: Any, send: Any) -> None:
    """`OPTIONS *` (RFC 9110, section 9.3.7): what the server as a whole does."""
    allow = (b"allow", b", ".join(sorted(METHODS)))
    await send({"type": "http.response.start", "status": 204, "headers": [allow]})
    await send({"type": "http.response.body"})


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol, able to let go of its socket. Nothing that a client sends makes it grow for ever."""

    _begun = False  # has a request begun and not ended?
    _in_head = True  # is the end of a request's head still to come?
    _head_size = 0  # bytes of its fields
    _parsed = 0  # parts of requests that were parsed
    _unparsed = 0  # bytes that came since
    _answering: RequestResponseCycle | None = None
    _holding = False  # is the next request to be held, until all that came is read?
    _held: tuple[RequestResponseCycle, Any] | None = None
    _skipped = False  # did the parser pass over a body, because of an upgrade?
    _owed = Owed.NOTHING  # by the client, who has until the deadline for it
    _body_size = 0  # bytes of a body since the last deadline
    refusal: TidingsError | None = None  # the answer to what follows the requests that are being answered
    _lingering = False  # all is answered; the client may still be sending
    half_closed = False  # the client sends no more, and still listens
    server_state: ServerState

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn does it, but without a socket object for each connection."""
        self.connections.add(self)
        self.transport = transport
        self.flow = FlowControl(transport)
        self.client = None
        self.scheme = "http"  # TLS belongs in the proxy (in asyncio it takes 256 KB a connection)

    def connection_lost(self, error: Exception | None) -> None:
        """Let go of everything: uvicorn's keep-alive timer survives an RST and would hold it all for its 75 s.

        And uvicorn tells the last request that was read, which may wait behind the one that is being answered.
        """
        super().connection_lost(error)
        self._unset_keepalive_if_required()
        self._stop_deadlines()
        self.pipeline.clear()
        self._held = None
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()

    def eof_received(self) -> bool:  # type: ignore[override]
        """On half-close (`nc -N`), finish pending responses before closing."""
        if self._lingering:
            return False
        if self.refusal is not None:
            return True
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
        self._stop_deadlines()
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
        if self._lingering or self.refusal is not None:
            return
        self._unset_keepalive_if_required()
        self._parse(data)
        self._watch()

    def data_received_eagerly(self, data: bytes) -> None:
        """Parse `data` and run the handler up to its first await; create a task only if it suspends.

        Thousands of clients that poll again at once would else all be read before the first is answered. The garbage
        collector walks the objects that they hold meanwhile, and the processor's caches have lost them.
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
            self._refuse(refusal_of(error, data))
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
        self._begun = True
        self.scope["extensions"] = {EXTENSION: {"owner": self}}

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._parsed += 1
        if len(self.url) > MAX_TARGET:
            raise UriTooLong(f"the target of this request has more than {MAX_TARGET} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value.rstrip(b" \t"))  # no part of the value (RFC 9112, section 5.1)
        self._parsed += 1
        self._head_size += len(name) + len(value)
        if self._head_size > MAX_HEAD:
            raise HeadersTooLarge(f"the head of this request has more than {MAX_HEAD} bytes")
        if len(self.headers) > MAX_FIELDS:
            raise HeadersTooLarge(f"this request has more than {MAX_FIELDS} header fields")

    def on_headers_complete(self) -> None:
        self._in_head, self._head_size = False, 0
        self._parsed += 1
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if method == b"CONNECT":  # to the parser an upgrade, whatever its header fields are
            raise InvalidHttp("CONNECT is for a proxy")
        if method not in METHODS:
            raise unknown_method(method)
        check_host(version, self.headers)
        self.url = origin_form(self.url, self.headers)
        if self.parser.should_upgrade() and any(
            name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            for name, value in self.headers
        ):
            self._skipped = True
            return
        if len(self.pipeline) == MAX_PIPELINE:
            raise InvalidHttp(f"more than {MAX_PIPELINE} requests wait on this connection")
        if self.url == b"*" and method == b"OPTIONS":
            self.url, self.app = b"/", options_of_server
        super().on_headers_complete()
        self.app = self.config.loaded_app
        cycle = self.cycle
        cycle.transport = CoalescingWriter(self.transport, self.loop, close=self._close)  # type: ignore[assignment]
        for name, _ in self.headers:
            if name in (b"content-length", b"transfer-encoding"):
                cycle.__class__ = BodyCycle  # uvicorn makes it
        if version == "1.0":
            cycle.waiting_for_100_continue = False  # RFC 9110, section 10.1.1

    def on_body(self, body: bytes) -> None:
        self._body_size += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._begun, self._in_head = False, True
        self._parsed += 1
        if not self._skipped:
            super().on_message_complete()

    # Responses

    def on_response_complete(self) -> None:
        if self._answering is not None:  # a response to HEAD is a head alone; what follows must not go out before it
            self._answering.transport.flush()  # type: ignore[attr-defined]
        if self._lingering:
            self.server_state.total_requests += 1
            return
        waiting = bool(self.pipeline)
        super().on_response_complete()
        if self.pipeline:  # uvicorn reads on after each response, and so more than it answers
            self.flow.pause_reading()
        if self.refusal is not None and not waiting:
            self._unset_keepalive_if_required()
            self._end(self.refusal)

    def send_400_response(self, msg: str) -> None:
        """Refuse what uvicorn refuses."""
        self._refuse(InvalidHttp(msg))

    def _refuse(self, error: TidingsError) -> None:
        """Refuse what came, after the responses to whole requests before it (RFC 9112, section 9.3.2)."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle.more_body and not cycle.response_complete:  # it is the rest of this request
            if self._answering is cycle:
                cycle.disconnected = True
                cycle.message_event.set()
                if cycle.response_started:
                    self.transport.close()
                    return
                self._end(error)
                return
            self.pipeline.popleft()
        if self._answering is not None and not self._answering.response_complete:
            self.refusal = error
            self._stop_deadlines()
        else:
            self._end(error)

    def _end(self, error: TidingsError) -> None:
        if not self.transport.is_closing():
            self.transport.write(refusal(error, self.server_state.default_headers))
            self._linger()

    def _close(self) -> None:
        """End the connection after a response."""
        if self._begun or self.pipeline:
            self._linger()
        else:
            self.transport.close()

    def _linger(self) -> None:
        """End the connection once the client has read its response: to close on unread bytes would be a reset."""
        self._stop_deadlines()
        self._lingering = True
        self.flow.resume_reading()
        self.transport.write_eof()
        self.server_state.linger_deadlines.start(self)

    # Deadlines

    def _watch(self) -> None:
        """Give the client its time for what it has begun to send."""
        if self._lingering or self.refusal is not None or self.parser is None:
            return
        owed = Owed.NOTHING
        if self._begun:
            owed = Owed.HEAD if self._in_head else Owed.BODY
        if owed is not self._owed:
            self._owed = owed
            self._body_size = 0
            if owed is Owed.NOTHING:
                self.server_state.client_deadlines.stop(self)
            else:
                self.server_state.client_deadlines.start(self)

    def _stop_deadlines(self) -> None:
        if self._owed is not Owed.NOTHING or self._lingering:
            self._owed = Owed.NOTHING
            self.server_state.client_deadlines.stop(self)
            self.server_state.linger_deadlines.stop(self)

    def timed_out(self) -> None:
        """Refuse a client that is too slow with its request, or end a connection that has lingered long enough."""
        if self._lingering:
            self.transport.close()
            return
        deadlines = self.server_state.client_deadlines
        enough = self._body_size >= MIN_BODY_RATE * deadlines.seconds
        if self._owed is Owed.BODY and (enough or self.flow.read_paused):
            self._body_size = 0
            deadlines.start(self)
            return
        owed, self._owed = self._owed, Owed.NOTHING
        self.server_state.timed_out_clients += 1
        self._refuse(RequestTimeout(f"the {owed.value} of this request did not come within {deadlines.seconds:g} s"))
