"""Connections to a PostgreSQL server: made when one is needed, kept while they are good, ended when one is not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

import asyncpg

from tidings.domain.errors import StoreUnavailable

Connection: TypeAlias = asyncpg.Connection

CONNECT_TIMEOUT = 5.0  # seconds
COMMAND_TIMEOUT = 20.0  # seconds; a server that says nothing for longer is taken for dead
STATEMENTS = 200  # prepared ones that a connection keeps; there are fewer queries
CLOSE_TIMEOUT = 2.0  # seconds

# The errors of the driver. The last has no class in common with the others: its place in the protocol was lost.
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

# Of the server as a whole, not of a statement: the connection is of no use any more.
_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # it shuts down, or starts
    asyncpg.InsufficientResourcesError,  # a full disk among them
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,  # it has become a standby
    asyncpg.InternalClientError,  # a server that was killed in the middle of an answer
    OSError,
    TimeoutError,
)


async def connect(dsn: str) -> Connection:
    """A new connection, to a server that can be written to if the DSN names several. Raises `StoreUnavailable`."""
    try:
        return await asyncpg.connect(
            dsn,
            timeout=CONNECT_TIMEOUT,
            command_timeout=COMMAND_TIMEOUT,
            statement_cache_size=STATEMENTS,
            max_cached_statement_lifetime=0,
        )
    except (*DRIVER_ERRORS, OSError, TimeoutError, ValueError) as error:
        raise unavailable(error) from error


def is_away(connection: Connection, error: Exception) -> bool:
    """Is it the server, or the connection to it, that failed, and not a statement?"""
    return isinstance(error, _AWAY) or connection.is_closed()


def unavailable(error: Exception) -> StoreUnavailable:
    """The error for a caller."""
    return StoreUnavailable(f"the database cannot take this now: {str(error) or type(error).__name__}")


class Connections:
    """Up to `most` connections, each for one user at a time."""

    def __init__(self, dsn: str, *, most: int, prepare: Callable[[Connection], Awaitable[None]] | None = None) -> None:
        """`prepare` is called once with each new connection, before it is used."""
        self._dsn = dsn
        self._free = asyncio.Semaphore(most)
        self._idle: list[Connection] = []
        self._prepare = prepare

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Connection]:
        """A connection that nobody else has. One that its user leaves within a transaction is ended.

        Raises `StoreUnavailable`, also in place of an error of the server as a whole.
        """
        async with self._free:
            connection = await self._take()
            try:
                yield connection
            except StoreUnavailable:
                raise
            except Exception as error:
                if is_away(connection, error):
                    connection.terminate()
                    raise unavailable(error) from error
                raise
            finally:
                if connection.is_closed() or connection.is_in_transaction():
                    connection.terminate()
                else:
                    self._idle.append(connection)

    async def close(self) -> None:
        """End those that are not used."""
        while self._idle:
            connection = self._idle.pop()
            with suppress(Exception):
                await connection.close(timeout=CLOSE_TIMEOUT)

    async def _take(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        connection = await connect(self._dsn)
        try:
            if self._prepare is not None:
                await self._prepare(connection)
        except BaseException as error:
            connection.terminate()
            if isinstance(error, Exception) and is_away(connection, error):
                raise unavailable(error) from error
            raise
        return connection
