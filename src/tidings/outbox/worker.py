"""The outbox worker: publishes what was committed, in order, and takes it out of the table."""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

BATCH = 100  # rows of one request: at 32 KiB each a tenth of what a server takes
POLL = 0.2  # seconds between two looks at an empty table; a notification leaves this long after its commit at most
LOCKED = 1.0  # seconds until a worker looks again whether it is the one
AWAY = (0.5, 30.0)  # seconds between two tries while the server or the database is away: the first, the longest

_log = logging.getLogger("tidings.outbox")


class Refused(Exception):
    """The server will not take this, however often it is sent."""


class Away(Exception):
    """The server, or the database of the table, does not answer now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxBatch:
    """Rows that are sent in one request. Its name is the idempotency key."""

    name: str
    rows: Sequence[tuple[int, str]]  # position, notification as JSON


class Table(Protocol):
    """The table, on a connection of the worker's own. Each method raises `Away`."""

    def lock(self) -> bool:
        """Become the one worker, until the connection ends."""

    def claim(self, limit: int) -> OutboxBatch | None:
        """The batch that was claimed and not finished, else the first rows as a new one."""

    def split(self, batch: OutboxBatch) -> None:
        """Make a batch of each row."""

    def reject(self, batch: OutboxBatch, error: str) -> None:
        """Keep the rows, with their error."""

    def delete(self, batch: OutboxBatch) -> None:
        """Forget the rows."""

    def lag(self) -> float:
        """Seconds since the oldest row was written that is to be published; 0 if there is none."""


class OutboxWorker:
    """Publishes from one table. One worker of a table works, others wait until it has ended."""

    def __init__(
        self,
        open_table: Callable[[], AbstractContextManager[Table]],
        publish: Callable[[Sequence[Any], str], object],
    ) -> None:
        """`publish` sends texts of JSON under an idempotency key; it raises `Refused` and `Away`."""
        self._open_table = open_table
        self._publish = publish
        self._stopped = threading.Event()
        self.published, self.rejected, self.lag = 0, 0, 0.0  # rows, rows, seconds

    def run(self) -> None:
        """Work until `stop` is called, whatever is away meanwhile."""
        pause, longest = AWAY
        while not self._stopped.is_set():
            try:
                with self._open_table() as table:
                    while not self._stopped.is_set() and not table.lock():
                        self._stopped.wait(LOCKED)
                    while not self._stopped.is_set():
                        if not self.step(table):
                            self._stopped.wait(POLL)
                        pause = AWAY[0]
            except Away as error:
                _log.warning("outbox_waits", extra={"reason": str(error), "seconds": pause})
                self._stopped.wait(pause)
                pause = min(pause * 2, longest)

    def stop(self) -> None:
        """End `run` after the batch that it is at."""
        self._stopped.set()

    def step(self, table: Table) -> bool:
        """Publish one batch. False if there is none. Raises `Away`."""
        self.lag = table.lag()
        batch = table.claim(BATCH)
        if batch is None:
            return False
        try:
            self._publish([text for _, text in batch.rows], batch.name)
        except Refused as error:
            if len(batch.rows) > 1:
                table.split(batch)
            else:
                table.reject(batch, str(error))
                self.rejected += 1
                _log.error("outbox_row_rejected", extra={"position": batch.rows[0][0], "reason": str(error)})
        else:
            table.delete(batch)
            self.published += len(batch.rows)
        return True
