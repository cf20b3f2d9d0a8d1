"""A place in a log: `<epoch>-<seq>`, opaque to clients."""

import re
from typing import Self

import msgspec

from tidings.domain.errors import InvalidCursor

# Short and plain on purpose: a Last-Event-ID that is longer than 128 bytes or uses other characters
# makes browsers send a CORS preflight with every reconnect (Fetch, "CORS-safelisted request-header").
CURSOR_PATTERN = "([a-z0-9]{1,32})-(0|[1-9][0-9]{0,17})"
_CURSOR = re.compile(CURSOR_PATTERN)


class Cursor(msgspec.Struct, frozen=True):
    """After the event with this `seq`, in the log called `epoch`."""

    epoch: str
    seq: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `InvalidCursor`."""
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise InvalidCursor(f"not a cursor: {text[:80]!r}")
        return cls(match[1], int(match[2]))

    def __str__(self) -> str:
        return f"{self.epoch}-{self.seq}"
