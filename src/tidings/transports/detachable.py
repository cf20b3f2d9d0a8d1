"""The socket that a server lets an endpoint detach, as the endpoint sees it: the server itself is not known here.

A server that can do that puts `{"protocol": object}` into `scope["extensions"]`, under EXTENSION, and
`object.detachable_socket(scope)` returns a `DetachableSocket` or None. Under any other server streams are sent in
the ordinary way.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol

EXTENSION = "tidings.handover"

Headers = Iterable[tuple[bytes, bytes]]


class HttpResumer(Protocol):
    """The server's HTTP, where a socket can be given back to."""

    @property
    def keep_alive(self) -> float:
        """Seconds without a request after which the connection ends."""

    def resume_http(self, transport: asyncio.Transport, data: bytes, *, full: bool, again: bool) -> None:
        """Give a socket back to HTTP with what came in.

        `full`: the answer before is still on its way out. `again`: the request is for the endpoint that gave the socket
        back, whose first step may be taken now.
        """


class DetachableSocket(Protocol):
    """A socket that may be taken, once."""

    @property
    def connections(self) -> set[Any]:
        """The server's set of open connections."""

    @property
    def home(self) -> HttpResumer | None:
        """Where the socket can be given back to; None if the client wants it closed."""

    async def head(self, send: Any, *, status: int, headers: Headers) -> bytes:
        """The response's head as the middleware wants it. What follows it on the socket is the body, to the end."""

    async def later(self, send: Any, *, status: int, headers: Headers) -> bytes:
        """The head of a response that will be written later, open for more headers."""

    def open(self) -> bool:
        """Is the client still there?"""

    def take(self, sink: "SocketProtocol") -> asyncio.Transport:
        """End HTTP on the socket and give it to `sink`."""


def detachable_socket(scope: Any) -> DetachableSocket | None:
    """The socket of this request, if its server has a hand-over and the socket is free to be taken."""
    server = scope.get("extensions", {}).get(EXTENSION)
    if server is None:
        return None
    socket: DetachableSocket | None = server["protocol"].detachable_socket(scope)
    return socket


class SocketProtocol(asyncio.Protocol):
    """What every protocol that takes a socket over has: the server closes it at shutdown like any other."""

    __slots__ = ("connections", "transport")

    def __init__(self, connections: set[Any]) -> None:
        self.connections = connections
        self.transport: asyncio.Transport

    def shutdown(self) -> None:
        """The server is stopping; what had to be said was said."""
        self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.connections.discard(self)
