"""Copying the write-ahead log into the database, beside the writer.

A read that is left open anywhere (`sqlite3 tidings.db`, then `BEGIN; SELECT ...`) keeps the log from being begun anew:
only its growth may come of that, never a wait of the writer.
"""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw

from tidings.store.sqlite.connection import connect

CHECKPOINT_PAGES = 1000  # of the log (4 KB each) after which what is new in it is copied
LONG = 4000  # pages after which the log is begun anew, once all of it is copied
PATIENCE = 50  # milliseconds that the writer may wait for that
IDLE = 2.0  # seconds without a commit after which the log is emptied: then a copy of the file alone is complete
WARN_BYTES = 128 * 1024 * 1024  # of the log; an operator should know
WARN_EVERY = 60.0  # seconds

_log = logging.getLogger("tidings.store")


class Checkpointer:
    """A thread with a connection of its own, which the writer tells of each commit."""

    def __init__(self, path: Path) -> None:
        """Raises `apsw.Error`."""
        self._wal = path.with_name(f"{path.name}-wal")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tidings-checkpoint")
        self._connection = connect(path)
        self._connection.set_busy_timeout(PATIENCE)
        self._running = threading.Lock()
        # None: nothing has been committed since the log was emptied. At the start it may hold the migrations.
        self._committed_at: float | None = time.monotonic()
        self._warned_at = float("-inf")

    @property
    def wal_bytes(self) -> int:
        """The size of the log's file."""
        try:
            return self._wal.stat().st_size
        except FileNotFoundError:
            return 0

    def committed(self, _: apsw.Connection, __: str, pages: int) -> int:
        """The writer's hook (`set_wal_hook`): the log has so many pages now."""
        self._committed_at = time.monotonic()
        if pages >= CHECKPOINT_PAGES and self._running.acquire(blocking=False):
            self._thread.submit(self._run, empty=pages >= LONG)
        return apsw.SQLITE_OK

    def rest(self) -> None:
        """Empty the log if nothing has been committed for a while. To be called now and then."""
        at = self._committed_at
        if at is not None and time.monotonic() - at >= IDLE and self._running.acquire(blocking=False):
            self._thread.submit(self._run, empty=True)

    def close(self) -> None:
        """Finish what was begun."""
        self._thread.shutdown()
        self._connection.close()

    def _run(self, *, empty: bool) -> None:
        """Copy what is new, without a lock; begin anew only if nothing is left that would be copied under the lock."""
        try:
            at = self._committed_at
            pages, copied = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            if empty and pages - copied < CHECKPOINT_PAGES:
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
                if self._committed_at == at:
                    self._committed_at = None
        except apsw.BusyError:
            pass  # a reader or the writer is in the way: the next commit asks again
        except apsw.Error as error:
            _log.warning("checkpoint_failed", extra={"reason": str(error)})
        finally:
            self._running.release()
        self._warn()

    def _warn(self) -> None:
        now = time.monotonic()
        if (size := self.wal_bytes) > WARN_BYTES and now - self._warned_at > WARN_EVERY:
            self._warned_at = now
            advice = "end the program that has a read open on this database (lsof shows it)"
            _log.warning("wal_large", extra={"bytes": size, "advice": advice})
