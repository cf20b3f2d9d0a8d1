"""The accept queue: new connections wait here until their first requests are parsed, a few in each turn of the loop.

Five thousand that reconnect at once would else all be parsed in one turn and all be answered in the next, and open
streams would get nothing meanwhile. A connection that was admitted does not wait here again.
"""

import asyncio
from collections import deque
from typing import Any

from uvicorn.config import Config

from tidings.server.http_protocol import HttpProtocol
from tidings.server.immediate_stream import OpenStream, no_stream, start_stream
from tidings.server.refusals import refusal
from tidings.server.state import ServerState

ADMITTED_PER_TURN = 16  # of the event loop: about 5 ms of handshakes


class AcceptQueue:
    """The queue. It is also what uvicorn is given to make a protocol for each connection (`http=`)."""

    def __init__(self, open_stream: OpenStream = no_stream) -> None:
        """`open_stream` opens the stream that a plain request asks for, where that can be done at once."""
        self.open_stream = open_stream
        self._pending: deque[PendingConnection] = deque()
        self._admitted = 0  # in this turn

    def __call__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> "PendingConnection":
        return PendingConnection(self, config, server_state, app_state)

    def admit(self, connection: "PendingConnection") -> bool:
        """May this connection start now? If not, it is queued, and its `start` will be called."""
        if self._pending or self._admitted == ADMITTED_PER_TURN:
            self._pending.append(connection)
            return False
        if not self._admitted:
            asyncio.get_running_loop().call_soon(self._turn)
        self._admitted += 1
        return True

    def _turn(self) -> None:
        self._admitted = 0
        while self._pending and self._admitted < ADMITTED_PER_TURN:
            connection = self._pending.popleft()
            if not connection.transport.is_closing():
                self._admitted += 1
                connection.start()
        if self._admitted:
            asyncio.get_running_loop().call_soon(self._turn)


class PendingConnection(asyncio.Protocol):
    """A connection of which nothing was parsed yet: less than HTTP needs, so that accepting thousands is quick."""

    __slots__ = ("_accept_queue", "_data", "_server", "transport")

    def __init__(
        self, accept_queue: AcceptQueue, config: Config, server_state: ServerState, app_state: dict[str, Any]
    ) -> None:
        self._accept_queue = accept_queue
        self._server = (config, server_state, app_state)
        self._data = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        state = self._state
        if not state.connections.accept(self):
            self._refuse("too many connections of one address")
        elif state.full:
            self._refuse("all connections that this server may have are open")
        else:
            state.client_deadlines.start(self)

    def _refuse(self, reason: str) -> None:
        self.transport.write(refusal(self._state.refuse(reason), self._state.default_headers))
        self.transport.close()

    def timed_out(self) -> None:
        """Close a connection that has sent nothing."""
        self._state.timed_out_clients += 1
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        self._state.client_deadlines.stop(self)
        self._data = data
        if self._accept_queue.admit(self):
            self._go_on()
        else:
            self.transport.pause_reading()  # the rest stays in the kernel

    def start(self) -> None:
        """Go on with what came: its turn has come."""
        self.transport.resume_reading()
        self._go_on()

    def connection_lost(self, error: Exception | None) -> None:
        self._state.client_deadlines.stop(self)
        self._state.connections.discard(self)

    def shutdown(self) -> None:
        """The server stops."""
        self.transport.close()

    @property
    def _state(self) -> ServerState:
        return self._server[1]

    def _go_on(self) -> None:
        self._state.connections.discard(self)
        if not start_stream(self._data, self.transport, self._state, open=self._accept_queue.open_stream):
            self._become_http()

    def _become_http(self) -> None:
        protocol = HttpProtocol(*self._server)
        protocol.connection_made(self.transport)
        self.transport.set_protocol(protocol)
        protocol.data_received(self._data)
