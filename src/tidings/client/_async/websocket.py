"""A WebSocket on asyncio."""

import asyncio

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tidings.client._commands import Open, Response
from tidings.client._websocket import OPTIONS, handshake_response, translated, websocket_url


class AsyncWebSocketChannel:
    """One open WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def read(self, within: float) -> bytes:
        """Read the next message. Raises TimeoutError, ConnectionLost."""
        with translated():
            async with asyncio.timeout(within):
                return await self._connection.recv(decode=False)

    async def probe(self, within: float) -> bool:
        """Ping, and wait for the pong. Raises ConnectionLost."""
        with translated():
            pong = await self._connection.ping()
            try:
                async with asyncio.timeout(within):
                    await pong
            except TimeoutError:
                return False
            return True

    def interrupt(self) -> None:
        """Do nothing: the task that reads is cancelled."""

    async def aclose(self) -> None:
        """Close the connection with a closing handshake."""
        with translated():
            await self._connection.close()


async def open_websocket(command: Open) -> AsyncWebSocketChannel | Response:
    """Open a WebSocket; the response where there is no upgrade. Raises ConnectionLost, OSError."""
    with translated():
        try:
            connection = await connect(
                websocket_url(command.request),
                additional_headers=command.request.headers,
                open_timeout=command.within,
                **OPTIONS,
            )
        except InvalidStatus as error:
            return handshake_response(error)
    return AsyncWebSocketChannel(connection)
