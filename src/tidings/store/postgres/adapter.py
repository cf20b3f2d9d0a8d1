"""The store in PostgreSQL (asyncpg): one connection that writes, a few that read, each made again after an outage.

Transactions that append are ordered by a lock of the database, among those of this node and of others.
"""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, Self, TypeVar

import asyncpg

from tidings.domain.errors import StoreUnavailable, TidingsError
from tidings.domain.lineage import Lineage
from tidings.store.epoch_names import new_epoch
from tidings.store.postgres.commit import CommitTicket, commit, place_of
from tidings.store.postgres.connections import DRIVER_ERRORS, Connection, Connections, connect, unavailable
from tidings.store.postgres.schema import check_name, migrate
from tidings.store.postgres.statements import statements
from tidings.store.reads import MOST_CHANGES, Reads
from tidings.store.transactions.epochs import fork, lineage
from tidings.store.transactions.run import Run, Transacted, WroteThenRaised, in_a_row, run_jobs, run_read
from tidings.store.transactions.transaction import Job, Query, Read, Rows, Snapshot, Transaction

READ_CONNECTIONS = 4  # connections
LOCK_TIMEOUT = 10_000  # milliseconds to wait for other nodes that write
FROZEN = 500  # milliseconds that a node may say nothing while it holds the lock; the server then rolls it back
STATEMENT_TIMEOUT = 15_000  # milliseconds

# Every query goes from keys to rows: the planner is told so, since it knows nothing of a table that is new, and what it
# thinks of one that has grown may be old.
_PLANS = """
SET LOCAL search_path = {schema}; SET LOCAL jit = off; SET LOCAL plan_cache_mode = force_generic_plan;
SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
SET LOCAL enable_material = off; SET LOCAL join_collapse_limit = 1; SET LOCAL statement_timeout = {statement};
"""
_BEGIN_WRITING = f"""
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {_PLANS}
SET LOCAL synchronous_commit = {{durable}}; SET LOCAL lock_timeout = {{lock}};
SET LOCAL idle_in_transaction_session_timeout = {{frozen}};
LOCK TABLE append_lock IN EXCLUSIVE MODE
"""
_BEGIN_READING = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {_PLANS}"

T = TypeVar("T")


