"""Exports: a person's notifications as a workbook, made in the background, with progress in their inbox."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from tidings.domain.errors import LeaseLost, NotFound, StoreUnavailable, TidingsError
from tidings.domain.model import Draft
from tidings.domain.notification import Notification
from tidings.domain.topics import User, own_topic
from tidings.services.call import Call
from tidings.services.export_files import FINISHED, Note, book_path, drop_note, erase_exports, read_note
from tidings.services.store_gateway import NEWEST, StoreGateway
from tidings.store.transactions.changes import update
from tidings.store.transactions.exports import (
    begin_export,
    cancel_export,
    export_lease,
    exported_ids,
    exported_items,
    finish_export,
    tell_progress,
)
from tidings.store.transactions.leases import Lease, give_up_lease, renew_lease, take_lease
from tidings.store.transactions.log import span
from tidings.store.transactions.publish import publish

CONCURRENT_EXPORTS = 2  # books being written; others wait their turn
SEQS_PER_READ = 10_000  # of the log that are looked through for a user's items at a time, and more where there are few
ITEMS_PER_READ = 100  # notifications read at a time
ROWS_PER_WRITE = 25  # written at a time: about a millisecond and a half in which the interpreter does nothing else
ROWS = 1_048_575  # notifications in one book; an .xlsx file holds no more
LEASE = 6000  # milliseconds; after a crash the user may export again, and is told, when it is over
RENEW = 2.0  # seconds between renewals of it
LINK = 24 * 3600  # seconds for which a link can be clicked
PROGRESS_STEP = 0.05  # progress is told in steps of this
CANCELLED = {"title": "Export was cancelled", "progress": None}

_log = logging.getLogger("tidings.export")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One book that was asked for."""

    id: str
    user: User
    link: str  # where the file can be had
    message: str
    type: str
    progress: str  # the notification that shows how far it is

    @property
    def lease(self) -> Lease:
        """Held while it is made."""
        return export_lease(self.user, self.id)


class Book(Protocol):
    """A file of notifications that grows."""

    rows: int

    def add(self, items: Iterable[Notification]) -> None:
        """Append a row for each."""

    def close(self) -> None:
        """Finish the file."""


