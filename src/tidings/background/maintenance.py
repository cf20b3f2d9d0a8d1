"""Maintenance: retention, expiry, old workbooks."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tidings.background.log_volume import LogVolume
from tidings.domain.errors import TidingsError
from tidings.settings import Settings
from tidings.store.transactions.changes import drop_marks, due, expire, marked
from tidings.store.transactions.leases import Lease, leased
from tidings.store.transactions.retention import CountedLog, Retention, prunable, prune
from tidings.store.transactions.stepwise import abandoned, go_on
from tidings.store.transactions.transaction import Job

T = TypeVar("T")
Task = Callable[[], Awaitable[None]]

_log = logging.getLogger("tidings.maintenance")

EXPIRY_INTERVAL = 0.2  # seconds between looks for expired notifications
PRUNE_EVERY = 5  # looks between two rounds of retention
SWEEP_EVERY = 3000  # looks between two rounds of the exports' folder; the first is at the start
RETRY_INTERVAL = 5.0  # seconds after a round that the store could not take: a full disk lasts
ROWS_PER_TRANSACTION = 100  # pruned or expired: a publisher waits for one such transaction
MARKS_PER_TRANSACTION = 1000  # dropped: of what users did to items that are gone
STEP_PAUSE = 0.02  # seconds between two of them: the writer is others' for most of the time
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
        self._sleep = sleep
        self._lease = Lease("maintenance", process)
        self._volume = LogVolume()
        self._most_of_users = settings.retention_user_rows
        self._most_bytes = int(settings.retention_bytes)
        self._retention = Retention(
            log_age=int(settings.retention_age * 1000),
            log_rows=settings.retention_rows,
            inbox_age=int(settings.inbox_age * 1000),
        )
        self._tasks: list[tuple[Task, int]] = [
            (self._expire, 1),
            (self._prune, PRUNE_EVERY),
            (self._drop_marks, PRUNE_EVERY),
            (self._go_on, PRUNE_EVERY),
            (rest, PRUNE_EVERY),
            (sweep, SWEEP_EVERY),
        ]

    async def run(self) -> None:
        """Repeat for ever. A task that the store cannot take now holds up no other, and is left to the next round."""
        failing = ""  # the code of the last failure; it is logged when it begins and when it ends
        failed: dict[Task, TidingsError] = {}
        for turn in itertools.count():
            await self._sleep(RETRY_INTERVAL if failing else EXPIRY_INTERVAL)
            tasks = [task for task, every in self._tasks if turn % every == 0 or task in failed]
            failed = {}
            for task in tasks:
                try:
                    await task()
                except TidingsError as error:
                    failed[task] = error
            failing = _logged(failing, next(iter(failed.values()), None))

    async def _expire(self) -> None:
        while await self._query(due) and await self._step(expire(limit=ROWS_PER_TRANSACTION)):
            pass

    async def _prune(self) -> None:
        while True:
            retention = await self._counted()
            if not await self._query(prunable(retention, step=ROWS_PER_TRANSACTION)):
                return
            if not await self._step(prune(retention, step=ROWS_PER_TRANSACTION)):
                return
            await self._expire()  # what is due does not wait for a long round of retention

    async def _counted(self) -> Retention:
        """The limits of retention, with the log as it is now. While it is not yet counted only age removes anything."""
        volume = self._volume
        await volume.follow(self._query)
        beyond = volume.beyond(users=self._most_of_users, size=self._most_bytes) if volume.whole else 0
        users = volume.users if volume.whole else volume.upto
        return self._retention._replace(counted=CountedLog(volume.upto, users, beyond))

    async def _drop_marks(self) -> None:
        while await self._query(marked) and await self._step(drop_marks(limit=MARKS_PER_TRANSACTION)):
            await self._expire()

    async def _go_on(self) -> None:
        """Do what is left of a large write whose process has ended."""
        write: int | None = await self._query(abandoned)
        while write:
            step = await self._step_of(go_on(write, step=ROWS_PER_TRANSACTION))
            write = None if step is None else step.write
            await self._expire()

    async def _step(self, job: Job[Any]) -> bool:
        """Do one small transaction, and let others write. False: another process does this now."""
        return await self._step_of(job) is not None

    async def _step_of(self, job: Job[T]) -> T | None:
        """The same; what the job returned, or None."""
        done: T | None = await self._write(leased(job, self._lease, duration=LEASE_TIME))
        await self._sleep(STEP_PAUSE)
        return done


def _logged(failing: str, error: TidingsError | None) -> str:
    """The code of a round's error, "" if it had none; logged if the round before had another."""
    code = error.code if error else ""
    if error and code != failing:
        _log.warning("maintenance_failed", extra={"code": code, "reason": str(error)})
    elif failing and not error:
        _log.warning("maintenance_recovered", extra={"code": failing})
    return code
