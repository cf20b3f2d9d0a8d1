"""Maintenance: retention, expiry, old workbooks."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from tidings.domain.errors import TidingsError
from tidings.settings import Settings
from tidings.store.transactions.leases import Lease, leased
from tidings.store.transactions.publish import due, expire
from tidings.store.transactions.retention import Retention, prunable, prune
from tidings.store.transactions.transaction import Job

_log = logging.getLogger("tidings.maintenance")

EXPIRY_INTERVAL = 0.2  # seconds between looks for expired notifications
PRUNE_EVERY = 5  # looks between two rounds of retention
SWEEP_EVERY = 3000  # looks between two rounds of the exports' folder; the first is at the start
RETRY_INTERVAL = 5.0  # seconds after a round that the store could not take: a full disk lasts
ROWS_PER_TRANSACTION = 100  # pruned or expired: a publisher waits for one such transaction
PAUSE = 0.02  # seconds between two of them: the writer is others' for most of the time
LEASE_TIME = 10_000  # milliseconds after which another process goes on, if this one stops in the middle


class Maintenance:
    """Small transactions between those of publishers; never a long one, nor many on end.

    Of several processes on one database one does it at a time: it holds a lease for as long as there is something to
    do. Whether there is, each process asks in a snapshot, which costs the writer nothing.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        write: Callable[[Any], Awaitable[Any]],
        query: Callable[[Any], Awaitable[Any]],
        sweep: Callable[[], Awaitable[None]],
        rest: Callable[[], Awaitable[None]],
        process: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`write` and `query` run a job or a script that reads in the store; `sweep` removes old workbooks from the
        disk; `rest` lets the store do what it does in quiet moments; `process` is a name that no other process has."""
        self._write = write
        self._query = query
        self._sweep = sweep
        self._sleep = sleep
        self._rest = rest
        self._lease = Lease("maintenance", process)
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
                    await self._rest()
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
        while await self._query(due) and await self._step(expire(limit=ROWS_PER_TRANSACTION)):
            pass

    async def _prune(self) -> None:
        some = prunable(self._retention, step=ROWS_PER_TRANSACTION)
        while await self._query(some) and await self._step(prune(self._retention, step=ROWS_PER_TRANSACTION)):
            await self._expire()  # what is due does not wait for a long round of retention

    async def _step(self, job: Job[Any]) -> bool:
        """Do one small transaction, and let others write. False: another process does this now."""
        done = await self._write(leased(job, self._lease, duration=LEASE_TIME))
        await self._sleep(PAUSE)
        return done is not None
