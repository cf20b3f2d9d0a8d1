"""An endless response: a reader of the hub, on a socket of its own or on an ASGI coroutine."""

import asyncio
from collections.abc import Sequence
from typing import Any

from tidings.domain.model import Feed
from tidings.domain.ports import Backlog, Encoding
from tidings.domain.topics import Topic
from tidings.hub.hub import Hub
from tidings.hub.readers import Reader
from tidings.transports.detachable import Headers, SocketProtocol, detachable_socket
from tidings.transports.tcp_info import backlog
from tidings.transports.timer import Timer

HIGH_WATER = 64 * 1024  # bytes in this process for one reader; about 200 events
LOW_WATER = 16 * 1024
CHATTER = 16 * 1024  # bytes in one packet from a client that has nothing to say: not a client of ours


class Stream:
    """The ASGI response of one stream."""

    def __init__(
        self, *, hub: Hub, timer: Timer, feed: Feed, extra: Sequence[Topic], encoding: Encoding, position: int,
        preface: bytes, headers: Headers, expires: int = 0,
    ) -> None:  # fmt: skip
        """`preface` is written first: hello, and what else comes before the log. The stream ends when
        its token does: `expires` is in seconds since 1970, 0 for never."""
        self._hub = hub
        self._timer = timer
        self._feed = feed
        self._extra = extra
        self._encoding = encoding
        self._position = position
        self._preface = preface
        self._headers = headers
        self._expires = expires

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": list(self._headers)})
            await send({"type": "http.response.body"})
            return
        socket = detachable_socket(scope)
        if socket is None:
            await send({"type": "http.response.start", "status": 200, "headers": list(self._headers)})
            await PlainSink(self._hub).run(self, receive, send)
            return
        self._preface = await socket.head(send, status=200, headers=self._headers) + self._preface
        if socket.open():
            sink = SocketSink(self._hub, socket.connections)
            sink.start(socket.take(sink), self)

    def join(self, sink: "SocketSink | PlainSink") -> Reader:
        """Write the preface and join; no event can come before it."""
        sink.write(self._preface)
        reader = self._hub.join(
            self._feed, sink=sink, encoding=self._encoding, extra=self._extra, position=self._position
        )
        self._timer.expire_at(reader, self._expires)
        return reader


class SocketSink(SocketProtocol):
    """A reader's socket. Its `write` is the transport's own: nothing stands between the hub and the kernel."""

    __slots__ = ("hub", "reader", "write")

    def __init__(self, hub: Hub, connections: set[Any]) -> None:
        super().__init__(connections)
        self.hub = hub
        self.reader: Reader | None = None

    def start(self, transport: asyncio.Transport, stream: Stream) -> None:
        self.transport = transport
        self.write = transport.write
        transport.set_write_buffer_limits(high=HIGH_WATER, low=LOW_WATER)
        self.reader = stream.join(self)
        if transport.get_write_buffer_size() > HIGH_WATER:
            self.hub.stalled(self.reader)

    def backlog(self) -> Backlog | None:
        return backlog(self.transport)

    def close(self, *, expired: bool = False) -> None:
        self._leave()
        self.transport.close()

    def abort(self) -> None:
        self._leave()
        self.transport.abort()

    def pause_writing(self) -> None:
        if self.reader is not None:
            self.hub.stalled(self.reader)

    def resume_writing(self) -> None:
        if self.reader is not None:
            self.hub.drained(self.reader)

    def data_received(self, data: bytes) -> None:
        if len(data) > CHATTER:
            self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._leave()

    def _leave(self) -> None:
        reader, self.reader = self.reader, None
        if reader is not None:
            self.hub.leave(reader)


class PlainSink:
    """A reader behind any ASGI server: one coroutine that sends what has gathered, one that waits for the end."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._parts: list[bytes] = []
        self._size = 0  # bytes in the parts, or being sent
        self._taken = 0
        self._wake = asyncio.Event()
        self._ending = False
        self._reader: Reader | None = None
        self._task: asyncio.Task[Any] | None = None

    async def run(self, stream: Stream, receive: Any, send: Any) -> None:
        """Until the client or the hub ends it."""
        self._reader = stream.join(self)
        if self._size > HIGH_WATER:
            self._hub.stalled(self._reader)
        self._task = asyncio.create_task(self._send(send))
        gone = asyncio.create_task(self._attend(receive))
        stopped = False
        try:
            await asyncio.wait({self._task, gone}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # the server stops, and has no other way to say so
            stopped = not self._task.done()
        finally:
            self._hub.leave(self._reader)
            for task in (self._task, gone):
                task.cancel()
            await asyncio.gather(self._task, gone, return_exceptions=True)
        if stopped:
            await self._finish(send)

    async def _send(self, send: Any) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            data = b"".join(self._parts)
            self._parts.clear()
            if data:
                await self._put(send, data)
                self._size -= len(data)
                self._taken += len(data)
            if self._ending and not self._parts:
                await self._finish(send)
                return
            if self._reader is not None and not self._reader.writable and self._size <= LOW_WATER:
                self._hub.drained(self._reader)

    async def _put(self, send: Any, data: bytes) -> None:
        await send({"type": "http.response.body", "body": data, "more_body": True})

    async def _finish(self, send: Any) -> None:
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _attend(self, receive: Any) -> None:
        """Until the client leaves."""
        while (await receive())["type"] != "http.disconnect":
            pass

    def write(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        self._wake.set()
        if self._size > HIGH_WATER and self._reader is not None:
            self._hub.stalled(self._reader)

    def backlog(self) -> Backlog | None:
        return Backlog(taken=self._taken) if self._size else None

    def close(self, *, expired: bool = False) -> None:
        if self._reader is not None:
            self._hub.leave(self._reader)
        self._ending = True
        self._wake.set()

    def abort(self) -> None:
        if self._reader is not None:
            self._hub.leave(self._reader)
        if self._task is not None:
            self._task.cancel()
