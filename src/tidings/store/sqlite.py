"""The embedded store: SQLite (apsw) in WAL mode, one thread that writes, a few that read.

Every call that a thread makes into SQLite gives up the interpreter lock and must win it back, so a
transaction is a handful of statements over JSON arrays rather than one statement a row.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal, NamedTuple, Self, TypeVar

import apsw

from tidings.domain.errors import StoreTooNew, StoreUnavailable, TidingsError
from tidings.domain.follow_intervals import FollowChange, follow_intervals, follows_before
from tidings.domain.model import Event, Feed, Page
from tidings.domain.topics import ALL, Topic, User, own_topic
from tidings.store.sql import migrations, queries
from tidings.store.transactions.follows import feeds
from tidings.store.transactions.transaction import Job, Rows, Script, Transaction, event_of, json_text

READERS = 3  # threads, each with a connection
CHECKPOINT = 1000  # WAL pages (4 KB) after which the checkpointer copies them to the database, beside the writer
RESTART = 32_000  # WAL pages after which it makes the writer wait, so that the file cannot grow for ever
MAPPED = 1 << 30  # bytes of the file that are read from the kernel's cache where they lie, not copied from it
CHANGES = 10_000  # of what one person follows that are read back in one snapshot: about 40 ms
LONG = 64  # people with more changes than that of whom it is remembered where their reading back came to
BUSY = 10_000  # milliseconds to wait for another process that writes
GLANCE = 50  # milliseconds between looks while another process makes the database
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"

T = TypeVar("T")


class Transacted(NamedTuple):
    """What a transaction left: a result or an exception for each job, and the events."""

    results: Sequence[Any]
    events: Sequence[Event]


class _Place(NamedTuple):
    """What somebody followed at a place in the log."""

    seq: int
    follows: Iterable[Topic]


class SqliteStore:
    """See `domain.ports.Store`. Open it with `SqliteStore.open`."""

    def __init__(self, path: Path, *, cap: int, changes: int) -> None:
        self._path = path
        self._cap = cap
        self._changes = changes
        self._places: dict[User, _Place] = {}
        self._sql = queries("sqlite")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="tidings-writer")
        self._tidying = ThreadPoolExecutor(1, thread_name_prefix="tidings-checkpoint")
        self._reading = ThreadPoolExecutor(READERS, thread_name_prefix="tidings-reader")
        self._idle: SimpleQueue[apsw.Connection] = SimpleQueue()
        self._checkpointing = False
        try:
            _refuse_what_is_not_ours(path)
            self._writer = _connect(path)
            self._migrate()
            self.epoch, _, _ = self._span(self._writer)
            self._writer.set_wal_hook(self._committed)
            self._checkpointer = _connect(path)
            for _ in range(READERS):
                self._idle.put(_connect(path))
        except apsw.Error as error:
            raise StoreUnavailable(f"cannot open the database {path}: {error}") from error

    def _migrate(self) -> None:
        """To the newest schema, in one transaction, so that of processes that start at once one does it."""
        connection = self._writer
        with _transaction(connection, "IMMEDIATE"):
            steps = migrations("sqlite")
            for step in steps[connection.pragma("user_version") :]:
                connection.execute(step)
            connection.pragma("user_version", len(steps))
            if not connection.execute(self._sql["span"]).fetchall():
                epoch = "".join(secrets.choice(_ALPHABET) for _ in range(8))
                connection.execute(self._sql["start_log"], {"epoch": epoch})

    @classmethod
    async def open(cls, path: Path, *, cap: int = 1000, changes: int = CHANGES) -> Self:
        """Make or migrate the database. Raises `StoreTooNew`, `StoreUnavailable`."""
        return await asyncio.to_thread(cls, path, cap=cap, changes=changes)

    async def close(self) -> None:
        """Finish what was begun and fold the WAL into the database."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        for pool in (self._writing, self._tidying, self._reading):
            pool.shutdown()
        while not self._idle.empty():
            self._idle.get().close()
        self._checkpointer.close()
        self._writer.close()  # the last connection checkpoints and removes the WAL

    # Writing

    async def transact(self, jobs: Sequence[Job[Any]], *, now: int) -> Transacted:
        """Run jobs in one durable transaction, on the writer's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._writing, self._transact, jobs, now)

    def _transact(self, jobs: Sequence[Job[Any]], now: int) -> Transacted:
        try:
            return self._attempt(jobs, now)
        except apsw.BusyError as error:
            # Another process holds the database: asking for each job alone would only wait as long again.
            return Transacted([_translate(error) for _ in jobs], [])
        except Exception as error:
            if len(jobs) == 1:
                return Transacted([_translate(error)], [])
        # One of them broke the transaction. Alone, each of the others can still be done.
        alone = [self._transact([job], now) for job in jobs]
        return Transacted([one.results[0] for one in alone], [event for one in alone for event in one.events])

    def _attempt(self, jobs: Sequence[Job[Any]], now: int) -> Transacted:
        connection = self._writer
        with _transaction(connection, "IMMEDIATE"):
            epoch, seq, _ = self._span(connection)
            transaction = Transaction(epoch=epoch, seq=seq, now=now, cap=self._cap)
            results: list[Any] = []
            for job in jobs:
                mark = transaction.mark()
                try:
                    results.append(self._run(connection, job(transaction)))
                except TidingsError as error:
                    transaction.undo(mark)
                    results.append(error)
            self._run(connection, transaction.flush())
        return Transacted(results, transaction.events)

    def _span(self, connection: apsw.Connection) -> tuple[str, int, int]:
        row: Any = connection.execute(self._sql["span"]).fetchall()[0]
        epoch, head, floor = row
        return epoch, head, floor

    def _run(self, connection: apsw.Connection, script: Script[T]) -> T:
        try:
            query = next(script)
            while True:
                rows: Rows = connection.execute(self._sql[query.name], query.params).fetchall()
                query = script.send(rows)
        except StopIteration as end:
            result: T = end.value
            return result

    # Reading

    async def ask(self, script: Callable[[int, int], Script[T]]) -> T:
        """Run a script that only reads, in a snapshot; it is made with the snapshot's (floor, head)."""
        return await self._read(lambda connection, floor, head: self._run(connection, script(floor, head)))

    async def feeds(self, users: Sequence[User]) -> Sequence[Feed | None]:
        """Each user's feed, all of one moment."""
        return await self.ask(lambda floor, head: feeds(users, cap=self._cap, floor=floor, head=head))

    async def read(
        self, user: User, *, follows: Iterable[Topic], extra: Iterable[Topic], after: int, upto: int, limit: int
    ) -> Page | None:
        """What was in a user's feed, and all of the `extra` topics, in (after, upto]; None if retention took some."""
        whole = (own_topic(user), ALL, *extra)

        def run(connection: apsw.Connection, floor: int, head: int) -> Page | _Place | None:
            if after < floor:
                return None
            changes = self._changed(connection, own_topic(user), after=after, upto=end.seq)
            if len(changes) > self._changes:
                first = changes[1]  # after another, so that something is left to read before it
                return _Place(first.seq - 1, follows_before(end.follows, changes[1:]))
            parts = follow_intervals(end.follows, changes, whole=whole, after=after, upto=end.seq)
            asked = {"spans": json_text(parts), "limit": limit}
            rows: Rows = connection.execute(self._sql["events_of"], asked).fetchall()
            return Page(events=_events(rows), through=rows[-1][0] if len(rows) == limit else end.seq)

        end = _Place(upto, follows)
        if (known := self._places.pop(user, end)).seq > after:
            end = min(end, known, key=lambda place: place.seq)
        while isinstance(found := await self._read(run), _Place):
            end = found
        if end.seq < upto:
            self._places[user] = end
            if len(self._places) > LONG:
                del self._places[next(iter(self._places))]
        return found

    def _changed(self, connection: apsw.Connection, own: Topic, *, after: int, upto: int) -> list[FollowChange]:
        """The last changes in (after, upto], in order, and one more than are read at once if there are so many."""
        asked = {"topic": own, "after": after, "upto": upto, "limit": self._changes + 1}
        rows: Rows = connection.execute(self._sql["changes_of"], asked).fetchall()
        return [FollowChange(seq, topic, bool(followed)) for seq, topic, followed in reversed(rows)]

    async def tail(self, *, after: int, limit: int) -> Page:
        """Events of every topic after a position."""

        def run(connection: apsw.Connection, floor: int, head: int) -> Page:
            rows: Rows = connection.execute(self._sql["tail"], {"after": after, "limit": limit}).fetchall()
            return Page(events=_events(rows), through=rows[-1][0] if rows else after)

        return await self._read(run)

    async def span(self) -> tuple[int, int]:
        """(floor, head)."""
        return await self._read(lambda connection, floor, head: (floor, head))

    async def _read(self, work: Callable[[apsw.Connection, int, int], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reading, self._snapshot, work)

    def _snapshot(self, work: Callable[[apsw.Connection, int, int], T]) -> T:
        connection = self._idle.get()
        try:
            connection.execute("BEGIN")
            try:
                _, head, floor = self._span(connection)
                return work(connection, floor, head)
            finally:
                connection.execute("COMMIT")
        except apsw.Error as error:
            raise _translate(error) from error
        finally:
            self._idle.put(connection)

    # Checkpoints stall commits when they run on the writer's path, so they have a thread of their own.

    def _committed(self, _: apsw.Connection, __: str, pages: int) -> int:
        if pages >= CHECKPOINT and not self._checkpointing:
            self._checkpointing = True
            self._tidying.submit(self._checkpoint, pages)
        return apsw.SQLITE_OK

    def _checkpoint(self, pages: int) -> None:
        mode = apsw.SQLITE_CHECKPOINT_RESTART if pages >= RESTART else apsw.SQLITE_CHECKPOINT_PASSIVE
        try:
            self._checkpointer.wal_checkpoint(mode=mode)
        except apsw.BusyError:
            pass  # a reader or the writer is in the way: the next commit asks again
        finally:
            self._checkpointing = False


def _connect(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    _use_wal(connection)
    connection.set_busy_timeout(BUSY)
    connection.pragma("synchronous", "full")
    connection.pragma("wal_autocheckpoint", 0)
    connection.pragma("cache_size", -32_000)  # KB
    connection.pragma("mmap_size", MAPPED)
    return connection


@contextmanager
def _transaction(connection: apsw.Connection, kind: Literal["IMMEDIATE", "DEFERRED"]) -> Iterator[None]:
    """All or nothing. (`with connection` would keep the interpreter lock while it waits for the database's.)"""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _use_wal(connection: apsw.Connection) -> None:
    """Who waits for the lock while another process makes the same change waits for ever: look again instead."""
    connection.set_busy_timeout(GLANCE)
    for _ in range(BUSY // GLANCE):
        with suppress(apsw.BusyError):
            connection.pragma("journal_mode", "wal")
            return
    raise apsw.BusyError("it is locked by another process")


def _refuse_what_is_not_ours(path: Path) -> None:
    """Before anything is written: making it a WAL database would already change the file."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(BUSY)
    known = len(migrations("sqlite"))
    with _transaction(connection, "DEFERRED"):  # one snapshot: somebody may be making it
        version = connection.pragma("user_version")
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    connection.close()
    if tables and not (version and "head" in tables):
        raise StoreUnavailable(f"{path} is a database of something else: give Tidings a file of its own")
    if version > known:
        raise StoreTooNew(
            f"{path} was written by a newer Tidings (schema {version}, this one knows {known}): upgrade Tidings"
        )


def _events(rows: Rows) -> list[Event]:
    return [event_of(*row) for row in rows]


def _translate(error: Exception) -> Exception:
    if isinstance(error, apsw.Error):
        return StoreUnavailable(f"the database cannot take this now: {error}")
    return error