class PostgresStore(Reads):
    """See `domain.ports.Store`. Open it with `PostgresStore.open`."""

    lineage: Lineage

    def __init__(self, dsn: str, *, schema: str, cap: int, most_changes: int, clock: Callable[[], int] | None) -> None:
        super().__init__(most_changes=most_changes)
        self._dsn = dsn
        self._schema = schema
        self._cap = cap
        self._clock = clock
        self._statements = statements()
        limits = {"statement": STATEMENT_TIMEOUT, "lock": LOCK_TIMEOUT, "frozen": FROZEN, "durable": "on"}
        self._begin_writing = _BEGIN_WRITING.format(schema=schema, **limits)
        self._begin_reading = _BEGIN_READING.format(schema=schema, **limits)
        self._place = ""
        self._writing = Connections(dsn, most=1, prepare=self._settle)
        self._reading = Connections(dsn, most=READ_CONNECTIONS)

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        schema: str = "tidings",
        cap: int = 1000,
        most_changes: int = MOST_CHANGES,
        clock: Callable[[], int] | None = None,
    ) -> Self:
        """Make or migrate the schema. `clock` (milliseconds) stands in for the database's own in tests.

        Raises `StoreTooNew`, `StoreUnavailable`.
        """
        store = cls(dsn, schema=check_name(schema), cap=cap, most_changes=most_changes, clock=clock)
        connection = await connect(dsn)
        try:
            await migrate(connection, schema)
        finally:
            connection.terminate()
        async with store._writing.use():
            return store

    @property
    def epoch(self) -> str:
        """The epoch that is written to."""
        return self.lineage.epoch

    @property
    def wal_bytes(self) -> int:
        """0: the server looks after its write-ahead log by itself."""
        return 0

    async def rest(self) -> None:
        """Nothing: the server has workers for that."""

    async def close(self) -> None:
        """End the connections."""
        await self._writing.close()
        await self._reading.close()

    # Writing

    async def transact(self, jobs: Sequence[Job[Any]]) -> Transacted:
        """Run jobs in one durable transaction."""
        try:
            return await self._attempt(jobs)
        except StoreUnavailable as error:
            # The server is away, or another node holds the lock: each job alone would only wait as long again.
            # Or else a `CommitUnknown`: what may have been done is not done again.
            return Transacted([error for _ in jobs], [])
        except Exception as error:
            if len(jobs) == 1:
                return Transacted([_translate(error)], [])
        # One of them broke the transaction, which was rolled back. Alone, each of the others can still be done.
        return in_a_row([await self.transact([job]) for job in jobs])

    async def _attempt(self, jobs: Sequence[Job[Any]]) -> Transacted:
        refused: dict[int, TidingsError] = {}
        while True:
            try:
                async with self._writing.use() as connection:
                    return await self._append(connection, jobs, refused)
            except WroteThenRaised as raised:
                refused[raised.index] = raised.error

    async def _append(
        self, connection: Connection, jobs: Sequence[Job[Any]], refused: dict[int, TidingsError]
    ) -> Transacted:
        try:
            await self._lock(connection)
            began = perf_counter()
            transaction = Transaction(**await self._facts(connection))
            xid = await connection.fetchval("SELECT pg_current_xact_id()::text")
            results = await self._run(connection, run_jobs(transaction, jobs, refused=refused))
        except Exception:
            await _roll_back(connection)
            raise
        last = transaction.events[-1] if transaction.events else None
        await commit(connection, CommitTicket(self._place, xid, self._schema, last), dsn=self._dsn)
        self.lineage = transaction.lineage
        return Transacted(results, transaction.events, perf_counter() - began, transaction.sizes)

    async def _lock(self, connection: Connection) -> None:
        """Begin, and take the lock that orders what is appended. Raises `StoreUnavailable`."""
        try:
            await connection.execute(self._begin_writing)
        except asyncpg.LockNotAvailableError as error:
            raise unavailable(error) from error

    async def _settle(self, connection: Connection) -> None:
        """Go on under a new epoch if this is not the server, or not the history of it, that the log was written on.

        The last events of the other server may be lost here (a late standby, a restored backup), and
        their seqs must not be given again under the same name.
        """
        await self._lock(connection)
        self._place = await place_of(connection)
        self.lineage = lineage(await self._execute(connection, Query("epochs")))
        kept = await connection.fetchval("SELECT place FROM head")
        if kept != self._place:
            if kept:
                transaction = Transaction(**await self._facts(connection))
                await self._run(connection, run_jobs(transaction, [fork(new_epoch())], refused={}))
                self.lineage = transaction.lineage
            await connection.execute("UPDATE head SET place = $1", self._place)
        await connection.execute("COMMIT")

    async def _facts(self, connection: Connection) -> dict[str, Any]:
        """The values that a transaction knows from its beginning."""
        [row] = await self._execute(connection, Query("span"))
        if row.epoch != self.lineage.epoch:
            self.lineage = lineage(await self._execute(connection, Query("epochs")))
        now = row.now if self._clock is None else self._clock()
        return {"lineage": self.lineage, "floor": row.floor, "head": row.head, "now": now, "cap": self._cap}

    async def _execute(self, connection: Connection, query: Query) -> Rows:
        statement = self._statements[query.name]
        if not statement.sql:
            return []
        rows = await connection.fetch(statement.sql, *statement.values(query.params))
        return [*map(statement.row._make, rows)] if statement.row is not None else []

    async def _run(self, connection: Connection, script: Run[T]) -> T:
        try:
            query = next(script)
            while True:
                query = script.send(await self._execute(connection, query))
        except StopIteration as end:
            result: T = end.value
            return result

    # Reading

    async def query(self, script: Read[T]) -> T:
        """Run a script that only reads, in a snapshot."""
        async with self._reading.use() as connection:
            await connection.execute(self._begin_reading)
            try:
                return await self._run(connection, run_read(Snapshot(**await self._facts(connection)), script))
            except DRIVER_ERRORS as error:
                raise unavailable(error) from error
            finally:
                await _roll_back(connection)


async def _roll_back(connection: Connection) -> None:
    """Undo a transaction, if the server still has it."""
    if not connection.is_closed() and connection.is_in_transaction():
        await connection.execute("ROLLBACK")


def _translate(error: Exception) -> Exception:
    if isinstance(error, DRIVER_ERRORS):
        return unavailable(error)
    return error
