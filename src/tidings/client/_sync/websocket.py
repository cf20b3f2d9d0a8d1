"""A WebSocket of a thread."""

import contextlib

from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tidings.client._commands import Open, Response
from tidings.client._websocket import OPTIONS, handshake_response, translated, websocket_url


class WebSocketChannel:
    """One open WebSocket."""

    def __init__(self, connection: ClientConnection, stack: contextlib.ExitStack) -> None:
        self._connection, self._stack = connection, stack

    def read(self, within: float) -> bytes:
        """Read the next message. Raises TimeoutError, ConnectionLost."""
        with translated():
            return self._connection.recv(within, decode=False)

    def probe(self, within: float) -> bool:
        """Ping, and wait for the pong. True if it is closed meanwhile: the next read says so. Raises ConnectionLost."""
        with translated():
            return self._connection.ping(ack_on_close=True).wait(within)

    def interrupt(self) -> None:
        """End a read of another thread."""
        self._connection.close()

    def close(self) -> None:
        """Close the connection with a closing handshake."""
        with translated():
            self._stack.close()


def open_websocket(command: Open) -> WebSocketChannel | Response:
    """Open a WebSocket; the response where there is no upgrade. Raises ConnectionLost, OSError."""
    stack = contextlib.ExitStack()
    with translated():
        try:
            connection = stack.enter_context(
                connect(
                    websocket_url(command.request),
                    additional_headers=command.request.headers,
                    open_timeout=command.within,
                    **OPTIONS,
                )
            )
        except InvalidStatus as error:
            return handshake_response(error)
    return WebSocketChannel(connection, stack)
