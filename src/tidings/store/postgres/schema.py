"""The schema in the database: what is refused, and what is brought up to date."""

import re

import asyncpg

from tidings.domain.errors import StoreTooNew, StoreUnavailable
from tidings.store.dialect import migrations
from tidings.store.epoch_names import new_epoch
from tidings.store.postgres.connections import Connection, unavailable
from tidings.store.postgres.statements import statements

SCHEMA = "tidings"  # unless a test has its own

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_VERSION = re.compile(r"tidings schema (\d+)")  # in the comment on the schema
_COPY = "tidings copy of "  # there, and a cursor, as long as a copy is not whole


def check_name(schema: str) -> str:
    """The name of a schema, which becomes part of statements. Raises `ValueError`."""
    if not _NAME.fullmatch(schema):
        raise ValueError(f"a schema is called by lower-case letters, digits and _, not {schema[:80]!r}")
    return schema


async def migrate(connection: Connection, schema: str) -> None:
    """To the newest schema, in one transaction, so that of processes that start at once one does it.

    Raises `StoreTooNew`, `StoreUnavailable`.
    """
    steps = migrations("postgres")
    try:
        async with connection.transaction():
            await _lock(connection, schema)
            version = await _version(connection, schema)
            if version > len(steps):
                raise StoreTooNew(
                    f"the database was written by a newer Tidings (schema {version}, this one knows {len(steps)}): "
                    "upgrade Tidings"
                )
            if version == len(steps):
                return
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            for step in steps[version:]:
                await connection.execute(step)
            await _name_version(connection, schema)
            if not version:
                await _start_log(connection)
    except asyncpg.PostgresError as error:
        raise unavailable(error) from error


async def begin_copy(connection: Connection, *, of: str) -> None:
    """Make the tables for a copy of the log up to this cursor, unless that was begun. Raises `StoreUnavailable`."""
    async with connection.transaction():
        await _lock(connection, SCHEMA)
        row = await connection.fetchrow(
            "SELECT obj_description(oid, 'pg_namespace') AS comment FROM pg_namespace WHERE nspname = $1", SCHEMA
        )
        if row is not None and row["comment"] == _COPY + of:
            return
        if row is not None:
            again = (row["comment"] or "").startswith(_COPY)
            what = "the copy of another log, or of this one as it was," if again else "a schema"
            raise StoreUnavailable(f"the database has {what} {SCHEMA} already: copy to one that has none")
        await connection.execute(f"CREATE SCHEMA {SCHEMA}")
        for step in migrations("postgres"):
            await connection.execute(step)
        await connection.execute(f"COMMENT ON SCHEMA {SCHEMA} IS '{_COPY}{of}'")


async def finish_copy(connection: Connection, *, epoch: str, floor: int) -> None:
    """Make a log of the tables that were copied."""
    async with connection.transaction():
        await _lock(connection, SCHEMA)
        await connection.execute("SET LOCAL synchronous_commit = on")
        await connection.execute("INSERT INTO head (one, epoch, floor, place) VALUES (1, $1, $2, '')", epoch, floor)
        await connection.execute(
            "SELECT setval(pg_get_serial_sequence('stepwise_writes', 'id'), max(id)) FROM stepwise_writes"
        )  # null, which changes nothing, if there are none
        await _name_version(connection, SCHEMA)


async def _lock(connection: Connection, schema: str) -> None:
    """Of processes that make or change the schema, let one go on until the end of this transaction."""
    await connection.execute(f"SET LOCAL search_path = {schema}")
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"tidings/{schema}")


async def _name_version(connection: Connection, schema: str) -> None:
    await connection.execute(f"COMMENT ON SCHEMA {schema} IS 'tidings schema {len(migrations('postgres'))}'")


async def _version(connection: Connection, schema: str) -> int:
    """0 for none yet. Raises `StoreUnavailable` for what is not ours."""
    if await connection.fetchval("SHOW server_encoding") != "UTF8":
        raise StoreUnavailable("the database has another encoding than UTF8: make one with ENCODING 'UTF8'")
    row = await connection.fetchrow(
        "SELECT obj_description(oid, 'pg_namespace') AS comment,"
        " EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = n.oid) AS used"
        " FROM pg_namespace n WHERE nspname = $1",
        schema,
    )
    if row is None:
        return 0
    if found := _VERSION.fullmatch(row["comment"] or ""):
        return int(found[1])
    if (row["comment"] or "").startswith(_COPY):
        raise StoreUnavailable("the database has a copy that is not whole: run `tidings copy` again")
    if row["used"]:
        raise StoreUnavailable(f"the schema {schema} is of something else: give Tidings a database of its own")
    return 0


async def _start_log(connection: Connection) -> None:
    sql, epoch = statements(), new_epoch()
    await connection.execute(sql["start_log"].sql, epoch)
    await connection.execute(sql["start_epochs"].sql, epoch)
