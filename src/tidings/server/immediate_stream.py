"""A stream that starts in the turn of the loop in which its request came, and for which HTTP is never set up.

The bytes that a client gets are those of the ordinary way (`http_protocol`, `socket_detach`); a test compares them.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from tidings.server.plain_request import plain_request
from tidings.server.state import ServerState
from tidings.transports.stream import EventStream

# The stream that the request with this scope asks for, and the fields of its response; None if it has to wait.
OpenStream = Callable[[Any], tuple[EventStream, list[tuple[bytes, bytes]]] | None]


def no_stream(_: Any) -> None:
    """Open none: every request goes the ordinary way."""


def start_stream(data: bytes, transport: asyncio.Transport, state: ServerState, *, open: OpenStream) -> bool:
    """Give the socket to the stream that `data` asks for. False, and nothing has happened, if HTTP has to do it."""
    scope = plain_request(data)
    opened = None if scope is None else open(scope)
    if opened is None:
        return False
    stream, fields = opened
    close = b"" if stream.status == 101 else b"connection: close\r\n"  # as the body ends with the connection
    lines = [b"%b: %b\r\n" % field for field in fields]
    head = b"".join([STATUS_LINE[stream.status], state.response_fields(), *lines, close, b"\r\n"])
    sink = stream.sink(state.connections)
    state.connections.add(sink)
    transport.set_protocol(sink)
    sink.start(transport, stream, head=head)
    return True
