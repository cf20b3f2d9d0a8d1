"""The schema of the database file: what is refused, and what is brought up to date."""

import os
from contextlib import suppress
from pathlib import Path

import apsw

from tidings.domain.errors import StoreTooNew, StoreUnavailable
from tidings.store.dialect import migrations, queries
from tidings.store.epoch_names import new_epoch
from tidings.store.sqlite.connection import BUSY_TIMEOUT, roll_back


def make_private(path: Path) -> None:
    """Make the file, if there is none, for its owner alone; SQLite gives its WAL the same mode."""
    with suppress(OSError):  # it is there, or SQLite says what is wrong
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def refuse_foreign_file(path: Path) -> None:
    """Raise `StoreUnavailable` for what is not ours, `StoreTooNew` for a newer schema.

    Before anything is written: making it a WAL database would already change the file.
    """
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(BUSY_TIMEOUT)
    known = len(migrations("sqlite"))
    connection.execute("BEGIN")  # one snapshot: another process may be making it
    version = connection.pragma("user_version")
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    connection.execute("COMMIT")
    connection.close()
    if tables and not (version and "head" in tables):
        raise StoreUnavailable(f"{path} is a database of something else: give Tidings a file of its own")
    if version > known:
        raise StoreTooNew(
            f"{path} was written by a newer Tidings (schema {version}, this one knows {known}): upgrade Tidings"
        )


def migrate(connection: apsw.Connection) -> None:
    """To the newest schema, in one transaction, so that of processes that start at once one does it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        steps = migrations("sqlite")
        for step in steps[connection.pragma("user_version") :]:
            connection.execute(step)
        connection.pragma("user_version", len(steps))
        sql = queries("sqlite")
        if not connection.execute(sql["span"].sql).fetchall():
            name = new_epoch()
            connection.execute(sql["start_log"].sql, {"epoch": name})
            connection.execute(sql["start_epochs"].sql, {"epoch": name})
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise
