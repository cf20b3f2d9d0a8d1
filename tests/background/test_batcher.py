"""Concurrent calls are batched; each caller gets its own result."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.services.fakes import quiet
from tidings.background.batcher import Batcher
from tidings.domain.errors import NotFound


class Slow:
    """A call that ends when a test says so; the result for x is -x, and an error for x < 0."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self, items: Sequence[int]) -> Sequence[int | Exception]:
        self.batches.append(list(items))
        await self.gate.wait()
        self.gate.clear()
        if self.error is not None:
            raise self.error
        return [-item if item >= 0 else NotFound(str(item)) for item in items]


async def test_calls_that_arrive_while_one_runs_go_into_the_next() -> None:
    slow = Slow()
    batcher = Batcher(slow, most=10)
    calls = [asyncio.create_task(batcher(0))]
    await quiet()
    calls += [asyncio.create_task(batcher(item)) for item in (1, 2, 3)]
    await quiet()
    assert slow.batches == [[0]]
    slow.gate.set()
    await quiet()
    assert slow.batches == [[0], [1, 2, 3]]
    slow.gate.set()
    assert await asyncio.gather(*calls) == [0, -1, -2, -3]


async def test_batch_is_bounded_and_keeps_the_order() -> None:
    slow = Slow()
    batcher = Batcher(slow, most=2)
    calls = [asyncio.create_task(batcher(item)) for item in range(5)]
    for _ in range(3):
        await quiet()
        slow.gate.set()
    assert await asyncio.gather(*calls) == [0, -1, -2, -3, -4]
    assert slow.batches == [[0, 1], [2, 3], [4]]


async def test_exception_reaches_its_caller_and_no_other() -> None:
    slow = Slow()
    batcher = Batcher(slow, most=10)
    calls = [asyncio.create_task(batcher(item)) for item in (1, -2, 3)]
    await quiet()
    slow.gate.set()
    one, refused, three = await asyncio.gather(*calls, return_exceptions=True)
    assert (one, three) == (-1, -3)
    assert isinstance(refused, NotFound)


async def test_call_that_raises_fails_its_batch_only() -> None:
    slow = Slow()
    batcher = Batcher(slow, most=10)
    first = [asyncio.create_task(batcher(item)) for item in (1, 2)]
    await quiet()
    later = asyncio.create_task(batcher(3))
    await quiet()
    slow.error = OSError("gone")
    slow.gate.set()
    await quiet()
    for call in first:
        with pytest.raises(OSError, match="gone"):
            await call
    slow.error = None
    slow.gate.set()
    assert await later == -3


async def test_cancelled_caller_changes_nothing_for_the_others() -> None:
    slow = Slow()
    batcher = Batcher(slow, most=10)
    calls = [asyncio.create_task(batcher(item)) for item in (1, -2, 3)]
    await quiet()
    calls[0].cancel()
    calls[1].cancel()
    await quiet()
    slow.gate.set()
    assert await calls[2] == -3
    assert slow.batches == [[1, -2, 3]]  # it was under way: what it does is done


async def test_idle_waits_for_all_calls() -> None:
    slow = Slow()
    batcher = Batcher(slow, most=1)
    await batcher.idle()
    calls = [asyncio.create_task(batcher(item)) for item in (1, 2)]
    await quiet()
    idle = asyncio.create_task(batcher.idle())
    slow.gate.set()
    await quiet()
    assert not idle.done()
    slow.gate.set()
    await idle
    assert [call.result() for call in calls] == [-1, -2]


async def test_cancelled_idle_does_not_cancel_the_work() -> None:
    slow = Slow()
    batcher = Batcher(slow, most=1)
    call = asyncio.create_task(batcher(1))
    idle = asyncio.create_task(batcher.idle())
    await quiet()
    idle.cancel()
    await quiet()
    slow.gate.set()
    assert await call == -1


async def test_small_items_go_before_large_ones_that_came_earlier_and_do_not_starve_them() -> None:
    slow = Slow()
    batcher = Batcher(slow, most=10, large=100)
    calls = [asyncio.create_task(batcher(0))]
    await quiet()
    calls += [asyncio.create_task(batcher(item, weight=600)) for item in (10, 20)]
    calls += [asyncio.create_task(batcher(item)) for item in (1, 2)]
    for step in range(3):
        await quiet()
        slow.gate.set()
        await quiet()
        calls.append(asyncio.create_task(batcher(3 + step)))
    for _ in range(3):
        await quiet()
        slow.gate.set()
    assert await asyncio.gather(*calls) == [0, -10, -20, -1, -2, -3, -4, -5]
    assert slow.batches == [[0], [10], [1, 2, 3], [20], [4, 5]] or slow.batches == [
        [0],
        [1, 2],
        [10],
        [3, 4],
        [20],
        [5],
    ]


async def test_large_items_share_a_call_while_they_are_not_too_large_together() -> None:
    slow = Slow()
    batcher = Batcher(slow, most=10, large=100)
    calls = [asyncio.create_task(batcher(0))]
    await quiet()
    calls += [asyncio.create_task(batcher(item, weight=400)) for item in (1, 2, 3)]
    for _ in range(3):
        await quiet()
        slow.gate.set()
    assert await asyncio.gather(*calls) == [0, -1, -2, -3]
    assert slow.batches == [[0], [1, 2], [3]]
