"""The state that all connections of one server share."""

import logging
import time

import uvicorn.server

from tidings.server.deadlines import Deadlines

CLIENT_TIMEOUT = 10.0  # seconds for the first byte and the head of a request, and between two checks of a body's rate
LINGER = 2.0  # seconds in which a client may read its refusal before what it still sends is answered by a reset
WARN_EVERY = 60.0  # seconds between two log lines about the same

_log = logging.getLogger("tidings.server")


class ServerState(uvicorn.server.ServerState):
    """uvicorn's, with time limits for clients and a limit on sockets."""

    def __init__(self, *, max_sockets: int | None = None) -> None:
        """`max_sockets`: connections that the process has file descriptors for; None where that is not known."""
        super().__init__()
        self.client_deadlines = Deadlines(seconds=CLIENT_TIMEOUT)
        self.linger_deadlines = Deadlines(seconds=LINGER)
        self.max_sockets = max_sockets
        self.refused_connections = 0
        self.timed_out_clients = 0
        self._warned = -WARN_EVERY

    @property
    def full(self) -> bool:
        """Are there only a few file descriptors left, which the database and requests under way need?"""
        return self.max_sockets is not None and len(self.connections) > self.max_sockets

    def response_fields(self) -> bytes:
        """The fields of every response, as of now: `Date` (RFC 9110, section 6.6.1)."""
        return b"".join([b"%b: %b\r\n" % field for field in self.default_headers])

    def refused(self) -> None:
        """Count a connection that was refused for want of file descriptors."""
        self.refused_connections += 1
        now = time.monotonic()
        if now - self._warned >= WARN_EVERY:
            self._warned = now
            _log.warning("out_of_file_descriptors", extra={"connections": len(self.connections)})
