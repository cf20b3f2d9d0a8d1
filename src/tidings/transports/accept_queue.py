"""The doorstep: where new connections wait until their first requests are read, a few in each turn of the loop.

Five thousand that come back at once would else all be read in one turn and all be answered in the next, and those
who are here already would hear nothing meanwhile. Whoever was let in does not wait here again.
"""

import asyncio
from collections import deque
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from tidings.transports.socket_detach import HttpProtocol

AT_ONCE = 16  # let in in one turn of the loop: about 5 ms of handshakes


class AcceptQueue:
    """The queue. It is also what uvicorn is given to make a protocol for each connection (`http=`)."""

    def __init__(self) -> None:
        self._waiting: deque[PendingConnection] = deque()
        self._let_in = 0  # in this turn

    def __call__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> "PendingConnection":
        return PendingConnection(self, config, server_state, app_state)

    def come(self, pending: "PendingConnection") -> bool:
        """Is there nobody before this one? If there is, it will be called."""
        if self._waiting or self._let_in == AT_ONCE:
            self._waiting.append(pending)
            return False
        if not self._let_in:
            asyncio.get_running_loop().call_soon(self._turn)
        self._let_in += 1
        return True

    def _turn(self) -> None:
        self._let_in = 0
        while self._waiting and self._let_in < AT_ONCE:
            pending = self._waiting.popleft()
            if not pending.transport.is_closing():
                self._let_in += 1
                pending.start()
        if self._let_in:
            asyncio.get_running_loop().call_soon(self._turn)


class PendingConnection(asyncio.Protocol):
    """A connection of which nothing was read yet: less than HTTP needs, so that accepting thousands is quick."""

    __slots__ = ("_accept_queue", "_first", "_house", "transport")

    def __init__(
        self, accept_queue: AcceptQueue, config: Config, server_state: ServerState, app_state: dict[str, Any]
    ) -> None:
        self._accept_queue = accept_queue
        self._house = (config, server_state, app_state)
        self._first = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._first = data
        if self._accept_queue.come(self):
            self._enter()
        else:
            self.transport.pause_reading()  # the rest stays in the kernel

    def start(self) -> None:
        """Its turn has come."""
        self.transport.resume_reading()
        self._enter()

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)

    def shutdown(self) -> None:
        """uvicorn is stopping."""
        self.transport.close()

    @property
    def _connections(self) -> set[Any]:
        return self._house[1].connections

    def _enter(self) -> None:
        """From here on this is HTTP."""
        self._connections.discard(self)
        protocol = HttpProtocol(*self._house)
        protocol.connection_made(self.transport)
        self.transport.set_protocol(protocol)
        protocol.data_received(self._first)
