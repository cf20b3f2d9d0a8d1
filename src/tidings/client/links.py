"""What the two shells share of httpx2 and websockets: limits, failures, and how they are told."""

import os
import socket
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx2
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from tidings.client.commands import Answer, Request
from tidings.client.lost import Lost, NoToken, Silence
from tidings.client.sse import LIMIT

CONNECT_WITHIN = 10.0  # seconds
TOKEN_WITHIN = 10.0  # seconds
CLOSE_WITHIN = 1.0  # seconds for a WebSocket's goodbye; nothing is lost without it

# Streams are connections that stay: a pool of the usual size would let no request through
# beside a hundred of them.
POOL = httpx2.Limits(max_connections=None, max_keepalive_connections=20)

FAILURES = (httpx2.TransportError, httpx2.DecodingError, httpx2.StreamError, WebSocketException, OSError)


def patience(within: float) -> httpx2.Timeout:
    """How long httpx2 may wait for each part of a request."""
    return httpx2.Timeout(within, connect=min(within, CONNECT_WITHIN), pool=None)


def endless(request: httpx2.Request) -> None:
    """From here on the shell itself measures the silence between two pieces of the body.

    httpx2 hands the extensions of a request on as they are, and looks at them again for the body.
    """
    request.extensions["timeout"]["read"] = None


def lost(error: Exception) -> Lost:
    """A failure in our own words."""
    if isinstance(error, (httpx2.ReadTimeout, TimeoutError)):
        return Silence("nothing came in time")
    if isinstance(error, ConnectionClosed):
        code = error.rcvd.code if error.rcvd else None
        return Lost(f"the WebSocket was closed ({error.rcvd or 'without a word'})", code=code)
    if isinstance(error, httpx2.RemoteProtocolError):
        return Lost("the connection was cut")
    return Lost(_reason(error))


def no_token(error: BaseException) -> NoToken:
    """What the caller's function raised. Whatever it is, the next call of it may go well."""
    words = str(error) if isinstance(error, OSError) and str(error) else repr(error)
    return NoToken(f"there is no token: {words}")


def _reason(error: BaseException) -> str:
    """The system's own words ("Connection refused") where there are any, however deep."""
    words = ""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno:
            # getaddrinfo and OpenSSL have numbers of their own; asyncio has words of its own for the system's.
            own = isinstance(cause, (socket.gaierror, ssl.SSLError))
            words = str(cause.strerror) if own else os.strerror(cause.errno)
        cause = cause.__cause__ or cause.__context__
    return words or str(error) or type(error).__name__


def answer_of(status: int, headers: Mapping[str, str], body: bytes = b"") -> Answer:
    """An answer, with the header names in lower case."""
    return Answer(status=status, headers={name.lower(): value for name, value in headers.items()}, body=body)


def refused_handshake(error: InvalidStatus) -> Answer:
    """The answer that a WebSocket handshake got instead of an upgrade."""
    response = error.response
    headers = dict(response.headers.raw_items())
    return answer_of(response.status_code, headers, bytes(response.body or b""))


def websocket_url(request: Request) -> str:
    """http -> ws, https -> wss."""
    parts = urlsplit(request.url)
    return urlunsplit(parts._replace(scheme="wss" if parts.scheme == "https" else "ws"))


# For websockets.connect: no compression (it costs memory on both sides), no pings of its own
# (the core asks when it is silent), no message larger than an event may be.
WEBSOCKET_OPTIONS: dict[str, Any] = {
    "compression": None,
    "ping_interval": None,
    "close_timeout": CLOSE_WITHIN,
    "max_size": LIMIT,
    "user_agent_header": None,
}
