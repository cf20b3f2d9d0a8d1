"""The options of websockets, and its failures as ConnectionLost. Imported when a WebSocket is opened."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from tidings.client._commands import Request, Response
from tidings.client._exceptions import ConnectionLost
from tidings.client._network import reason_of, response_of
from tidings.client._sse import EVENT_SIZE_MAX

CLOSE_HANDSHAKE_TIMEOUT = 1.0  # seconds for the closing handshake; nothing is lost without it

# No compression (it costs memory on both sides), no pings of its own (the program probes when it is silent), no
# message larger than an event may be.
OPTIONS: dict[str, Any] = {
    "compression": None,
    "ping_interval": None,
    "close_timeout": CLOSE_HANDSHAKE_TIMEOUT,
    "max_size": EVENT_SIZE_MAX,
    "user_agent_header": None,
}


@contextmanager
def translated() -> Iterator[None]:
    """Raise ConnectionLost for the failures of websockets."""
    try:
        yield
    except ConnectionClosed as error:
        code = error.rcvd.code if error.rcvd else None
        reason = f"the WebSocket was closed ({error.rcvd or 'without a close frame'})"
        raise ConnectionLost(reason, code=code) from error
    except WebSocketException as error:
        raise ConnectionLost(reason_of(error)) from error


def handshake_response(error: InvalidStatus) -> Response:
    """The response to a handshake that got no upgrade."""
    response = error.response
    headers = dict(response.headers.raw_items())
    return response_of(response.status_code, headers, bytes(response.body or b""))


def websocket_url(request: Request) -> str:
    """http -> ws, https -> wss."""
    parts = urlsplit(request.url)
    return urlunsplit(parts._replace(scheme="wss" if parts.scheme == "https" else "ws"))
