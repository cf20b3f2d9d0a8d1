"""The lane of replays: reads from far back in the log go last, however many readers come back at once (law 10)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

PLACES = 2  # reads under way: a reading thread is left for others
REST = 1.0  # times as long as it was taken a place rests: it is busy for half of the time at the most


class ReplayLane:
    """Lets a few readers at a time read a page each. A place that was taken rests before it is given again.

    On a busy machine a page takes longer, and then there are fewer of them.
    """

    def __init__(self, *, clock: Callable[[], float], later: Callable[[float, Callable[[], None]], object]) -> None:
        """`clock` in seconds, never going back; `later` calls a function after so many seconds."""
        self._clock = clock
        self._later = later
        self._free = asyncio.Semaphore(PLACES)  # first come, first served

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place for as long as one page takes, its encoding included."""
        await self._free.acquire()
        began = self._clock()
        try:
            yield
        finally:
            self._later(REST * (self._clock() - began), self._free.release)
