"""A WebSocket behind any ASGI server, which does the framing and the pings."""

import asyncio
from typing import Any

from tidings.transports.close_codes import BINARY, GOING_AWAY, TOKEN, TOO_BIG, CloseReason, ProtocolViolation
from tidings.transports.stream import PlainSink
from tidings.transports.ws_codec import MESSAGE
from tidings.transports.ws_socket import WsContext


class PlainWs(PlainSink):
    """One coroutine that sends, one that hears. What is written are lines, each of them a message (`WsLines`)."""

    def __init__(self, room: WsContext) -> None:
        super().__init__(room.hub)
        self._room = room
        self._close_reason: CloseReason = GOING_AWAY
        self._sent = asyncio.Event()

    async def _put(self, send: Any, data: bytes) -> None:
        for line in data.split(b"\n")[:-1]:
            await send({"type": "websocket.send", "text": line.decode()})
        self._sent.set()

    async def _finish(self, send: Any) -> None:
        await send({"type": "websocket.close", "code": self._close_reason.code, "reason": self._close_reason.reason})

    def close(self, *, expired: bool = False) -> None:
        if expired:
            self._close_reason = TOKEN
        super().close()

    async def _attend(self, receive: Any) -> None:
        try:
            while (message := await receive())["type"] != "websocket.disconnect":
                await self._hear(message.get("text"))
        except ProtocolViolation as violation:
            self._close_reason = violation.close_reason
            self.close()
            assert self._task is not None
            await self._task  # it says so

    async def _hear(self, text: str | None) -> None:
        """Answer one message before the next is looked at. Raises `Broken`."""
        if text is None:
            raise ProtocolViolation(BINARY)
        if len(text.encode(errors="replace")) > MESSAGE:
            raise ProtocolViolation(TOO_BIG)
        assert self._reader is not None
        answer = self._room.hear(self._reader.membership.user, text)
        payload = answer if isinstance(answer, bytes) else await answer
        if payload:
            self._sent.clear()
            self.write(payload + b"\n")
            await self._sent.wait()
