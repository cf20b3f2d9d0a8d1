"""The table in its databases. PostgreSQL is reached by psycopg, SQLite by the standard library."""

import fcntl
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tidings.outbox.schema import TABLE
from tidings.outbox.worker import Away, OutboxBatch, Table

# The name of the lock among the advisory locks of a database: "tidings" as a number.
LOCK = int.from_bytes(b"tidings", "big")
DATABASE_CONNECT_WITHIN = 10  # seconds
BUSY = 30.0  # seconds that a write waits for the application's

_AGE = {
    "postgresql": "coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8",
    "sqlite": "coalesce((julianday('now') - julianday(min(created_at))) * 86400, 0)",
}


@contextmanager
def opened_table(db: str) -> Iterator[Table]:
    """The table of `postgresql://...`, `sqlite:///file`, or a file. Raises `Away`; ModuleNotFoundError for psycopg."""
    if db.startswith(("postgresql://", "postgres://")):
        import psycopg

        try:
            with psycopg.connect(db, autocommit=True, connect_timeout=DATABASE_CONNECT_WITHIN) as connection:
                yield _PostgresTable(connection)
        except psycopg.OperationalError as error:
            raise Away(f"the database does not answer: {error}") from error
    else:
        path = Path(db.removeprefix("sqlite:///"))
        try:
            with (
                closing(sqlite3.connect(path, timeout=BUSY, isolation_level=None)) as file,
                open(f"{path}-outbox.lock", "a", encoding="ascii") as lock,
            ):
                yield _SqliteTable(file, lock)
        except (sqlite3.OperationalError, OSError) as error:
            raise Away(f"{path} does not answer: {error}") from error


class _SqlTable:
    """The shared part of both tables' SQL, with `?` for a parameter."""

    dialect: str

    def _run(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def claim(self, limit: int) -> OutboxBatch | None:
        """See `Table`. The name is written down before anything is sent under it."""
        started = self._run(
            f"SELECT batch FROM {TABLE} WHERE batch IS NOT NULL AND error IS NULL ORDER BY position LIMIT 1"
        )
        if started:
            ((name,),) = started
            return OutboxBatch(name=name, rows=self._rows(name))
        first = self._run(f"SELECT position FROM {TABLE} WHERE error IS NULL ORDER BY position LIMIT ?", limit)
        if not first:
            return None
        name = uuid.uuid4().hex
        positions = [position for (position,) in first]
        self._run(f"UPDATE {TABLE} SET batch = ? WHERE {_among(positions)}", name, *positions)
        return OutboxBatch(name=name, rows=self._rows(name))

    def _rows(self, name: str) -> Sequence[tuple[int, str]]:
        found = self._run(
            f"SELECT position, notification FROM {TABLE} WHERE batch = ? AND error IS NULL ORDER BY position", name
        )
        return [(position, text) for position, text in found]

    def split(self, batch: OutboxBatch) -> None:
        """See `Table`. In one statement: no row may be sent under both names."""
        self._run(f"UPDATE {TABLE} SET batch = 'row-' || id WHERE batch = ?", batch.name)

    def reject(self, batch: OutboxBatch, error: str) -> None:
        """See `Table`."""
        self._run(f"UPDATE {TABLE} SET error = ? WHERE batch = ?", error, batch.name)

    def delete(self, batch: OutboxBatch) -> None:
        """See `Table`."""
        positions = [position for position, _ in batch.rows]
        self._run(f"DELETE FROM {TABLE} WHERE {_among(positions)}", *positions)

    def lag(self) -> float:
        """See `Table`."""
        ((seconds,),) = self._run(f"SELECT {_AGE[self.dialect]} FROM {TABLE} WHERE error IS NULL")
        return max(0.0, float(seconds))


class _PostgresTable(_SqlTable):
    dialect = "postgresql"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def lock(self) -> bool:
        ((held,),) = self._run("SELECT pg_try_advisory_lock(?)", LOCK)
        return bool(held)

    def _run(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        cursor = self._connection.execute(sql.replace("?", "%s"), values)
        rows: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
        return rows


class _SqliteTable(_SqlTable):
    dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection, lock: Any) -> None:
        self._connection = connection
        self._lock = lock

    def lock(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _run(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, values).fetchall()


def _among(positions: Sequence[int]) -> str:
    return f"position IN ({', '.join('?' * len(positions))})"
