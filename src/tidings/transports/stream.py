"""An endless response: a reader of the hub, on a socket of its own or on an ASGI coroutine."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tidings.domain.model import Feed
from tidings.domain.ports import Encoding, Unacked
from tidings.domain.topics import Topic
from tidings.hub.hub import Hub
from tidings.hub.readers import EndReason, Reader
from tidings.transports.asgi_fallback import HIGH_WATER, LOW_WATER, AsgiSink
from tidings.transports.chunked_frames import LAST_CHUNK, TRANSFER_ENCODING, chunk
from tidings.transports.detachable import DetachableSocket, Headers, SocketProtocol, detachable_socket
from tidings.transports.sse import SseEncoding
from tidings.transports.tcp_info import unacked
from tidings.transports.timer import Timer

MAX_UNREAD = 16 * 1024  # bytes in one packet from a client that has nothing to say: not a client of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamContext:
    """The context that all streams share."""

    hub: Hub
    timer: Timer


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """The start of one stream: its feed, position and first bytes."""

    feed: Feed
    extra: Sequence[Topic]  # topics beside the feed
    encoding: Encoding
    position: int
    preface: bytes  # hello, and what else comes before the log
    expires: int = 0  # seconds since 1970, when its token ends and the stream with it; 0 for never
    credential: object = None  # that it is opened with
    heartbeat: float = 20.0  # seconds between two heartbeats, at most
    heartbeat_slots: int | None = None  # between two heartbeats, where the request asked for more of them


class EventStream:
    """The response of one stream: to an ASGI server, or on a socket."""

    status = 200  # of the response on a socket

    def __init__(self, context: StreamContext, opening: Opening, *, headers: Headers) -> None:
        self._hub = context.hub
        self._timer = context.timer
        self._opening = opening
        self._encoding = opening.encoding
        self._preface = opening.preface
        self._end = b""  # written last, where the end is an orderly one
        self.headers = [*headers, (b"tidings-heartbeat", b"%g" % opening.heartbeat)]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": list(self.headers)})
            await send({"type": "http.response.body"})
            return
        socket = detachable_socket(scope)
        if socket is None:
            await AsgiSink(self._hub).run(self, receive, send)
            return
        if scope["http_version"] == "1.1":
            self.use_chunks()
        await self.detach(socket, send)

    def use_chunks(self) -> None:
        """Frame the body as HTTP/1.1 does, if it is one of HTTP."""
        if isinstance(self._encoding, SseEncoding):
            self._encoding, self._preface = self._encoding.chunked, chunk(self._preface)
            self.headers.append(TRANSFER_ENCODING)
            self._end = LAST_CHUNK

    async def detach(self, socket: DetachableSocket, send: Any) -> None:
        """Take the socket from its server."""
        head = await socket.head(send, status=self.status, headers=self.headers)
        if socket.connected():
            sink = self.sink(socket.connections)
            sink.start(socket.detach(sink), self, head=head)

    def sink(self, connections: set[Any]) -> "SocketSink":
        """The protocol of its socket."""
        return SocketSink(self._hub, connections, end=self._end)

    def join(self, sink: "SocketSink | AsgiSink", *, head: bytes = b"") -> Reader:
        """Write the preface and join; no event can come before it. `head`: that of the response, if it is due."""
        opening = self._opening
        sink.write(head + self._preface)
        reader = self._hub.join(
            opening.feed, sink=sink, encoding=self._encoding, extra=opening.extra, position=opening.position
        )
        if opening.heartbeat_slots is not None:
            self._hub.liveness.heartbeat_every(reader, opening.heartbeat_slots)
        reader.credential = opening.credential
        self._timer.expire_at(reader, opening.expires)
        return reader


class SocketSink(SocketProtocol):
    """A reader's socket. Its `write` is the transport's own: nothing stands between the hub and the kernel."""

    __slots__ = ("end", "hub", "reader", "write")

    def __init__(self, hub: Hub, connections: set[Any], *, end: bytes = b"") -> None:
        """`end` is written last, where the end is an orderly one."""
        super().__init__(connections)
        self.hub = hub
        self.end = end
        self.reader: Reader | None = None

    def start(self, transport: asyncio.Transport, stream: EventStream, *, head: bytes = b"") -> None:
        """Write the head of the response, if it is due, and join."""
        self.transport = transport
        self.write = transport.write
        transport.set_write_buffer_limits(high=HIGH_WATER, low=LOW_WATER)
        self.reader = stream.join(self, head=head)
        if transport.get_write_buffer_size() > HIGH_WATER:
            self.hub.stalled(self.reader)

    def unacked(self) -> Unacked | None:
        return unacked(self.transport)

    def close(self, *, expired: bool = False) -> None:
        if self.reader is not None and self.end:
            self.transport.write(self.end)
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
        if len(data) > MAX_UNREAD:
            self.violated()
            self.abort()

    def violated(self) -> None:
        """Note, for the log and the metrics, that the client ends itself."""
        if self.reader is not None:
            self.reader.end_reason = EndReason.PROTOCOL_VIOLATION

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._leave()

    def _leave(self) -> None:
        reader, self.reader = self.reader, None
        if reader is not None:
            self.hub.leave(reader)
