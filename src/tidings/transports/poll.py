"""A long poll: a reader of the hub that is answered once. While it waits it is a socket and nothing else."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tidings.domain.topics import Topic
from tidings.hub.hub import Hub
from tidings.hub.readers import EndReason, Membership, Reader, ReaderState
from tidings.transports.asgi_fallback import AsgiPollSink
from tidings.transports.detachable import HttpResumer, SocketProtocol, detachable_socket
from tidings.transports.poll_frames import POLL_HEADERS, Lines, PollEncoding, body, first
from tidings.transports.timer import Timer

MAX_PIPELINED = 16 * 1024  # bytes of later requests that are held while one waits; the rest stays in the kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class PollContext:
    """The context that all waiting polls share."""

    hub: Hub
    timer: Timer
    encoding: PollEncoding


class LongPoll:
    """The ASGI response of a poll that found nothing yet."""

    def __init__(
        self,
        context: PollContext,
        *,
        membership: Membership,
        extra: Sequence[Topic],
        position: int,
        head: int,
        wait: int,
        limit: int,
        expires: int,
        credential: object = None,
    ) -> None:
        """`position` is what an empty answer names; nothing is between it and `head`.
        `wait` in seconds; `expires` in seconds since 1970, 0 for never."""
        self.context = context
        self.position = position
        self.wait = wait
        self.limit = limit
        self._membership = membership
        self._extra = extra
        self._head = head
        self._expires = expires
        self._credential = credential

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        socket = detachable_socket(scope)
        if socket is None:
            await AsgiPollSink(self).run(receive, send)
            return
        head = await socket.open_head(send, status=200, headers=POLL_HEADERS)
        if socket.connected():
            sink = PollSocket(
                self, socket.connections, socket.resumer, head, fields=socket.response_fields, path=scope["raw_path"]
            )
            sink.start(socket.detach(sink))

    def join(self, sink: "PollSocket | AsgiPollSink") -> Reader:
        """Wait as a reader of the hub."""
        context = self.context
        reader = context.hub.add_reader(
            self._membership, sink=sink, encoding=context.encoding, extra=self._extra, position=self._head
        )
        reader.credential = self._credential
        context.timer.expire_at(reader, self._expires)
        return reader

    def answer(self, reader: Reader, frames: bytes) -> bytes:
        """The body of the response with what the hub wrote; b"" for nothing."""
        context = self.context
        if reader.end_reason is EndReason.CLIENT_LEFT:  # else it is answered because the server ends it
            reader.end_reason = EndReason.POLL_ANSWERED
        if frames:
            seq = context.hub.head if reader.state is ReaderState.LIVE else reader.position
            return body(first(frames, self.limit, cursor=context.encoding.cursor(seq)))
        # As in a short poll: the cursor stays the same until the ring is about to evict it.
        position = self.position
        if context.hub.ring.evicts_soon(position) and reader.state is ReaderState.LIVE:
            position = context.hub.head
        return body(Lines(b"", str(context.encoding.cursor(position)).encode(), False))


class PollSocket(SocketProtocol):
    """The socket of a waiting poll, then of a client that has its answer. Its next request is HTTP's again."""

    __slots__ = ("_due", "_fields", "_full", "_head", "_path", "_poll", "_reader", "_received", "_resumer")

    def __init__(
        self,
        poll: LongPoll,
        connections: set[Any],
        resumer: HttpResumer | None,
        head: bytes,
        *,
        fields: Callable[[], bytes],
        path: bytes,
    ) -> None:
        """`head` is the response's, still open; `fields` returns what every response has at the time it is written."""
        super().__init__(connections)
        self._path = path
        self._poll = poll
        self._resumer = resumer
        self._head = head
        self._fields = fields
        self._reader: Reader | None = None
        self._received = b""  # of a request that the client sent before this one was answered
        self._due = 0
        self._full = False  # is the response still in the write buffer?

    def start(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self._due = self._poll.context.timer.at(self._poll.wait, self.expire)
        self._reader = self._poll.join(self)

    def write(self, data: bytes) -> None:
        if data:
            self._answer(data)

    def expire(self) -> None:
        """Answer a poll whose time is up; close a connection that was idle for too long after it."""
        if self._reader is None:
            self.transport.close()
        else:
            self._answer(b"")

    def unacked(self) -> None:
        """None: nothing is written before the answer."""

    def close(self, *, expired: bool = False) -> None:
        self._resumer = None
        self._answer(b"")

    def abort(self) -> None:
        self._leave()
        self.transport.abort()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._reader is None:
            self._resume(eager=self._received.startswith((b"GET %b?" % self._path, b"GET %b " % self._path)))
        elif len(self._received) > MAX_PIPELINED:
            self.transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._leave()

    def _answer(self, frames: bytes) -> None:
        reader, resumer, transport = self._reader, self._resumer, self.transport
        if reader is None:
            return
        content = self._poll.answer(reader, frames)
        self._leave()
        if transport.is_closing():
            return
        length = b"content-length: %d\r\n" % len(content)
        if resumer is None:
            closing = b"" if b"\r\nconnection: close" in self._head else b"connection: close\r\n"
            transport.write(b"".join((self._head, self._fields(), closing, length, b"\r\n", content)))
            transport.close()
            return
        transport.write(b"".join((self._head, self._fields(), length, b"\r\n", content)))
        if self._received:
            if len(self._received) > MAX_PIPELINED:
                transport.resume_reading()
            self._resume(eager=False)  # the hub is writing: no reader joins it now
        else:
            self._due = self._poll.context.timer.at(resumer.keep_alive, self.expire)

    def _resume(self, *, eager: bool) -> None:
        """Go back to HTTP with a request. `eager`: run it up to its first await."""
        resumer = self._resumer
        if resumer is not None:
            self._leave()
            self.connections.discard(self)
            resumer.resume_http(self.transport, self._received, full=self._full, eager=eager)

    def _leave(self) -> None:
        context = self._poll.context
        context.timer.cancel(self._due, self.expire)
        reader, self._reader = self._reader, None
        if reader is not None:
            context.hub.leave(reader)
