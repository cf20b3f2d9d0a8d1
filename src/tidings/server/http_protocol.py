"""HTTP/1.1 on one connection: responses in order, time limits for the client, and a detachable socket."""

import asyncio
from enum import Enum
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl

from tidings.domain.errors import InvalidHttp, RequestTimeout, TidingsError
from tidings.server.refusals import refusal
from tidings.server.request_cycle import RequestCycle
from tidings.server.request_reader import RequestReader
from tidings.server.socket_detach import Detachment, may_detach
from tidings.server.started_coroutine import run_eagerly
from tidings.server.state import ServerState
from tidings.transports.detachable import DetachableSocket

MIN_BODY_RATE = 500  # bytes a second, over `CLIENT_TIMEOUT`


class Owed(Enum):
    """The request that a client has begun to send."""

    NOTHING = "nothing"
    HEAD = "head"
    BODY = "body"


class HttpProtocol(RequestReader):
    """An HTTP/1.1 connection of the server, able to let go of its socket."""

    _answering: RequestCycle | None = None
    _holding = False  # is the next request to be held, until all that came is read?
    _held: tuple[RequestCycle, Any] | None = None
    _owed = Owed.NOTHING  # by the client, who has until the deadline for it
    refusal: TidingsError | None = None  # the answer to what follows the requests that are being answered
    _lingering = False  # all is answered; the client may still be sending
    half_closed = False  # the client sends no more, and still listens
    server_state: ServerState

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn does it, but without a socket object for each connection."""
        self.connections.add(self)
        self.transport = transport
        self.flow = FlowControl(transport)
        self.client = transport.get_extra_info("peername")
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
        if cycle is None or cycle.more_body or cycle.response_complete:
            return False
        cycle.keep_alive = False  # of the last request that was read: its response ends the connection
        self.half_closed = True
        return True

    # The socket is given away

    def detachable_socket(self, scope: Any) -> DetachableSocket | None:
        """The socket of the request with this scope, if it can be detached now."""
        cycle = self.cycle
        return Detachment(self, cycle) if cycle is not None and may_detach(self, cycle, scope) else None

    def end_http(self) -> None:
        """Let go of all that HTTP needed: ten times what a stream needs."""
        self._unset_keepalive_if_required()
        self._stop_deadlines()
        self.flow.resume_reading()  # a paused transport never sees the client leave
        cycle = self.cycle
        assert cycle is not None  # it is detached
        cycle.disconnected = True  # whatever is still sent for this request goes nowhere
        cycle.message_event.set()
        self.parser = None  # type: ignore[assignment]
        self.cycle = None
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

    def _start_asgi_task(self, cycle: RequestCycle, app: Any) -> None:  # type: ignore[override]
        self._answering = cycle
        if self._holding:
            self._held, self._holding = (cycle, app), False
        else:
            super()._start_asgi_task(cycle, app)  # type: ignore[arg-type]

    # Responses

    def on_response_complete(self) -> None:
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
        cycle = self.cycle
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

    def end_after_response(self) -> None:
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
