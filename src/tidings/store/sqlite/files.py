"""The database file as an operator handles it: copied, checked, put back, made smaller."""

import asyncio
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import apsw

from tidings.domain.cursor import Cursor
from tidings.domain.errors import StoreUnavailable
from tidings.store.dialect import queries
from tidings.store.epoch_names import new_epoch
from tidings.store.sqlite.adapter import SqliteStore
from tidings.store.sqlite.connection import BUSY_TIMEOUT, connect
from tidings.store.sqlite.schema import refuse_foreign_file
from tidings.store.transactions.epochs import fork

PAGES_PER_STEP = 1000  # of 4 KB that are copied or given back at a time
COPY_PAUSE = 0.005  # seconds between: what is done here is never urgent, what others do is

Progress = Callable[[float], None]  # told the part that is done, 0 to 1


class Copied(NamedTuple):
    """A copy that was made, and the newest event in it."""

    cursor: Cursor
    bytes: int


class Checked(NamedTuple):
    """The state of a database: its newest event, and what is wrong with it."""

    cursor: Cursor
    problems: list[str]


def back_up(source: Path, target: Path, *, progress: Progress = lambda _: None) -> Copied:
    """Copy the database of a running server into one new file, as it is at this moment, and check it.

    Writes go on meanwhile; only the write-ahead log grows. A copy that is not whole never has the target's name.
    Raises `StoreUnavailable`, also if the target is there already.
    """
    if target.exists():
        raise StoreUnavailable(f"{target} is there already")
    _existing(source)
    part = target.with_name(f"{target.name}.part")
    with _translated(f"cannot back up {source}"), _removed_on_failure(part):
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(connect(source)) as reading, closing(apsw.Connection(str(part))) as writing:
            # A read that is open keeps the copy from beginning again at each write of the server.
            reading.execute("BEGIN; SELECT * FROM head")
            with writing.backup("main", reading, "main") as copy:
                while not copy.done:
                    copy.step(PAGES_PER_STEP)
                    progress(1 - copy.remaining / max(1, copy.page_count))
                    time.sleep(COPY_PAUSE)
            reading.execute("COMMIT")
            writing.pragma("journal_mode", "delete")  # one file
        checked = check(part)
        if checked.problems:
            raise StoreUnavailable(f"the copy of {source} is not whole: {checked.problems[0]}")
        _sync(part)
        os.link(part, target)  # fails if the file was made meanwhile
        part.unlink()
        _sync(target.parent)
    return Copied(checked.cursor, target.stat().st_size)


def restore(backup: Path, target: Path) -> Copied:
    """Put a backup in the place of the database, under a new epoch that forks at its newest event.

    Later events are lost: readers that had some of them get a `reset` at the fork, and no client takes an
    event that comes now for one that was lost. No server may have the database open; the one that was there is kept
    as `<name>.before-<seconds>`. Raises `StoreUnavailable`, `StoreTooNew`.
    """
    _existing(backup)
    part = target.with_name(f"{target.name}.part")
    with _translated(f"cannot restore {backup}"), _removed_on_failure(part):
        refuse_foreign_file(backup)
        if problems := check(backup).problems:
            raise StoreUnavailable(f"{backup} is not whole: {problems[0]}")
        part.unlink(missing_ok=True)
        shutil.copyfile(backup, part)
        part.chmod(0o600)
        cursor = asyncio.run(_fork(part))
        _sync(part)
        if target.exists():
            _fold(target)
            target.rename(target.with_name(f"{target.name}.before-{int(time.time())}"))
        part.rename(target)
        _sync(target.parent)
    return Copied(cursor, target.stat().st_size)


def check(path: Path) -> Checked:
    """Check a database for broken pages, holes in the log and orphaned rows; return a line per fault."""
    _existing(path)
    flags = apsw.SQLITE_OPEN_READWRITE  # and not CREATE
    with _translated(f"cannot check {path}"), closing(apsw.Connection(str(path), flags)) as reading:
        reading.set_busy_timeout(BUSY_TIMEOUT)
        reading.execute("BEGIN")
        problems = [text for (text,) in reading.execute("PRAGMA quick_check") if text != "ok"]
        span = queries("sqlite")["span"]
        [row] = map(span.row._make, reading.execute(span.sql).fetchall())
        for problem, sql in _WRONG.items():
            [(number,)] = reading.execute(sql).fetchall()
            if number:
                problems.append(f"{problem}: {number}")
        reading.execute("COMMIT")
    return Checked(Cursor(row.epoch, row.head), problems)


# Each counts what should not be there.
_WRONG = {
    "events missing between the floor and the head": (
        "SELECT seq - floor - (SELECT count(*) FROM events WHERE seq > floor AND seq <= head.seq) FROM head"
    ),
    "events beyond the head": "SELECT count(*) FROM events WHERE seq > (SELECT seq FROM head)",
    "notifications of events beyond the head": (
        "SELECT count(*) FROM items WHERE max(item_id, sort_seq) > (SELECT seq FROM head)"
    ),
    "states of notifications that are gone": (
        "SELECT count(*) FROM overrides WHERE item_id NOT IN (SELECT item_id FROM items)"
        " AND item_id NOT IN (SELECT item_id FROM gone_items)"
    ),
    "epochs that do not lead to the present one": (
        "SELECT epoch <> (SELECT name FROM epochs ORDER BY number DESC LIMIT 1) FROM head"
    ),
}


def compact(path: Path, *, progress: Progress = lambda _: None) -> int:
    """Give the pages that are free back to the file system, in steps between others' writes; the bytes given back."""
    _existing(path)
    with _translated(f"cannot compact {path}"):
        refuse_foreign_file(path)
    with _translated(f"cannot compact {path}"), closing(connect(path)) as connection:
        size, total = connection.pragma("page_size"), connection.pragma("freelist_count")
        left = total
        while left:
            connection.execute(f"PRAGMA incremental_vacuum({PAGES_PER_STEP})").fetchall()
            before, left = left, connection.pragma("freelist_count")
            if left >= before:
                break
            progress(1 - left / total)
            time.sleep(COPY_PAUSE)
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        return int(size * (total - left))


async def _fork(path: Path) -> Cursor:
    store = await SqliteStore.open(path)
    try:
        [at] = (await store.transact([fork(new_epoch())])).results
        if isinstance(at, Exception):
            raise at
        return store.lineage.cursor(at)
    finally:
        await store.close()


def _fold(path: Path) -> None:
    """Fold the write-ahead log into the database. Raises `StoreUnavailable` if a process has the database open."""
    with closing(apsw.Connection(str(path))) as connection:
        try:
            connection.pragma("locking_mode", "exclusive")
            connection.execute("BEGIN EXCLUSIVE; COMMIT")
            connection.pragma("journal_mode", "delete")
        except apsw.BusyError as error:
            raise StoreUnavailable(f"{path} is open in another program: stop the server first") from error


def _existing(path: Path) -> None:
    if not path.is_file():
        raise StoreUnavailable(f"there is no database {path}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except (apsw.Error, OSError) as error:
        raise StoreUnavailable(f"{what}: {error}") from error


@contextmanager
def _removed_on_failure(part: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for suffix in ("", "-wal", "-shm", "-journal"):
            with suppress(OSError):
                part.with_name(f"{part.name}{suffix}").unlink(missing_ok=True)
        raise
