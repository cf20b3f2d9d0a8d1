"""Encoder of the server's WebSocket frames (RFC 6455): events, encoded once and shared, and control frames."""

from websockets.frames import Close, Frame, Opcode

from tidings.domain.model import Event
from tidings.domain.ports import CursorOf
from tidings.transports.close_codes import CloseReason
from tidings.transports.json_frames import control_json, event_json


def text(payload: bytes) -> bytes:
    """One message."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


def pong(payload: bytes) -> bytes:
    """The answer to a ping."""
    return Frame(Opcode.PONG, payload).serialize(mask=False)


def closing(close_reason: CloseReason) -> bytes:
    """The first word of the closing handshake."""
    return echo(Close(close_reason.code, close_reason.reason).serialize())


def echo(payload: bytes) -> bytes:
    """Its second word: what the other end said."""
    return Frame(Opcode.CLOSE, payload).serialize(mask=False)


class WsEncoding:
    """The events of one log as text frames."""

    transport = "ws"
    heartbeat = Frame(Opcode.PING, b"").serialize(mask=False)
    shared = True

    def __init__(self, cursor: CursorOf) -> None:
        self.cursor = cursor

    def event(self, event: Event) -> bytes:
        return text(event_json(event, self.cursor(event.seq)))

    def control(self, type: str, data: bytes, *, id: str | None = None, retry: int | None = None) -> bytes:
        return text(control_json(type, data, id))


class WsLines:
    """The same for a server that frames by itself: a message a line."""

    transport = "ws"
    heartbeat = b""  # the server has its own pings
    shared = True

    def __init__(self, cursor: CursorOf) -> None:
        self.cursor = cursor

    def event(self, event: Event) -> bytes:
        return event_json(event, self.cursor(event.seq)) + b"\n"

    def control(self, type: str, data: bytes, *, id: str | None = None, retry: int | None = None) -> bytes:
        return control_json(type, data, id) + b"\n"
