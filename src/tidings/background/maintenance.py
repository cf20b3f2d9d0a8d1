"""Retention, expiry, old workbooks, and a look at the store's head in case a hint was lost."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from tidings.background.relay import Relay
from tidings.domain.errors import TidingsError
from tidings.settings import Settings
from tidings.store.transactions.publish import due, expire
from tidings.store.transactions.retention import Retention, prune

_log = logging.getLogger("tidings.maintenance")

EVERY = 0.2  # seconds between looks at what expires
TIDY = 5  # looks between two rounds of almost everything else
SWEEP = 3000  # looks between two rounds of the exports' folder; the first is at the start
STEP = 500  # rows a transaction


class Maintenance:
    """Small steps between other people's transactions; never a long one."""

    def __init__(
        self,
        settings: Settings,
        relay: Relay,
        *,
        write: Callable[[Any], Awaitable[Any]],
        ask: Callable[[Any], Awaitable[Any]],
        clock: Callable[[], int],
        sweep: Callable[[], Awaitable[None]],
    ) -> None:
        """`write` and `ask` run a job or a read script in the store; `clock` in milliseconds; `sweep` takes old
        workbooks from the disk."""
        self._relay = relay
        self._write = write
        self._ask = ask
        self._clock = clock
        self._sweep = sweep
        self._retention = Retention(
            log_age=int(settings.retention_age * 1000),
            log_rows=settings.retention_rows,
            inbox_age=int(settings.inbox_age * 1000),
        )

    async def run(self) -> None:
        """For ever."""
        for turn in itertools.count():
            await asyncio.sleep(EVERY)
            try:
                await self._expire()
                if turn % TIDY == 0:
                    await self._tidy()
                if turn % SWEEP == 0:
                    await self._sweep()
            except TidingsError as error:
                _log.warning("maintenance_failed", extra={"code": error.code, "reason": str(error)})

    async def _expire(self) -> None:
        now = self._clock()
        while await self._ask(lambda floor, head: due(now=now)):
            await self._write(expire(limit=STEP))

    async def _tidy(self) -> None:
        await self._relay.look()
        while await self._write(prune(self._retention, step=STEP)):
            pass
