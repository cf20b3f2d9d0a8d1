"""A clock that a test moves, and the sleep that goes with it."""

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import AsyncIterator, Coroutine
from typing import Any


class FakeClock:
    """Time that passes when a test says so. Sleepers wake in order, each at its own time."""

    def __init__(self) -> None:
        self.now = 1000.0  # seconds
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._order), waking))
        await waking

    async def advance(self, seconds: float) -> None:
        """Let so much time pass."""
        until = self.now + seconds
        while self._sleepers and self._sleepers[0][0] <= until:
            due, _, waking = heapq.heappop(self._sleepers)
            self.now = max(self.now, due)
            if not waking.done():
                waking.set_result(None)
            await settle()
        self.now = max(self.now, until)

    def jump(self, seconds: float) -> None:
        """Stop the process for so long: every sleeper wakes late."""
        self.now += seconds


async def settle() -> None:
    """Let woken tasks run until they sleep again."""
    for _ in range(5):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def running(*workers: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run workers beside a test; they must not end by themselves."""
    tasks = [asyncio.create_task(worker) for worker in workers]
    try:
        await settle()
        yield
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
