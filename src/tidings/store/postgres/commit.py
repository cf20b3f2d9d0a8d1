"""COMMIT, and what became of it when the server did not say."""

import asyncio
from typing import NamedTuple

import asyncpg

from tidings.domain.errors import CommitUnknown, StoreUnavailable
from tidings.domain.model import Event
from tidings.store.postgres.connections import DRIVER_ERRORS, Connection, connect, is_away, unavailable

ASK_FOR = 5.0  # seconds that the server is asked what became of a transaction
ASK_EVERY = 0.1  # seconds

# The server, the database, and the timeline of its write-ahead log: a copy of a server, a restored database and a
# standby that took over each have another.
_PLACE = """
SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
    (SELECT oid FROM pg_database WHERE datname = current_database()),
    substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))
"""


class CommitTicket(NamedTuple):
    """By which a transaction can be asked about after its connection was lost."""

    place: str
    xid: str
    schema: str
    last: Event | None  # of those that it appended


async def place_of(connection: Connection) -> str:
    """A name of the history that the server behind a connection is writing."""
    return str(await connection.fetchval(_PLACE))


async def commit(connection: Connection, ticket: CommitTicket, *, dsn: str) -> None:
    """End a transaction durably.

    Raises `CommitUnknown` if it cannot be found out whether that was done, anything else if it was not.
    """
    try:
        said = await connection.execute("COMMIT")
    except Exception as error:
        if isinstance(error, asyncpg.PostgresError) and not is_away(connection, error):
            raise  # the server said no
        connection.terminate()
        if not await _was_committed(ticket, dsn):
            raise unavailable(error) from error
    else:
        if said != "COMMIT":
            raise StoreUnavailable(f"the database rolled this back: {said}")


async def _was_committed(ticket: CommitTicket, dsn: str) -> bool:
    """Ask a server of the same history. Raises `CommitUnknown`."""
    try:
        async with asyncio.timeout(ASK_FOR):
            while True:
                try:
                    status = await _status(ticket, dsn)
                except (*DRIVER_ERRORS, OSError, StoreUnavailable):
                    status = "in progress"  # for all that is known: the server is away
                if status != "in progress":
                    break
                await asyncio.sleep(ASK_EVERY)
    except TimeoutError:
        status = None
    if status is None:
        raise CommitUnknown("the database did not say whether this was done")
    return status == "committed"


async def _status(ticket: CommitTicket, dsn: str) -> str | None:
    connection = await connect(dsn)
    try:
        if await place_of(connection) != ticket.place:
            return None  # another history may have given the same number to another transaction
        try:
            found: str | None = await connection.fetchval("SELECT pg_xact_status($1::text::xid8)", ticket.xid)
        except asyncpg.InvalidParameterValueError:  # it is in the future
            return "aborted"
        # A crashed server gives numbers that were not on its disk again: another transaction may have committed.
        if found == "committed" and ticket.last is not None:
            query = f"SELECT data FROM {ticket.schema}.events WHERE seq = $1"
            kept = await connection.fetchval(query, ticket.last.seq)
            return found if kept is not None and kept.encode() == ticket.last.data else "aborted"
        return None if found == "committed" else found
    finally:
        connection.terminate()
