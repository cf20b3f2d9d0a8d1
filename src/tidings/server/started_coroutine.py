"""A task for a coroutine that has already run up to its first await."""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any


def run_eagerly(coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> "asyncio.Task[None] | None":
    """Run a coroutine up to its first await; a task for the rest, None if there is none."""
    try:
        waits_for = coroutine.send(None)
    except StopIteration:
        return None
    return loop.create_task(_StartedCoroutine(coroutine, waits_for))


class _StartedCoroutine(Coroutine[Any, Any, None]):
    """The rest of a coroutine that waits for something already."""

    __slots__ = ("_coroutine", "_pending")

    def __init__(self, coroutine: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._pending: tuple[Any, ...] = (waits_for,)  # for its task, which was made after it

    def send(self, value: None) -> Any:
        pending, self._pending = self._pending, ()
        return pending[0] if pending else self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        self._pending = ()
        return self._coroutine.throw(*error)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, None]:
        raise NotImplementedError("this is a task's")
