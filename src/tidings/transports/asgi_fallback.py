"""Streams, WebSockets and long polls behind any ASGI server: a coroutine for each, slower and equally right."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tidings.domain.ports import Unacked
from tidings.hub.readers import EndReason
from tidings.transports.close_codes import BINARY, GOING_AWAY, TOKEN, TOO_BIG, CloseReason, ProtocolViolation
from tidings.transports.poll_frames import POLL_HEADERS
from tidings.transports.ws_codec import MAX_MESSAGE

if TYPE_CHECKING:
    from tidings.hub.hub import Hub
    from tidings.hub.readers import Reader
    from tidings.transports.poll import LongPoll
    from tidings.transports.stream import EventStream
    from tidings.transports.ws_socket import WsContext

HIGH_WATER = 64 * 1024  # bytes in this process for one reader; about 200 events
LOW_WATER = 16 * 1024


class AsgiSink:
    """A reader's sink: one task sends what has gathered, another waits for the client to leave."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._parts: list[bytes] = []
        self._size = 0  # bytes in the parts, or being sent
        self._sent_bytes = 0
        self._wake = asyncio.Event()
        self._ending = False
        self._reader: Reader | None = None
        self._sender: asyncio.Task[Any] | None = None

    async def run(self, stream: EventStream, receive: Any, send: Any) -> None:
        """Until the client or the hub ends it. Raises `CancelledError` when it is cancelled, after an orderly end."""
        # Joined before anything is awaited: the feed that was read for it would grow old meanwhile.
        self._reader = stream.join(self)
        if self._size > HIGH_WATER:
            self._hub.stalled(self._reader)
        tasks: list[asyncio.Task[Any]] = []
        try:
            await self._start(stream, send)
            self._sender = asyncio.create_task(self._send(send))
            tasks = [self._sender, asyncio.create_task(self._receive(receive))]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # the server stops and has no other way to say so, or the caller's time is up
            if self._sender is not None and not self._sender.done():
                await _cancel(tasks)
                await self._finish(send)
            raise
        finally:
            self._hub.leave(self._reader)
            await _cancel(tasks)

    async def _start(self, stream: EventStream, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(stream.headers)})

    async def _send(self, send: Any) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            data = b"".join(self._parts)
            self._parts.clear()
            if data:
                await self._send_frames(send, data)
                self._size -= len(data)
                self._sent_bytes += len(data)
            if self._ending and not self._parts:
                await self._finish(send)
                return
            if self._reader is not None and not self._reader.writable and self._size <= LOW_WATER:
                self._hub.drained(self._reader)

    async def _send_frames(self, send: Any, data: bytes) -> None:
        await send({"type": "http.response.body", "body": data, "more_body": True})

    async def _finish(self, send: Any) -> None:
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _receive(self, receive: Any) -> None:
        """Until the client leaves."""
        while (await receive())["type"] != "http.disconnect":
            pass

    def write(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        self._wake.set()
        if self._size > HIGH_WATER and self._reader is not None:
            self._hub.stalled(self._reader)

    def unacked(self) -> Unacked | None:
        return Unacked(acked_bytes=self._sent_bytes) if self._size else None

    def close(self, *, expired: bool = False) -> None:
        if self._reader is not None:
            self._hub.leave(self._reader)
        self._ending = True
        self._wake.set()

    def abort(self) -> None:
        if self._reader is not None:
            self._hub.leave(self._reader)
        if self._sender is not None:
            self._sender.cancel()


class AsgiWsSink(AsgiSink):
    """The same for a WebSocket, which the server frames and pings: each line is one message (`WsLines`)."""

    def __init__(self, context: WsContext) -> None:
        super().__init__(context.hub)
        self._context = context
        self._close_reason: CloseReason = GOING_AWAY
        self._sent = asyncio.Event()

    async def _start(self, stream: EventStream, send: Any) -> None:
        await send({"type": "websocket.accept", "headers": list(stream.headers)})

    async def _send_frames(self, send: Any, data: bytes) -> None:
        for line in data.split(b"\n")[:-1]:
            await send({"type": "websocket.send", "text": line.decode()})
        self._sent.set()

    async def _finish(self, send: Any) -> None:
        await send({"type": "websocket.close", "code": self._close_reason.code, "reason": self._close_reason.reason})

    def close(self, *, expired: bool = False) -> None:
        if expired:
            self._close_reason = TOKEN
        super().close()

    async def _receive(self, receive: Any) -> None:
        try:
            while (message := await receive())["type"] != "websocket.disconnect":
                await self._handle(message.get("text"))
        except ProtocolViolation as violation:
            self._close_reason = violation.close_reason
            if self._reader is not None:
                self._reader.end_reason = EndReason.PROTOCOL_VIOLATION
            self.close()
            assert self._sender is not None
            await self._sender  # it says so

    async def _handle(self, text: str | None) -> None:
        """Answer one message before the next is looked at. Raises `ProtocolViolation`."""
        if text is None:
            raise ProtocolViolation(BINARY)
        if len(text.encode(errors="replace")) > MAX_MESSAGE:
            raise ProtocolViolation(TOO_BIG)
        assert self._reader is not None
        reply = self._context.handle(self._reader.membership.user, text)
        payload = reply if isinstance(reply, bytes) else await reply
        if payload:
            self._sent.clear()
            self.write(payload + b"\n")
            await self._sent.wait()


class AsgiPollSink:
    """A waiting poll: a coroutine for the response, and a task for the client to leave."""

    def __init__(self, poll: LongPoll) -> None:
        self._poll = poll
        self._content: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._closing = False
        self._reader: Reader | None = None

    async def run(self, receive: Any, send: Any) -> None:
        """Until there is an answer, its time is up, or the client left.

        Raises `CancelledError` when it is cancelled, after an answer.
        """
        poll = self._poll
        self._reader = poll.join(self)
        left = asyncio.create_task(_disconnected(receive))
        waits: set[asyncio.Future[Any]] = {self._content, left}
        try:
            await asyncio.wait(waits, timeout=poll.wait, return_when=asyncio.FIRST_COMPLETED)
            if not left.done():
                self.write(b"")
        except asyncio.CancelledError:  # as in a stream
            self.close()
            await self._answer(left, send)
            raise
        finally:
            poll.context.hub.leave(self._reader)
            await _cancel([left])
        await self._answer(left, send)

    async def _answer(self, left: asyncio.Task[None], send: Any) -> None:
        if (left.done() and not left.cancelled()) or self._content.cancelled():
            return
        content = self._content.result()
        headers = [*POLL_HEADERS, (b"content-length", str(len(content)).encode())]
        if self._closing:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def write(self, data: bytes) -> None:
        if not self._content.done() and self._reader is not None:
            self._content.set_result(self._poll.answer(self._reader, data))

    def unacked(self) -> None:
        """None: nothing is written before the answer."""

    def close(self, *, expired: bool = False) -> None:
        self._closing = True
        self.write(b"")

    def abort(self) -> None:
        self._content.cancel()


async def _disconnected(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
