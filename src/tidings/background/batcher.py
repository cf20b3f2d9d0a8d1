"""Batches concurrent calls: whatever arrives while a call is running goes into the next one.

Small items go before large ones: a large one never shares a call with them, and has every second call at the most.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")
NEVER = 1 << 62  # a weight that no item has


class Item(NamedTuple, Generic[T]):
    """An item that waits for its call."""

    item: T
    weight: int
    answer: asyncio.Future[Any]


class Batcher(Generic[T]):
    """Micro-batching without a delay: a lone call is made at once."""

    def __init__(
        self, call: Callable[[Sequence[T]], Awaitable[Sequence[Any]]], *, most: int, large: int = NEVER
    ) -> None:
        """`call` takes up to `most` items and returns for each a result, or an exception to raise.

        `large`: the weight from which an item is large. A call takes several of them up to ten times that together.
        """
        self._call = call
        self._most = most
        self._large = large
        self._waiting: list[Item[T]] = []
        self._waiting_large: deque[Item[T]] = deque()
        self._turn_of_large = False
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: T, *, weight: int = 1) -> Any:
        """Make the call for one item, together with others; return its result or raise its exception."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        waiting = self._waiting if weight < self._large else self._waiting_large
        waiting.append(Item(item, weight, answer))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await answer

    async def idle(self) -> None:
        """Wait until every accepted call is done."""
        while self._running is not None:
            await asyncio.shield(self._running)

    def _next(self) -> list[Item[T]]:
        """The items of the next call; none if nothing waits."""
        if self._waiting_large and (self._turn_of_large or not self._waiting):
            self._turn_of_large = False
            return self._next_large()
        self._turn_of_large = True
        batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        return batch

    def _next_large(self) -> list[Item[T]]:
        batch = [self._waiting_large.popleft()]
        room = 10 * self._large - batch[0].weight
        while self._waiting_large and self._waiting_large[0].weight <= room:
            batch.append(self._waiting_large.popleft())
            room -= batch[-1].weight
        return batch

    async def _run(self) -> None:
        try:
            while batch := self._next():
                try:
                    results = await self._call([each.item for each in batch])
                except Exception as error:
                    results = [error] * len(batch)
                for each, result in zip(batch, results, strict=True):
                    answer = each.answer
                    if answer.done():  # the caller went away
                        continue
                    if isinstance(result, BaseException):
                        answer.set_exception(result)
                    else:
                        answer.set_result(result)
        finally:
            self._running = None
