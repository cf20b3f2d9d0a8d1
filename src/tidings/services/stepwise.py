"""Large writes, step after step, with time for others between."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tidings.store.transactions.stepwise import Step, go_on

ITEMS_PER_STEP = 500  # of one transaction: under 50 ms
PAUSE = 0.02  # seconds between two: the writer is others' for most of the time


async def finished(step: Step, *, write: Callable[[Any], Awaitable[Any]]) -> int:
    """Do the steps that are left of a write; to how many items it was done.

    `write` runs a job in the store. If it raises, or the caller leaves, `background.maintenance` does the rest.
    """
    while step.write is not None:
        await asyncio.sleep(PAUSE)
        step = await write(go_on(step.write, step=ITEMS_PER_STEP))
    return step.number
