"""Decoder of a client's WebSocket (RFC 6455): bytes to messages, or to the close reason of a violation."""

from collections.abc import Generator
from typing import NamedTuple

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Close, Frame, Opcode
from websockets.streams import StreamReader

from tidings.transports.close_codes import BINARY, NOT_TEXT, PROTOCOL, TOO_BIG, ProtocolViolation

MAX_MESSAGE = 16 * 1024  # bytes; a client has little to say


class Ping(NamedTuple):
    """To be answered with the same payload."""

    payload: bytes


class Bye(NamedTuple):
    """The client's word of the closing handshake."""

    payload: bytes


class Incoming:
    """Bytes that are not a whole message yet. A connection has one only while it needs it."""

    __slots__ = ("_frame", "_message", "_stream")

    def __init__(self) -> None:
        self._stream = StreamReader()
        self._frame: Generator[None, None, Frame] | None = None  # that has begun
        self._message: bytearray | None = None  # of which fragments came

    def feed(self, data: bytes) -> None:
        """Take bytes. The caller reads no more while there are messages in these."""
        self._stream.feed_data(data)

    @property
    def empty(self) -> bool:
        """Is nothing left half-way?"""
        return self._frame is None and self._message is None and not self._stream.buffer

    def next(self) -> str | Ping | Bye | None:
        """The next text message or control frame; None when there is no whole one. Raises `ProtocolViolation`."""
        while (frame := self._next_frame()) is not None:
            match frame.opcode:
                case Opcode.PING:
                    return Ping(bytes(frame.data))
                case Opcode.CLOSE:
                    return self._bye(bytes(frame.data))
                case Opcode.PONG:
                    continue
                case Opcode.BINARY:
                    raise ProtocolViolation(BINARY)
            message = self._joined(frame)
            if message is not None:
                try:
                    return message.decode()
                except UnicodeDecodeError as error:
                    raise ProtocolViolation(NOT_TEXT) from error
        return None

    def _next_frame(self) -> Frame | None:
        if self._frame is None:
            if not self._stream.buffer:
                return None
            self._frame = Frame.parse(self._stream.read_exact, mask=True, max_size=MAX_MESSAGE)
        try:
            next(self._frame)
        except StopIteration as end:
            self._frame = None
            frame: Frame = end.value
            return frame
        except PayloadTooBig as error:
            raise ProtocolViolation(TOO_BIG) from error
        except ProtocolError as error:
            raise ProtocolViolation(PROTOCOL) from error
        return None

    def _joined(self, frame: Frame) -> bytes | bytearray | None:
        """A message, when this was its last fragment."""
        if (frame.opcode is Opcode.CONT) != (self._message is not None):
            raise ProtocolViolation(PROTOCOL)  # the middle of nothing, or a beginning in the middle
        if self._message is None and frame.fin:
            return bytes(frame.data)
        message = self._message = self._message or bytearray()
        message += frame.data
        if len(message) > MAX_MESSAGE:
            raise ProtocolViolation(TOO_BIG)
        if not frame.fin:
            return None
        self._message = None
        return message

    def _bye(self, payload: bytes) -> Bye:
        try:
            Close.parse(payload)
        except ProtocolError as error:
            raise ProtocolViolation(PROTOCOL) from error
        except UnicodeDecodeError as error:
            raise ProtocolViolation(NOT_TEXT) from error
        return Bye(payload)
