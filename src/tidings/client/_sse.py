"""`text/event-stream`, read exactly as a browser does (WHATWG HTML, 9.2.5 and 9.2.6). Pure."""

import re
from dataclasses import dataclass

from tidings.client.errors import NotTidings

# A line ends at CRLF, CR or LF only. str.splitlines() would also break at U+2028 and others,
# which JSON may hold as they are.
_BREAK = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"

EVENT_SIZE_MAX = 8 * 1024 * 1024  # bytes of one event; the server takes far less, a broken proxy might not end
_RETRY_DIGITS = 12  # thirty years in milliseconds; int() of endless digits is slow, and refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One dispatched event."""

    id: str  # the last event id, which an event without an `id:` line inherits
    own_id: bool  # whether this one had an `id:` line
    type: str
    data: str


class Parser:
    """Bytes in, in pieces of any size; frames out, each as soon as its blank line is there."""

    def __init__(self, *, limit: int = EVENT_SIZE_MAX) -> None:
        self.retry: int | None = None  # milliseconds, as last told by the server
        self.last_id = ""  # what a browser would send as Last-Event-ID
        self._held = 0  # bytes of the event that is not complete yet
        self._limit = limit
        self._parts: list[bytes] = []  # a line that has not ended yet
        self._after_cr = False
        self._first = True
        self._id, self._own_id, self._type = "", False, ""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take the next bytes. An event that the end of the stream cuts short is never returned.

        Raises NotTidings when one event grows beyond the limit.
        """
        # A line ends at its CR at once, without waiting to see whether an LF follows.
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        if not chunk:
            return []
        self._after_cr = chunk.endswith(b"\r")
        lines = _BREAK.split(chunk)
        self._parts.append(lines[0])
        self._held += len(chunk)
        frames: list[Frame] = []
        if len(lines) > 1:
            lines[0] = b"".join(self._parts)
            self._parts = [lines.pop()]
            frames = [frame for line in lines if (frame := self._line(line)) is not None]
            self._held = sum(len(line) + 1 for line in self._data) + len(self._parts[0])
        if self._held > self._limit:
            raise NotTidings(f"an event of more than {self._limit} bytes")
        return frames

    def _line(self, line: bytes) -> Frame | None:
        if self._first:
            self._first = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        self._field(name, value.removeprefix(b" "))
        return None

    def _field(self, name: bytes, value: bytes) -> None:
        # A comment is a line whose name is empty: no branch here, so it is ignored.
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._type = _text(value)
        elif name == b"id" and b"\0" not in value:
            self._id, self._own_id = _text(value), True
        elif name == b"retry" and value.isdigit() and len(value) <= _RETRY_DIGITS:
            self.retry = int(value)

    def _dispatch(self) -> Frame | None:
        self.last_id = self._id  # also when there is no data, and so no event
        kind, own, data = self._type or "message", self._own_id, self._data
        self._type, self._own_id, self._data = "", False, []
        if not data:
            return None
        return Frame(id=self._id, own_id=own, type=kind, data=_text(b"\n".join(data)))


def _text(value: bytes) -> str:
    # No line break is part of a longer UTF-8 sequence, so decoding piece by piece is the same
    # as decoding the whole stream.
    return value.decode("utf-8", "replace")
