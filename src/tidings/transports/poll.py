"""A long poll: a reader of the hub that is answered once. While it waits it is a socket and nothing else."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tidings.domain.cursor import Cursor
from tidings.domain.topics import Topic
from tidings.hub.hub import Hub
from tidings.hub.readers import Membership, Reader, State
from tidings.transports.detachable import HttpResumer, SocketProtocol, detachable_socket
from tidings.transports.poll_frames import HEADERS, Lines, PollEncoding, body, first
from tidings.transports.timer import Timer

PIPELINED = 16 * 1024  # bytes of later requests that are held while one waits; the rest stays in the kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class PollContext:
    """What all waiting polls have in common."""

    hub: Hub
    timer: Timer
    encoding: PollEncoding


class LongPoll:
    """The ASGI response of a poll that found nothing yet."""

    def __init__(
        self,
        room: PollContext,
        *,
        membership: Membership,
        extra: Sequence[Topic],
        position: int,
        head: int,
        wait: int,
        limit: int,
        expires: int,
    ) -> None:
        """`position` is what an empty answer names; nothing is between it and `head`.
        `wait` in seconds; `expires` in seconds since 1970, 0 for never."""
        self.room = room
        self.position = position
        self.wait = wait
        self.limit = limit
        self._membership = membership
        self._extra = extra
        self._head = head
        self._expires = expires

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        socket = detachable_socket(scope)
        if socket is None:
            await PlainPoll(self).run(receive, send)
            return
        head = await socket.later(send, status=200, headers=HEADERS)
        if socket.open():
            sink = PollSocket(self, socket.connections, socket.home, head, path=scope["raw_path"])
            sink.start(socket.take(sink), self)

    def join(self, sink: "PollSocket | PlainPoll") -> Reader:
        """Wait as a reader of the hub."""
        room = self.room
        reader = room.hub.add_reader(
            self._membership, sink=sink, encoding=room.encoding, extra=self._extra, position=self._head
        )
        room.timer.expire_at(reader, self._expires)
        return reader


def answer(room: PollContext, reader: Reader, frames: bytes, *, limit: int, position: int) -> bytes:
    """The body that a reader gets with what the hub wrote; b"" for nothing."""
    epoch = room.encoding.epoch
    if frames:
        seq = room.hub.head if reader.state is State.LIVE else reader.position
        return body(first(frames, limit, cursor=Cursor(epoch, seq)))
    # As in a short poll: the place stays the same until it wears off the ring.
    if room.hub.ring.evicts_soon(position) and reader.state is State.LIVE:
        position = room.hub.head
    return body(Lines(b"", str(Cursor(epoch, position)).encode(), False))


class PollSocket(SocketProtocol):
    """The socket of a poll that waits, then of a client that has its answer. Once it asks again, it is HTTP's again."""

    __slots__ = ("_due", "_full", "_head", "_home", "_limit", "_path", "_position", "_reader", "_rest", "_room")

    def __init__(
        self, waiting: LongPoll, connections: set[Any], home: HttpResumer | None, head: bytes, *, path: bytes
    ) -> None:
        """`head` is the answer's, still open."""
        super().__init__(connections)
        self._path = path
        self._room = waiting.room
        self._limit = waiting.limit
        self._position = waiting.position
        self._home = home
        self._head = head
        self._reader: Reader | None = None
        self._rest = b""  # of a request that the client sent before this one was answered
        self._due = 0
        self._full = False  # is the answer still on its way out?

    def start(self, transport: asyncio.Transport, waiting: LongPoll) -> None:
        self.transport = transport
        self._due = self._room.timer.at(waiting.wait, self.expire)
        self._reader = waiting.join(self)

    def write(self, data: bytes) -> None:
        if data:
            self._answer(data)

    def expire(self) -> None:
        """Its time is up: that of the poll, or after it that of a connection without one."""
        if self._reader is None:
            self.transport.close()
        else:
            self._answer(b"")

    def backlog(self) -> None:
        """Nothing is written before the answer."""

    def close(self, *, expired: bool = False) -> None:
        self._home = None
        self._answer(b"")

    def abort(self) -> None:
        self._leave()
        self.transport.abort()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False

    def data_received(self, data: bytes) -> None:
        self._rest += data
        if self._reader is None:
            self._ask(again=self._rest.startswith((b"GET %b?" % self._path, b"GET %b " % self._path)))
        elif len(self._rest) > PIPELINED:
            self.transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._leave()

    def _answer(self, frames: bytes) -> None:
        reader, home, transport = self._reader, self._home, self.transport
        if reader is None:
            return
        content = answer(self._room, reader, frames, limit=self._limit, position=self._position)
        self._leave()
        if transport.is_closing():
            return
        length = b"content-length: %d\r\n" % len(content)
        if home is None:
            closing = b"" if b"\r\nconnection: close" in self._head else b"connection: close\r\n"
            transport.write(b"".join((self._head, closing, length, b"\r\n", content)))
            transport.close()
            return
        transport.write(b"".join((self._head, length, b"\r\n", content)))
        if self._rest:
            if len(self._rest) > PIPELINED:
                transport.resume_reading()
            self._ask(again=False)  # the hub is writing: nobody joins it now
        else:
            self._due = self._room.timer.at(home.keep_alive, self.expire)

    def _ask(self, *, again: bool) -> None:
        """Go back to HTTP with a request. `again`: take its first step at once."""
        home = self._home
        if home is not None:
            self._leave()
            self.connections.discard(self)
            home.resume_http(self.transport, self._rest, full=self._full, again=again)

    def _leave(self) -> None:
        self._room.timer.cancel(self._due, self.expire)
        reader, self._reader = self._reader, None
        if reader is not None:
            self._room.hub.leave(reader)


class PlainPoll:
    """The same behind any ASGI server: a coroutine that waits for the answer, and one for the client to leave."""

    def __init__(self, waiting: LongPoll) -> None:
        self._waiting = waiting
        self._answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._closing = False
        self._reader: Reader | None = None

    async def run(self, receive: Any, send: Any) -> None:
        """Until there is an answer, its time is up, or nobody wants it any more."""
        waiting = self._waiting
        self._reader = reader = waiting.join(self)
        gone = asyncio.create_task(_gone(receive))
        waits: set[asyncio.Future[Any]] = {self._answer, gone}
        try:
            await asyncio.wait(waits, timeout=waiting.wait, return_when=asyncio.FIRST_COMPLETED)
            self.write(b"")
        except asyncio.CancelledError:  # the server stops, and has no other way to say so
            self.close()
        finally:
            waiting.room.hub.leave(reader)
            left = not gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
        if left or self._answer.cancelled():
            return
        content = self._answer.result()
        headers = [*HEADERS, (b"content-length", str(len(content)).encode())]
        if self._closing:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def write(self, data: bytes) -> None:
        reader = self._reader
        if not self._answer.done() and reader is not None:
            waiting = self._waiting
            self._answer.set_result(answer(waiting.room, reader, data, limit=waiting.limit, position=waiting.position))

    def backlog(self) -> None:
        """Nothing is written before the answer."""

    def close(self, *, expired: bool = False) -> None:
        self._closing = True
        self.write(b"")

    def abort(self) -> None:
        self._answer.cancel()


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
