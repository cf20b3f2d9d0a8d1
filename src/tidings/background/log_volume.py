"""The volume of the log: events that users caused, and bytes, counted once in parts as the log grows."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from tidings.store.transactions.retention import LogPart, measure

PART = 1000  # events in one part: what is too much goes by the part
PARTS_AT_ONCE = 200  # read in one round: a large log is counted over several


class LogVolume:
    """The parts of the log that were counted, oldest first."""

    def __init__(self) -> None:
        self._parts: deque[LogPart] = deque()
        self.users = 0  # events that users caused
        self.size = 0  # bytes
        self.whole = False  # is everything counted, up to `upto`?

    @property
    def upto(self) -> int:
        """The newest event that was counted."""
        return self._parts[-1].upto if self._parts else 0

    async def follow(self, query: Callable[[Any], Awaitable[Any]]) -> None:
        """Count the events that came since, and forget those that retention removed."""
        self.whole = False
        for _ in range(PARTS_AT_ONCE):
            part, floor = await query(measure(after=self.upto, step=PART))
            self._forget(floor)
            if part is None:
                self.whole = True
                return
            self._add(part)

    def beyond(self, *, users: int, size: int) -> int:
        """The end of the oldest parts without which no more is left than this; 0 if nothing is too much."""
        left_users, left_size, end = self.users, self.size, 0
        for part in self._parts:
            if left_users <= users and left_size <= size:
                break
            left_users -= part.users
            left_size -= part.size
            end = part.upto
        return end

    def _add(self, part: LogPart) -> None:
        self.users += part.users
        self.size += part.size
        last = self._parts[-1] if self._parts else None
        if last is not None and part.upto - last.after <= PART:
            self._parts[-1] = LogPart(last.after, part.upto, last.users + part.users, last.size + part.size)
        else:
            self._parts.append(part)

    def _forget(self, floor: int) -> None:
        while self._parts and self._parts[0].upto <= floor:
            part = self._parts.popleft()
            self.users -= part.users
            self.size -= part.size
