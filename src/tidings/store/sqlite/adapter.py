"""The embedded store: SQLite (apsw) in WAL mode, one thread that writes, a few that read.

Every call that a thread makes into SQLite gives up the interpreter lock and must win it back, so a
transaction is a handful of statements over JSON arrays rather than one statement a row.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from time import perf_counter
from typing import Any, Self, TypeVar

import apsw

from tidings.domain.errors import CommitUnknown, StoreUnavailable, TidingsError
from tidings.domain.lineage import Lineage
from tidings.store.dialect import queries
from tidings.store.reads import MOST_CHANGES, Reads
from tidings.store.sqlite.checkpoint import Checkpointer
from tidings.store.sqlite.connection import commit, connect, roll_back
from tidings.store.sqlite.schema import make_private, migrate, refuse_foreign_file
from tidings.store.sqlite.turns import Turns
from tidings.store.transactions.epochs import lineage
from tidings.store.transactions.run import Run, Transacted, WroteThenRaised, in_a_row, run_jobs, run_read
from tidings.store.transactions.transaction import Job, Query, Read, Rows, Snapshot, Transaction

READ_THREADS = 3  # threads, each with a connection

T = TypeVar("T")


class SqliteStore(Reads):
    """See `domain.ports.Store`. Open it with `SqliteStore.open`."""

    lineage: Lineage

    def __init__(
        self, path: Path, *, cap: int, most_changes: int, clock: Callable[[], int] | None, turns: Path | None
    ) -> None:
        super().__init__(most_changes=most_changes)
        self._path = path
        self._cap = cap
        self._clock = clock
        self._queries = queries("sqlite")
        self._turns = Turns(turns) if turns is not None else None
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="tidings-writer")
        self._reading = ThreadPoolExecutor(READ_THREADS, thread_name_prefix="tidings-reader")
        self._idle: SimpleQueue[apsw.Connection] = SimpleQueue()
        try:
            make_private(path)
            refuse_foreign_file(path)
            self._writer = connect(path)
            migrate(self._writer)
            self.lineage = self._read_lineage(self._writer)
            self._checkpointer = Checkpointer(path)
            self._writer.set_wal_hook(self._checkpointer.committed)
            for _ in range(READ_THREADS):
                self._idle.put(connect(path))
        except apsw.Error as error:
            raise StoreUnavailable(f"cannot open the database {path}: {_reason(error)}") from error

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        cap: int = 1000,
        most_changes: int = MOST_CHANGES,
        clock: Callable[[], int] | None = None,
        turns: Path | None = None,
    ) -> Self:
        """Make or migrate the database. `clock` (milliseconds) stands in for the database's own in tests; several
        processes that write all the time take turns by the lock of the file `turns`.

        Raises `StoreTooNew`, `StoreUnavailable`.
        """
        return await asyncio.to_thread(cls, path, cap=cap, most_changes=most_changes, clock=clock, turns=turns)

    @property
    def epoch(self) -> str:
        """The epoch that is written to."""
        return self.lineage.epoch

    @property
    def wal_bytes(self) -> int:
        """The size of the write-ahead log."""
        return self._checkpointer.wal_bytes

    async def rest(self) -> None:
        """Empty the write-ahead log if nothing was committed for a while."""
        self._checkpointer.rest()

    async def close(self) -> None:
        """Finish what was begun and fold the WAL into the database."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        for pool in (self._writing, self._reading):
            pool.shutdown()
        while not self._idle.empty():
            self._idle.get().close()
        self._checkpointer.close()
        if self._turns is not None:
            self._turns.close()
        self._writer.close()  # the last connection checkpoints and removes the WAL

    # Writing

    async def transact(self, jobs: Sequence[Job[Any]]) -> Transacted:
        """Run jobs in one durable transaction, on the writer's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._writing, self._transact, jobs)

    def _transact(self, jobs: Sequence[Job[Any]]) -> Transacted:
        try:
            if self._turns is None:
                return self._attempt(jobs)
            with self._turns:
                return self._attempt(jobs)
        except (apsw.BusyError, CommitUnknown) as error:
            # Busy: another process holds the database, and asking for each job alone would only wait as long again.
            # Unknown: what may have been done is not done again.
            return Transacted([_translate(error) for _ in jobs], [])
        except Exception as error:
            if len(jobs) == 1:
                return Transacted([_translate(error)], [])
        # One of them broke the transaction, which was rolled back. Alone, each of the others can still be done.
        return in_a_row([self._transact([job]) for job in jobs])

    def _attempt(self, jobs: Sequence[Job[Any]]) -> Transacted:
        refused: dict[int, TidingsError] = {}
        connection = self._writer
        while True:
            connection.execute("BEGIN IMMEDIATE")
            began = perf_counter()
            try:
                transaction = Transaction(**self._facts(connection))
                results = self._run(connection, run_jobs(transaction, jobs, refused=refused))
            except WroteThenRaised as raised:
                roll_back(connection)
                refused[raised.index] = raised.error
                continue
            except BaseException:
                roll_back(connection)
                raise
            commit(connection)
            self.lineage = transaction.lineage
            return Transacted(results, transaction.events, perf_counter() - began, transaction.sizes)

    def _facts(self, connection: apsw.Connection) -> dict[str, Any]:
        """The values that a transaction knows from its beginning."""
        [row] = self._execute(connection, Query("span"))
        if row.epoch != self.lineage.epoch:
            self.lineage = self._read_lineage(connection)
        now = row.now if self._clock is None else self._clock()
        return {"lineage": self.lineage, "floor": row.floor, "head": row.head, "now": now, "cap": self._cap}

    def _execute(self, connection: apsw.Connection, query: Query) -> Rows:
        statement = self._queries[query.name]
        rows = connection.execute(statement.sql, query.params).fetchall()
        return [*map(statement.row._make, rows)] if rows else []

    def _read_lineage(self, connection: apsw.Connection) -> Lineage:
        return lineage(self._execute(connection, Query("epochs")))

    def _run(self, connection: apsw.Connection, script: Run[T]) -> T:
        try:
            query = next(script)
            while True:
                query = script.send(self._execute(connection, query))
        except StopIteration as end:
            result: T = end.value
            return result

    # Reading

    async def query(self, script: Read[T]) -> T:
        """Run a script that only reads, in a snapshot, on a reading thread."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, self._snapshot, script)

    def _snapshot(self, script: Read[T]) -> T:
        connection = self._idle.get()
        try:
            connection.execute("BEGIN")
            try:
                return self._run(connection, run_read(Snapshot(**self._facts(connection)), script))
            finally:
                connection.execute("COMMIT")
        except apsw.Error as error:
            raise _translate(error) from error
        finally:
            self._idle.put(connection)


def _translate(error: Exception) -> Exception:
    if isinstance(error, apsw.Error):
        return StoreUnavailable(f"the database cannot take this now: {_reason(error)}")
    return error


def _reason(error: apsw.Error) -> str:
    """The reason, and for a file that is damaged what to do."""
    damaged = isinstance(error, apsw.CorruptError | apsw.NotADBError)
    advice = "; `tidings check` looks for damage, `tidings restore` puts a backup in its place" if damaged else ""
    return f"{error}{advice}"
