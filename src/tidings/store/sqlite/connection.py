"""Connections to the database file, and the ends of a transaction."""

from contextlib import suppress
from pathlib import Path

import apsw

from tidings.domain.errors import CommitUnknown

MAPPED = 1 << 30  # bytes of the file that are read from the kernel's cache where they lie, not copied from it
BUSY_TIMEOUT = 10_000  # milliseconds to wait for another process that writes
GLANCE = 50  # milliseconds between looks while another process makes the database


def connect(path: Path) -> apsw.Connection:
    """A connection for one thread at a time. Raises `apsw.Error`."""
    connection = apsw.Connection(str(path))
    _use_wal(connection)
    connection.set_busy_timeout(BUSY_TIMEOUT)
    connection.pragma("synchronous", "full")
    connection.pragma("secure_delete", "fast")  # what is deleted is overwritten where that costs no write of a page
    connection.pragma("wal_autocheckpoint", 0)
    connection.pragma("cache_size", -32_000)  # KB
    connection.pragma("mmap_size", MAPPED)
    return connection


def commit(connection: apsw.Connection) -> None:
    """End a transaction durably. If that fails it is rolled back for sure, or else `CommitUnknown` is raised."""
    try:
        connection.execute("COMMIT")
    except apsw.Error as error:
        if not connection.in_transaction:
            raise CommitUnknown(f"the database did not say whether this was done: {error}") from error
        roll_back(connection)
        raise


def roll_back(connection: apsw.Connection) -> None:
    """Undo a transaction, unless SQLite has done so already."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _use_wal(connection: apsw.Connection) -> None:
    """Set WAL mode by polling: to wait for the lock while another process makes the same change never ends."""
    connection.set_busy_timeout(GLANCE)
    for _ in range(BUSY_TIMEOUT // GLANCE):
        with suppress(apsw.BusyError):
            connection.pragma("auto_vacuum", 2)  # of a new file: pages that are freed can be given back in steps
            connection.pragma("journal_mode", "wal")
            return
    raise apsw.BusyError("it is locked by another process")
