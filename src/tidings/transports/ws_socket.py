"""A WebSocket on a detached socket: a reader's socket whose client may talk back."""

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
from tidings.transports.stream import EventStream, Opening, SocketSink, StreamContext
from tidings.transports.timer import Timer
from tidings.transports.ws_codec import Bye, Incoming, Ping

MESSAGES_PER_TURN = 32  # of one client before yielding to the event loop
CLOSE_TIMEOUT = 2.0  # seconds that the client is given for its close frame

# Handles a client's message; the reply at once, or when its work is done; b"" for none. Raises `ProtocolViolation`.
MessageHandler = Callable[[User, str], "bytes | Awaitable[bytes]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WsContext:
    """The context that all WebSockets share."""

    hub: Hub
    timer: Timer
    handle: MessageHandler


class Phase(Enum):
    """The phase of a connection."""

    OPEN = "open"
    CLOSING = "closing"  # our close frame is sent, and the client's awaited
    OVER = "over"  # nothing more is received


_NEXT = {
    Phase.OPEN: {Phase.CLOSING, Phase.OVER},
    Phase.CLOSING: {Phase.OVER},
    Phase.OVER: set[Phase](),
}


class WsStream(EventStream):
    """The response that ends HTTP on a socket. `otherwise` is the answer where that cannot be."""

    status = 101

    def __init__(self, context: WsContext, opening: Opening, *, headers: Headers, otherwise: Any) -> None:
        super().__init__(StreamContext(hub=context.hub, timer=context.timer), opening, headers=headers)
        self._context = context
        self._otherwise = otherwise

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        socket = detachable_socket(scope)
        if socket is None or scope["http_version"] != "1.1":
            await self._otherwise(scope, receive, send)
            return
        await self.detach(socket, send)

    def sink(self, connections: set[Any]) -> "WsSocket":
        return WsSocket(self._context, connections)


class WsSocket(SocketSink):
    """Frames out as any stream; messages in, one after the other."""

    __slots__ = ("_context", "_due", "_held", "_incoming", "_phase", "_task")

    def __init__(self, context: WsContext, connections: set[Any]) -> None:
        super().__init__(context.hub, connections)
        self._context = context
        self._phase = Phase.OPEN
        self._incoming: Incoming | None = None  # while a message is not handled yet, or not whole
        self._held = False  # is the client not read from, because it said more than could be received?
        self._task: asyncio.Task[None] | None = None  # the work on one message
        self._due: int | None = None  # the timer for the client's close frame

    # Receiving

    def data_received(self, data: bytes) -> None:
        if self._phase is Phase.OVER or (self._incoming is None and _is_pong(data)):
            return
        self._incoming = self._incoming or Incoming()
        self._incoming.feed(data)
        if not self._held:
            self._read_on()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._held:
            self._read_on()

    def _read_on(self) -> None:
        """Handle what was received. The rest stays in the kernel with all that follows, until its turn."""
        if self._task is not None:
            return
        held = False
        try:
            held = self._handle_messages()
        except ProtocolViolation as violation:
            self._fail(violation.close_reason)
        if held is not self._held and not self.transport.is_closing():
            self._held = held
            if held:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def _handle_messages(self) -> bool:
        """Is there something left? If so, `_read_on` will be called again. Raises `ProtocolViolation`."""
        for _ in range(MESSAGES_PER_TURN):
            if self._incoming is None:
                return False
            reader = self.reader
            if reader is not None and not reader.writable:
                return True  # it does not listen to us either
            received = self._incoming.next()
            if received is None:
                if self._incoming.empty:
                    self._incoming = None
                return False
            if isinstance(received, Bye):
                self._end_handshake(received)
            elif reader is None:
                pass  # our close frame is sent: of the client's frames only its close frame still matters
            elif isinstance(received, Ping):
                self.write(ws_frames.pong(received.payload))
            else:
                reply = self._context.handle(reader.membership.user, received)
                if not isinstance(reply, bytes):
                    self._task = asyncio.create_task(self._send_later(reply))
                    return True
                self._send_text(reply)
        asyncio.get_running_loop().call_soon(self._read_on)
        return True

    async def _send_later(self, reply: Awaitable[bytes]) -> None:
        try:
            self._send_text(await reply)
        except ProtocolViolation as violation:
            self._fail(violation.close_reason)
        self._task = None
        self._read_on()

    def _send_text(self, payload: bytes) -> None:
        if payload and self.reader is not None:
            self.write(ws_frames.text(payload))

    # Closing

    def close(self, *, expired: bool = False) -> None:
        """Begin the closing handshake, and wait a moment for the client to end it."""
        if self._phase is Phase.OPEN:
            self._become(Phase.CLOSING)
            self.transport.write(ws_frames.closing(TOKEN if expired else GOING_AWAY))
            self._due = self._context.timer.at(CLOSE_TIMEOUT, self.abort)
            self._read_on()

    def shutdown(self) -> None:
        self.close()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        if self._phase is not Phase.OVER:
            self._become(Phase.OVER)
        if self._due is not None:
            self._context.timer.cancel(self._due, self.abort)

    def _end_handshake(self, bye: Bye) -> None:
        """Hang up: the closing handshake is complete, and the server closes first (RFC 6455, section 7.1.1)."""
        if self._phase is Phase.OPEN:
            self.transport.write(ws_frames.echo(bye.payload))
        self._become(Phase.OVER)
        self.transport.close()

    def _fail(self, close_reason: CloseReason) -> None:
        """Close after a protocol violation: wait for the client to hang up, not for its close frame.

        To hang up on bytes that were not read would be a reset, and could take our word with it.
        """
        if self._phase is Phase.OPEN:
            self.transport.write(ws_frames.closing(close_reason))
        self.violated()
        if self._phase is not Phase.OVER:
            self._become(Phase.OVER)
            if not self.transport.is_closing():
                self.transport.write_eof()
            if self._due is None:
                self._due = self._context.timer.at(CLOSE_TIMEOUT, self.abort)

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
