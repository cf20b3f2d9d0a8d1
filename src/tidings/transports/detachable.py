"""Detachable sockets, as transports see them: a response that outlives HTTP takes its socket from the server.

A stream in ASGI costs its coroutine; a socket with nothing but a small protocol costs a fifth. So a server may offer
its socket through `scope["extensions"]`. (uvicorn does the same by itself when a WebSocket takes over.)
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Protocol

EXTENSION = "tidings.socket"  # in `scope["extensions"]`: {"owner": a `SocketOwner`}

Headers = Iterable[tuple[bytes, bytes]]


class HttpResumer(Protocol):
    """Gives a detached socket back to HTTP."""

    @property
    def keep_alive(self) -> float:
        """Seconds that a connection without a request stays open."""

    def resume_http(self, transport: asyncio.Transport, data: bytes, *, full: bool, eager: bool) -> None:
        """Read HTTP from the socket again, first from `data`.

        `full`: the previous response is still in the write buffer. `eager`: run the request up to its first await
        before returning; it must not ask for its task, as anyio does: it has none yet.
        """


class DetachableSocket(Protocol):
    """The socket of one request. It may be detached once."""

    @property
    def connections(self) -> set[Any]:
        """The server's set of open connections."""

    @property
    def resumer(self) -> HttpResumer | None:
        """Gives the socket back; None if the client wants it closed after the response."""

    async def head(self, send: Any, *, status: int, headers: Headers) -> bytes:
        """The head of a response whose body follows on the socket, to the end of the connection.

        Nothing is written yet: with the first frames it makes one packet.
        """

    async def open_head(self, send: Any, *, status: int, headers: Headers) -> bytes:
        """The head of a response that will be written later, without its last line: more fields may follow."""

    @property
    def response_fields(self) -> Callable[[], bytes]:
        """Returns the fields of every response that is written at that moment: `Date`."""

    def connected(self) -> bool:
        """Is the client still there?"""

    def detach(self, protocol: "SocketProtocol") -> asyncio.Transport:
        """End HTTP on the socket and give it to `protocol`."""


class SocketOwner(Protocol):
    """A server's HTTP connection."""

    def detachable_socket(self, scope: Any) -> DetachableSocket | None:
        """The socket of the request with this scope, if it can be detached now."""


def detachable_socket(scope: Any) -> DetachableSocket | None:
    """The socket of this request; None if its server offers none, or not now."""
    extension = scope.get("extensions", {}).get(EXTENSION)
    if extension is None:
        return None
    owner: SocketOwner = extension["owner"]
    return owner.detachable_socket(scope)


class SocketProtocol(asyncio.Protocol):
    """Base of every protocol that takes a socket over: the server closes it at shutdown like any other."""

    __slots__ = ("connections", "transport")

    def __init__(self, connections: set[Any]) -> None:
        self.connections = connections
        self.transport: asyncio.Transport

    def shutdown(self) -> None:
        """The server stops; what had to be said was said."""
        self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.connections.discard(self)
