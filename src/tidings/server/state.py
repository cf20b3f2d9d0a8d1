"""The state that all connections of one server share."""

import logging
import time

import uvicorn.server

from tidings.domain.errors import TidingsError, TooManyConnections
from tidings.server.connections import OpenConnections
from tidings.server.deadlines import Deadlines

CLIENT_TIMEOUT = 10.0  # seconds for the first byte and the head of a request, and between two checks of a body's rate
LINGER = 2.0  # seconds in which a client may read its refusal before what it still sends is answered by a reset
WARN_EVERY = 60.0  # seconds between two log lines about the same
REFUSED_RETRY = range(2, 9)  # seconds after which a refused connection may try again, one after the other

_log = logging.getLogger("tidings.server")


class ServerState(uvicorn.server.ServerState):
    """uvicorn's, with time limits for clients and a limit on sockets."""

    connections: OpenConnections

    def __init__(self, *, max_sockets: int | None = None, connections: OpenConnections | None = None) -> None:
        """`max_sockets`: connections that may be open, and for which there are file descriptors; None: any number."""
        super().__init__()
        self.connections = OpenConnections() if connections is None else connections
        self.client_deadlines = Deadlines(seconds=CLIENT_TIMEOUT)
        self.linger_deadlines = Deadlines(seconds=LINGER)
        self.max_sockets = max_sockets
        self.refused_connections = 0
        self.timed_out_clients = 0
        self._warned = -WARN_EVERY

    @property
    def full(self) -> bool:
        """Are all sockets open that may be? A few file descriptors are left for the database and requests under way."""
        return self.max_sockets is not None and len(self.connections) > self.max_sockets

    def response_fields(self) -> bytes:
        """The fields of every response, as of now: `Date` (RFC 9110, section 6.6.1)."""
        return b"".join([b"%b: %b\r\n" % field for field in self.default_headers])

    def refuse(self, reason: str) -> TidingsError:
        """Count a connection that is refused, and return what it is told."""
        self.refused_connections += 1
        now = time.monotonic()
        if now - self._warned >= WARN_EVERY:
            self._warned = now
            _log.warning("connection_refused", extra={"connections": len(self.connections), "reason": reason})
        # Spread, so that what was refused together does not come back together.
        return TooManyConnections(f"{reason}; try again later").after(
            REFUSED_RETRY[self.refused_connections % len(REFUSED_RETRY)]
        )
