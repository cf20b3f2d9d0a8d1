"""The answer to a poll, as bytes."""

from collections.abc import Sequence
from typing import NamedTuple

from tidings.domain.cursor import Cursor
from tidings.domain.model import Event
from tidings.domain.ports import CursorOf
from tidings.transports.json_frames import control_json, event_json

POLL_HEADERS = [(b"content-type", b"application/json"), (b"cache-control", b"private, no-store")]


class PollEncoding:
    """The events of one log, each on a line that ends with a comma."""

    transport = "poll"
    heartbeat = b""
    shared = True

    def __init__(self, cursor: CursorOf) -> None:
        self.cursor = cursor

    def event(self, event: Event) -> bytes:
        return event_json(event, self.cursor(event.seq)) + b",\n"

    def control(self, type: str, data: bytes, *, id: str | None = None, retry: int | None = None) -> bytes:
        """The frame of an event with an id; no bytes without one, since a poll answers with events of the log only."""
        return control_json(type, data, id) + b",\n" if id is not None else b""


class Lines(NamedTuple):
    """Whole frames, and where a client goes on from after them."""

    frames: bytes
    cursor: bytes
    more: bool


def first(frames: bytes, limit: int, *, cursor: Cursor) -> Lines:
    """The first `limit` of joined frames. All of them lead up to `cursor`."""
    if frames.count(b"\n") <= limit:
        return Lines(frames, str(cursor).encode(), False)
    lines = frames.split(b"\n", limit)[:limit]
    last = lines[-1].removeprefix(b'{"id":"').partition(b'"')[0]
    return Lines(b"\n".join(lines), last, True)


def body(lines: Lines) -> bytes:
    """`{"events", "cursor", "more"}`."""
    return b'{"events":[%b],"cursor":"%b","more":%b}' % (
        lines.frames.rstrip(b",\n"),
        lines.cursor,
        b"true" if lines.more else b"false",
    )


def page(frames: Sequence[bytes], *, cursor: Cursor, more: bool) -> bytes:
    """The same from frames that are not joined yet."""
    return body(Lines(b"".join(frames), str(cursor).encode(), more))
