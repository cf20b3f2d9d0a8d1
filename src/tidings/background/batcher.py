"""Batches concurrent calls: whatever arrives while a call is running goes into the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Batcher(Generic[T]):
    """Micro-batching without a delay: a lone call is made at once."""

    def __init__(self, call: Callable[[Sequence[T]], Awaitable[Sequence[Any]]], *, most: int) -> None:
        """`call` takes up to `most` items and returns for each a result, or an exception to raise."""
        self._call = call
        self._most = most
        self._waiting: list[tuple[T, asyncio.Future[Any]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: T) -> Any:
        """Make the call for one item, together with others; return its result or raise its exception."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await answer

    async def idle(self) -> None:
        """Wait until every accepted call is done."""
        while self._running is not None:
            await asyncio.shield(self._running)

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                try:
                    results = await self._call([item for item, _ in batch])
                except Exception as error:
                    results = [error] * len(batch)
                for (_, answer), result in zip(batch, results, strict=True):
                    if answer.done():  # the caller went away
                        continue
                    if isinstance(result, BaseException):
                        answer.set_exception(result)
                    else:
                        answer.set_result(result)
        finally:
            self._running = None
