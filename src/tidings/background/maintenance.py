"""Maintenance: retention, expiry, old workbooks."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from tidings.domain.errors import TidingsError
from tidings.settings import Settings
from tidings.store.transactions.publish import due, expire
from tidings.store.transactions.retention import Retention, prune

_log = logging.getLogger("tidings.maintenance")

EXPIRY_INTERVAL = 0.2  # seconds between looks for expired notifications
PRUNE_EVERY = 5  # looks between two rounds of retention
SWEEP_EVERY = 3000  # looks between two rounds of the exports' folder; the first is at the start
RETRY_INTERVAL = 5.0  # seconds after a round that the store could not take: a full disk lasts
ROWS_PER_TRANSACTION = 500  # pruned or expired, so that publishers wait for a short transaction only


class Maintenance:
    """Small transactions between those of publishers; never a long one."""

    def __init__(
        self,
        settings: Settings,
        *,
        write: Callable[[Any], Awaitable[Any]],
        query: Callable[[Any], Awaitable[Any]],
        sweep: Callable[[], Awaitable[None]],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`write` and `query` run a job or a script that reads in the store; `sweep` removes old workbooks from the
        disk."""
        self._write = write
        self._query = query
        self._sweep = sweep
        self._sleep = sleep
        self._retention = Retention(
            log_age=int(settings.retention_age * 1000),
            log_rows=settings.retention_rows,
            inbox_age=int(settings.inbox_age * 1000),
        )

    async def run(self) -> None:
        """Repeat for ever; a round that the store cannot take now is left to the next."""
        failing = ""  # the code of the last failure; it is logged when it begins and when it ends
        for turn in itertools.count():
            await self._sleep(RETRY_INTERVAL if failing else EXPIRY_INTERVAL)
            try:
                await self._expire()
                if turn % PRUNE_EVERY == 0:
                    await self._prune()
                if turn % SWEEP_EVERY == 0:
                    await self._sweep()
            except TidingsError as error:
                if failing != error.code:
                    failing = error.code
                    _log.warning("maintenance_failed", extra={"code": error.code, "reason": str(error)})
                continue
            if failing:
                _log.warning("maintenance_recovered", extra={"code": failing})
                failing = ""

    async def _expire(self) -> None:
        while await self._query(due):
            await self._write(expire(limit=ROWS_PER_TRANSACTION))

    async def _prune(self) -> None:
        while await self._write(prune(self._retention, step=ROWS_PER_TRANSACTION)):
            pass