class ExportService:
    """Writes books under a folder, each in its owner's part of it, and keeps them as long as notifications."""

    def __init__(
        self,
        gateway: StoreGateway,
        folder: Path,
        *,
        new_id: Callable[[], str],
        new_book: Callable[[Path, User], Book],
        check: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        """`new_id` gives an unguessable name; `check` raises `ExtraMissing` where books cannot be written; `clock` in
        seconds, never going back."""
        self._gateway = gateway
        self._folder = folder
        self._new_id = new_id
        self._new_book = new_book
        self._check = check
        self._clock = clock
        self._keep = gateway.settings.inbox_age  # seconds: as long as the notification with the link
        self._turn = asyncio.Semaphore(CONCURRENT_EXPORTS)
        self._recovering: asyncio.Task[None] | None = None
        self._running: dict[tuple[User, str], asyncio.Task[None]] = {}

    async def begin(self, call: Call, *, message: str, type: str, link: Callable[[str], str]) -> str:
        """Start one; its id. Its progress is in the inbox on return. `link` makes the file's address from an id.

        Raises `NotIdentified`, `ExtraMissing`, `ExportRunning`, `TooManyExports`.
        """
        user = call.grant.me()
        self._check()
        id = self._new_id()
        await self._gateway.write(begin_export(user, id, duration=LEASE))
        content = {"type": "export.progress", "title": "Export to Excel", "progress": 0.0, "priority": "low"}
        draft = Draft(topics=(own_topic(user),), content=content)
        (begun,) = await self._gateway.write(publish([draft], group_window=0))
        export = Export(id=id, user=user, link=link(id), message=message, type=type, progress=begun.id)
        task = self._running[user, id] = asyncio.create_task(self._run(export))
        task.add_done_callback(lambda _: self._running.pop((user, id), None))
        await asyncio.sleep(0)  # the task has begun: from here on every end of it is reported
        return id

    async def cancel(self, call: Call, id: str) -> None:
        """Stop one that is being made, here or by another process (soon). Raises `NotIdentified`, `NotFound`."""
        user = call.grant.me()
        task = self._running.get((user, id))
        if task is None:
            await self._gateway.write(cancel_export(user, id))
        else:
            task.cancel()
            await asyncio.wait([task])

    def file(self, call: Call, id: str) -> Path:
        """A finished book of the caller. Raises `NotIdentified`, and `NotFound`, also when its time is over."""
        user = call.grant.me()
        path = book_path(self._folder, user, id)
        if not path.is_file() or self._over(path):
            raise NotFound(f"there is no export {id!r} for {user}; one is kept for {_words(self._keep)}")
        return path

    async def erase(self, user: User) -> int:
        """Take all of a user's books from the disk; how many. Those that are being made stop by themselves."""
        for task in [task for (owner, _), task in self._running.items() if owner == user]:
            task.cancel()
            await asyncio.wait([task])
        return await asyncio.to_thread(erase_exports, self._folder, user)

    async def sweep(self) -> None:
        """Take from the disk what is not kept any more."""
        for owner in await asyncio.to_thread(self._sweep):
            with contextlib.suppress(OSError):  # there is more in it
                owner.rmdir()  # on the loop, so never between the two steps of `_run` that make it and fill it

    def _sweep(self) -> set[Path]:
        """The folders in which something was."""
        swept = set()
        try:
            for path in self._folder.glob(FINISHED):
                if self._over(path):
                    path.unlink(missing_ok=True)
                    swept.add(path.parent)
        except OSError as error:
            _log.warning("exports_not_swept", extra={"reason": str(error)})
        return swept

    def _over(self, path: Path) -> bool:
        try:
            return path.stat().st_mtime < self._gateway.clock() / 1000 - self._keep
        except FileNotFoundError:
            return True

    def start(self) -> None:
        """Tell the users whose exports a crash cut off, now or as soon as the lease of the crashed process is over."""
        self._recovering = asyncio.create_task(self._recover())

    async def _recover(self) -> None:
        left = set(self._folder.glob("*/*.begun"))
        while left:
            for file in list(left):
                if await self._recovered(file):
                    left.discard(file)
            if left:
                await asyncio.sleep(RENEW)

    async def _recovered(self, file: Path) -> bool:
        """Is nothing left to do about this note? Not while another process makes its export."""
        note = read_note(file)
        if note is not None:
            lease = export_lease(note.user, "recovery")
            try:
                if not await self._gateway.write(take_lease(lease, duration=LEASE)):
                    return False
                await self._gateway.write(give_up_lease(lease))
            except StoreUnavailable:
                return False
            if not await self._update_item(note.progress, {"title": "Export was interrupted", "progress": None}):
                return False
        drop_note(file)
        return True

    async def close(self) -> None:
        """Stop all that are being made."""
        tasks = [*self._running.values(), *([self._recovering] if self._recovering else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self, export: Export) -> None:
        path = book_path(self._folder, export.user, export.id)
        part, note = path.with_suffix(".part"), path.with_suffix(".begun")
        told = True
        renewing = asyncio.create_task(self._renew(export))
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # a workbook is its user's alone
            part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for file in (note, part):
                file.touch(mode=0o600)
            note.write_bytes(msgspec.json.encode(Note(user=export.user, id=export.id, progress=export.progress)))
            async with self._turn:
                rows = await self._write(export, part)
            os.replace(part, path)
            await self._progress(export, 1.0)
            done = _done(export, rows)
            await self._gateway.write(finish_export(export.user, export.id, done, notification=export.progress))
        except asyncio.CancelledError:
            told = await self._update_item(export.progress, CANCELLED)
            raise
        except LeaseLost:  # another process was asked to stop it, or took this one for crashed
            path.unlink(missing_ok=True)
            told = await self._update_item(export.progress, CANCELLED)
        except Exception:
            _log.exception("export_failed", extra={"export": export.id})
            told = await self._update_item(export.progress, {"title": "Export failed", "progress": None})
        finally:
            renewing.cancel()
            with contextlib.suppress(TidingsError):  # else its time ends it
                await self._gateway.write(give_up_lease(export.lease))
            with contextlib.suppress(OSError):  # where the folder could not be made there is nothing to take away
                part.unlink(missing_ok=True)
                if told:  # else the next start does it
                    note.unlink(missing_ok=True)

    async def _renew(self, export: Export) -> None:
        while True:
            await asyncio.sleep(RENEW)
            try:
                await self._gateway.write(renew_lease(export.lease, duration=LEASE))
            except LeaseLost:
                self._running[export.user, export.id].cancel()
                return
            except TidingsError:
                pass  # the database may be back before the time is over

    async def _write(self, export: Export, part: Path) -> int:
        ids = await self._ids(export.user)
        book = await asyncio.to_thread(self._new_book, part, export.user)
        told = 0.0
        for first in range(0, len(ids), ITEMS_PER_READ):
            asked = exported_items(export.user, ids[first : first + ITEMS_PER_READ])
            items = [item for item in await self._politely(self._gateway.query(asked)) if item.id != export.progress]
            for start in range(0, len(items), ROWS_PER_WRITE):
                await self._politely(asyncio.to_thread(book.add, items[start : start + ROWS_PER_WRITE]))
            done = min(1.0, (first + ITEMS_PER_READ) / len(ids))
            if told + PROGRESS_STEP <= done < 1:
                told = done
                await self._progress(export, round(done, 3))
        await asyncio.to_thread(book.close)
        return book.rows

    async def _ids(self, user: User) -> list[int]:
        """The items of a user's feed, newest first: all that there were when it began, and are still there."""
        _, head = await self._gateway.query(span)
        ids = list[int]()
        before, seqs = head + 1, SEQS_PER_READ
        while before > 1 and len(ids) < ROWS:
            after = max(0, before - 1 - seqs)
            found = await self._politely(self._gateway.query(exported_ids(user, after=after, before=before)))
            ids += found
            before = after + 1
            seqs *= 1 if len(found) * 10 > SEQS_PER_READ else 2
        # An item may have moved to the top before its old place was looked through.
        moved = await self._gateway.query(exported_ids(user, after=head, before=NEWEST))
        known = set(ids) if moved else set()
        return [*(id for id in moved if id <= head and id not in known), *ids][:ROWS]

    async def _politely(self, work: Awaitable[T]) -> T:
        """The result of one small piece of work, after a pause as long as it took: an export is in no hurry."""
        began = self._clock()
        result = await work
        await asyncio.sleep(self._clock() - began)
        return result

    async def _progress(self, export: Export, progress: float) -> None:
        await self._gateway.write(
            tell_progress(export.user, export.id, notification=export.progress, progress=progress)
        )

    async def _update_item(self, notification: str, changes: Mapping[str, object]) -> bool:
        """Is it said, or was it withdrawn meanwhile? False if the database takes nothing now."""
        try:
            await self._gateway.write(update(notification, changes))
        except StoreUnavailable:
            return False
        except TidingsError:
            pass
        return True


def _words(seconds: float) -> str:
    """7_776_000 -> "90 days"."""
    for unit, length in (("day", 86_400), ("hour", 3600)):
        if seconds >= length:
            number = round(seconds / length, 1)
            return f"{number:g} {unit}{'s' * (number != 1)}"
    return f"{seconds:g} seconds"


def _done(export: Export, rows: int) -> Draft:
    return Draft(
        topics=(own_topic(export.user),),
        content={
            "type": export.type,
            "title": "Your export is ready",
            "body": export.message,
            "action_url": export.link,
            "data": {"rows": rows, "export": export.id},
        },
    )
