"""The limits of httpx2, its failures as ConnectionLost, and its responses as values."""

import os
import socket
import ssl
from collections.abc import Mapping

import httpx2

from tidings.client._commands import Response
from tidings.client._exceptions import ConnectionLost, ReadTimedOut, TokenUnavailable
from tidings.client._responses import MISSED_HEARTBEATS, heartbeat_of

CONNECT_WITHIN = 10.0  # seconds
TOKEN_WITHIN = 10.0  # seconds

# Streams are connections that stay: a pool of the usual size would let no request through
# beside a hundred of them.
POOL = httpx2.Limits(max_connections=None, max_keepalive_connections=20)

FAILURES = (httpx2.TransportError, httpx2.DecodingError, httpx2.StreamError, OSError)


def timeouts(within: float) -> httpx2.Timeout:
    """The time that httpx2 may wait for each part of a request."""
    return httpx2.Timeout(within, connect=min(within, CONNECT_WITHIN), pool=None)


def set_read_timeout(request: httpx2.Request, head: Response) -> float | None:
    """Set the time-out of each read of a stream's body by the heartbeat in its head, and return it.

    None, and no time-out, where the head does not say. httpx2 hands the extensions of a request on as they are, and
    looks at them again when the body begins.
    """
    heartbeat = heartbeat_of(head)
    seconds = None if heartbeat is None else heartbeat * MISSED_HEARTBEATS
    request.extensions["timeout"]["read"] = seconds
    return seconds


def connection_lost(error: Exception) -> ConnectionLost:
    """The failure of a request or of a read."""
    if isinstance(error, (httpx2.ReadTimeout, TimeoutError)):
        return ReadTimedOut("nothing came in time")
    if isinstance(error, httpx2.RemoteProtocolError):
        return ConnectionLost("the connection was cut")
    return ConnectionLost(reason_of(error))


def token_unavailable(error: BaseException) -> TokenUnavailable:
    """The failure of the caller's token function. It is worth a retry: the function's next call may go well."""
    words = str(error) if isinstance(error, OSError) and str(error) else repr(error)
    return TokenUnavailable(f"there is no token: {words}")


def reason_of(error: BaseException) -> str:
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


def response_of(status: int, headers: Mapping[str, str], body: bytes = b"") -> Response:
    """A response, with the header names in lower case."""
    return Response(status=status, headers={name.lower(): value for name, value in headers.items()}, body=body)
