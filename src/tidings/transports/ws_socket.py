"""A WebSocket that was handed over: a reader's socket whose client may talk back."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tidings.domain.topics import User
from tidings.hub.hub import Hub
from tidings.transports import ws_frames
from tidings.transports.close_codes import GOING_AWAY, TOKEN, CloseReason, ProtocolViolation
from tidings.transports.detachable import Headers, detachable_socket
from tidings.transports.stream import SocketSink, Stream
from tidings.transports.timer import Timer
from tidings.transports.ws_codec import Bye, Incoming, Ping

TURN = 32  # messages of one client before the loop may do something else
GOODBYE = 2.0  # seconds that the client is given to say its word of the closing handshake

# Answers a client's message: at once, or when its work is done; b"" for no answer. Raises `Broken`.
MessageHandler = Callable[[User, str], "bytes | Awaitable[bytes]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WsContext:
    """What all WebSockets have in common."""

    hub: Hub
    timer: Timer
    hear: MessageHandler


class Phase(Enum):
    """How far a connection is."""

    OPEN = "open"
    CLOSING = "closing"  # we said goodbye, and wait for the client's
    OVER = "over"  # nothing more is heard


_NEXT = {
    Phase.OPEN: {Phase.CLOSING, Phase.OVER},
    Phase.CLOSING: {Phase.OVER},
    Phase.OVER: set[Phase](),
}


class WsStream(Stream):
    """The ASGI response that ends HTTP on a socket. `otherwise` is the answer where that cannot be."""

    def __init__(self, room: WsContext, *, headers: Headers, otherwise: Any, **opened: Any) -> None:
        super().__init__(hub=room.hub, timer=room.timer, headers=headers, **opened)
        self._room = room
        self._otherwise = otherwise

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        socket = detachable_socket(scope)
        if socket is None or scope["http_version"] != "1.1":
            await self._otherwise(scope, receive, send)
            return
        self._preface = await socket.head(send, status=101, headers=self._headers) + self._preface
        if socket.open():
            sink = WsSocket(self._room, socket.connections)
            sink.start(socket.take(sink), self)


class WsSocket(SocketSink):
    """Frames out as any stream; messages in, one after the other."""

    __slots__ = ("_due", "_held", "_incoming", "_phase", "_room", "_task")

    def __init__(self, room: WsContext, connections: set[Any]) -> None:
        super().__init__(room.hub, connections)
        self._room = room
        self._phase = Phase.OPEN
        self._incoming: Incoming | None = None  # while something is not heard yet, or not whole
        self._held = False  # is the client not read from, because it said more than could be heard?
        self._task: asyncio.Task[None] | None = None  # the work on one message
        self._due: int | None = None  # when the time for a goodbye is over

    # Listening

    def data_received(self, data: bytes) -> None:
        if self._phase is Phase.OVER or (self._incoming is None and _is_pong(data)):
            return
        self._incoming = self._incoming or Incoming()
        self._incoming.feed(data)
        if not self._held:
            self._listen()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._held:
            self._listen()

    def _listen(self) -> None:
        """Hear what has come. What is left then stays in the kernel with all that follows, until its turn."""
        if self._task is not None:
            return
        held = False
        try:
            held = self._hear()
        except ProtocolViolation as violation:
            self._break(violation.close_reason)
        if held is not self._held and not self.transport.is_closing():
            self._held = held
            if held:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def _hear(self) -> bool:
        """Is there something left? If so, `_listen` will be called again. Raises `Broken`."""
        for _ in range(TURN):
            if self._incoming is None:
                return False
            reader = self.reader
            if reader is not None and not reader.writable:
                return True  # it does not listen to us either
            heard = self._incoming.next()
            if heard is None:
                if self._incoming.empty:
                    self._incoming = None
                return False
            if isinstance(heard, Bye):
                self._part(heard)
            elif reader is None:
                pass  # we said goodbye, and nothing but the client's word matters any more
            elif isinstance(heard, Ping):
                self.write(ws_frames.pong(heard.payload))
            else:
                answer = self._room.hear(reader.membership.user, heard)
                if not isinstance(answer, bytes):
                    self._task = asyncio.create_task(self._work(answer))
                    return True
                self._say(answer)
        asyncio.get_running_loop().call_soon(self._listen)
        return True

    async def _work(self, answer: Awaitable[bytes]) -> None:
        try:
            self._say(await answer)
        except ProtocolViolation as violation:
            self._break(violation.close_reason)
        self._task = None
        self._listen()

    def _say(self, payload: bytes) -> None:
        if payload and self.reader is not None:
            self.write(ws_frames.text(payload))

    # Parting

    def close(self, *, expired: bool = False) -> None:
        """Say goodbye, and wait a moment for the client to say it too."""
        if self._phase is Phase.OPEN:
            self._become(Phase.CLOSING)
            self.transport.write(ws_frames.closing(TOKEN if expired else GOING_AWAY))
            self._due = self._room.timer.at(GOODBYE, self.abort)
            self._listen()

    def shutdown(self) -> None:
        self.close()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        if self._phase is not Phase.OVER:
            self._become(Phase.OVER)
        if self._due is not None:
            self._room.timer.cancel(self._due, self.abort)

    def _part(self, bye: Bye) -> None:
        """The closing handshake is complete, and it is the server who hangs up (RFC 6455, section 7.1.1)."""
        if self._phase is Phase.OPEN:
            self.transport.write(ws_frames.echo(bye.payload))
        self._become(Phase.OVER)
        self.transport.close()

    def _break(self, close_reason: CloseReason) -> None:
        """What comes now cannot be understood, so no goodbye is waited for: only for the client to hang up.

        To hang up on bytes that were not read would be a reset, and could take our word with it.
        """
        if self._phase is Phase.OPEN:
            self.transport.write(ws_frames.closing(close_reason))
        if self._phase is not Phase.OVER:
            self._become(Phase.OVER)
            if not self.transport.is_closing():
                self.transport.write_eof()
            if self._due is None:
                self._due = self._room.timer.at(GOODBYE, self.abort)

    def _become(self, phase: Phase) -> None:
        """Raises `RuntimeError` on a move that the table does not know."""
        if phase not in _NEXT[self._phase]:
            raise RuntimeError(f"a connection that is {self._phase.value} cannot become {phase.value}")
        self._phase = phase
        self._leave()
        if phase is Phase.OVER:
            self._incoming = None


def _is_pong(data: bytes) -> bool:
    """Is this a pong to our empty ping, which is all that most clients ever say?"""
    return len(data) == 6 and data.startswith(b"\x8a\x80")
