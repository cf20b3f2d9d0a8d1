"""Server-sent events (WHATWG HTML, section 9.2) as bytes."""

import re
from functools import cached_property

from tidings.domain.model import Event
from tidings.domain.ports import CursorOf
from tidings.transports.chunked_frames import ChunkedEncoding

# SSE ends a line at CRLF, CR or LF only. str.splitlines() also breaks at U+2028, and the browser would
# hand it back as "\n".
_BREAK = re.compile(rb"\r\n|\r|\n")
RETRY_MIN = 1000  # milliseconds; a client keeps a `retry:` through every refusal that follows it
_UNSAFE = re.compile(r"[\r\n\0]")

SSE_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"private, no-cache, no-store, no-transform"),
    (b"x-accel-buffering", b"no"),  # nginx withholds events without it
]


def frame(data: bytes, *, type: str | None = None, id: str | None = None, retry: int | None = None) -> bytes:
    """One event. `retry` in milliseconds, at least `RETRY_MIN`.

    Raises `ValueError` for a type or id that would break the format.
    """
    lines = []
    for name, value in (("id", id), ("event", type)):
        if value is not None:
            if _UNSAFE.search(value):
                raise ValueError(f"{name} must not contain CR, LF or NUL")
            lines.append(f"{name}: {value}\n".encode())
    if retry is not None:
        lines.append(retry_field(retry))
    lines.extend(b"data: %b\n" % line for line in _BREAK.split(data))
    lines.append(b"\n")
    return b"".join(lines)


def retry_field(milliseconds: int) -> bytes:
    """The field that says when to come back."""
    return b"retry: %d\n" % max(milliseconds, RETRY_MIN)


class SseEncoding:
    """The events of one log as server-sent events."""

    transport = "sse"
    heartbeat = b":\n"  # a comment, and no blank line: several clients take one for an event without data
    shared = True

    def __init__(self, cursor: CursorOf) -> None:
        self.cursor = cursor

    @cached_property
    def chunked(self) -> ChunkedEncoding:
        """The same in chunks: one object, so that its readers share their frames."""
        return ChunkedEncoding(self)

    def event(self, event: Event) -> bytes:
        data = event.data
        if b"\n" in data or b"\r" in data:
            return frame(data, type=event.type, id=str(self.cursor(event.seq)))
        # The store appends JSON on one line, and makes the type and the id itself: no line breaks to look for.
        return f"id: {self.cursor(event.seq)}\nevent: {event.type}\ndata: ".encode() + data + b"\n\n"

    def control(self, type: str, data: bytes, *, id: str | None = None, retry: int | None = None) -> bytes:
        return frame(data, type=type, id=id, retry=retry)
