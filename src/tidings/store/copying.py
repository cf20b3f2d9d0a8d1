"""A log from a database file into PostgreSQL: every row as it is, so that cursors, ids and credentials stay valid.

Rows are copied in the order of their keys, after those that are in the target: a copy that was cut off goes on where it
was. Until it is whole the comment on the schema says so, and no server takes the target for a log.
"""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from tidings.domain.cursor import Cursor
from tidings.domain.errors import StoreUnavailable
from tidings.store.dialect import migrations
from tidings.store.postgres.connections import DRIVER_ERRORS, Connection, connect, unavailable
from tidings.store.postgres.schema import SCHEMA, begin_copy, finish_copy
from tidings.store.sqlite.schema import refuse_foreign_file

ROWS_AT_ONCE = 5000  # rows in a transaction
ALONE_WITHIN = 1000  # milliseconds in which whatever else has the file open may close it


class CopiedTable(NamedTuple):
    """A table of the same columns in both databases, and its primary key."""

    name: str
    key: tuple[str, ...]


# Without `head`, which makes a log of them and comes last, and leases, which are over by then.
TABLES = (
    CopiedTable("epochs", ("number",)),
    CopiedTable("events", ("seq",)),
    CopiedTable("items", ("item_id",)),
    CopiedTable("users", ("user_id",)),
    CopiedTable("overrides", ("user_id", "item_id")),
    CopiedTable("gone_items", ("item_id",)),
    CopiedTable("stepwise_writes", ("id",)),
    CopiedTable("follows", ("user_id", "topic")),
    CopiedTable("mutes", ("user_id", "tag")),
    CopiedTable("idempotency_keys", ("scope", "key")),
    CopiedTable("tickets", ("digest",)),
    CopiedTable("revocations", ("seq",)),
    CopiedTable("secrets", ("name",)),
    CopiedTable("api_keys", ("digest",)),
    CopiedTable("log_readers", ("name",)),
)


async def copy_log(source: Path, dsn: str, *, progress: Callable[[float], None] = lambda _: None) -> Cursor:
    """Copy a log that no server has open, or go on with its copy; the cursor of its newest event.

    `progress` is told the part that is done, 0 to 1. Raises `StoreUnavailable`, also if the target has a log already,
    and `StoreTooNew`.
    """
    with closing(_taken_alone(source)) as rows:
        target = await connect(dsn)
        try:
            return await _copy(rows, target, progress)
        except (*DRIVER_ERRORS, OSError) as error:
            raise unavailable(error) from error
        finally:
            target.terminate()


def _taken_alone(path: Path) -> apsw.Connection:
    """A connection that keeps every other out. Raises `StoreUnavailable` if there is one: its writes would be lost."""
    if not path.exists():
        raise StoreUnavailable(f"there is no {path}")
    refuse_foreign_file(path)
    source = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    source.set_busy_timeout(ALONE_WITHIN)
    try:
        source.pragma("locking_mode", "exclusive")
        source.execute("BEGIN IMMEDIATE")
    except apsw.BusyError as error:
        source.close()
        raise StoreUnavailable(f"{path} is in use: stop the server first") from error
    version, known = source.pragma("user_version"), len(migrations("sqlite"))
    if version != known:
        source.close()
        raise StoreUnavailable(f"{path} has schema {version}, not {known}: `tidings migrate` brings it up to date")
    return source


async def _copy(source: apsw.Connection, target: Connection, progress: Callable[[float], None]) -> Cursor:
    head: list[tuple[Any, ...]] = source.execute("SELECT epoch, seq, floor FROM head").fetchall()
    [(epoch, seq, floor)] = head
    cursor = Cursor(epoch, seq)
    await begin_copy(target, of=str(cursor))
    total = sum(source.execute(f"SELECT count(*) FROM {table.name}").get for table in TABLES)
    done = 0
    for table in TABLES:
        done += await target.fetchval(f"SELECT count(*) FROM {SCHEMA}.{table.name}")
        while some := await _copy_some(source, target, table):
            done += some
            progress(done / total)
    await finish_copy(target, epoch=epoch, floor=floor)
    return cursor


async def _copy_some(source: apsw.Connection, target: Connection, table: CopiedTable) -> int:
    """Copy the next rows of a table in a transaction of their own; how many there were."""
    key = ", ".join(table.key)
    backwards = ", ".join(f"{column} DESC" for column in table.key)
    last = await target.fetchrow(f"SELECT {key} FROM {SCHEMA}.{table.name} ORDER BY {backwards} LIMIT 1")
    after = f"WHERE ({key}) > ({', '.join('?' * len(table.key))})" if last is not None else ""
    cursor = source.execute(
        f"SELECT * FROM {table.name} {after} ORDER BY {key} LIMIT {ROWS_AT_ONCE}", tuple(last or ())
    )
    rows = cursor.fetchall()
    if rows:
        columns = [name for name, *_ in source.execute(f"SELECT name FROM pragma_table_info('{table.name}')")]
        await target.copy_records_to_table(table.name, schema_name=SCHEMA, records=rows, columns=columns)
    return len(rows)
