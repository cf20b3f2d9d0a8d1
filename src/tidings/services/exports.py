"""Exports: a person's notifications as a workbook, made in the background, with progress in their inbox."""

import asyncio
import contextlib
import hashlib
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from tidings.domain.cursor import Cursor
from tidings.domain.errors import NotFound, StoreUnavailable, TidingsError
from tidings.domain.model import Draft
from tidings.domain.notification import Notification
from tidings.domain.topics import User, own_topic
from tidings.services.call import Call
from tidings.services.store_gateway import NEWEST, StoreGateway
from tidings.store.transactions.inbox import Filter
from tidings.store.transactions.publish import publish, retract, update

AT_ONCE = 2  # workbooks being written; others wait their turn
PAGE = 500  # notifications read at a time
NAME = 64  # characters of an export's id, at the most
STEP = 0.05  # progress is told in steps of this
FINISHED = "[0-9a-f]" * 32 + "/*.xlsx"  # below the folder: nothing else in it is ours to take away

_log = logging.getLogger("tidings.export")


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One workbook that was asked for."""

    id: str
    user: User
    link: str  # where the file can be had
    message: str
    type: str
    progress: str  # the notification that shows how far it is


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
    ) -> None:
        """`new_id` gives an unguessable name; `check` raises `ExtraMissing` where books cannot be written."""
        self._gateway = gateway
        self._folder = folder
        self._new_id = new_id
        self._new_book = new_book
        self._check = check
        self._keep = gateway.settings.inbox_age  # seconds: as long as the notification with the link
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._running: dict[tuple[User, str], asyncio.Task[None]] = {}

    async def begin(self, call: Call, *, message: str, type: str, link: Callable[[str], str]) -> str:
        """Start one; its id. Its progress is in the inbox on return. `link` makes the file's address from an id.

        Raises `NotIdentified`, `ExtraMissing`.
        """
        user = call.grant.me()
        self._check()
        id = self._new_id()
        content = {"type": "export.progress", "title": "Export to Excel", "progress": 0.0, "priority": "low"}
        draft = Draft(topics=(own_topic(user),), content=content)
        (begun,) = await self._gateway.write(publish([draft], group_window=0))
        export = Export(id=id, user=user, link=link(id), message=message, type=type, progress=begun.id)
        task = self._running[user, id] = asyncio.create_task(self._run(export))
        task.add_done_callback(lambda _: self._running.pop((user, id), None))
        await asyncio.sleep(0)  # it has begun: from here on, whatever ends it is told
        return id

    async def cancel(self, call: Call, id: str) -> None:
        """Stop one that is being made. Raises `NotIdentified`, `NotFound`."""
        user = call.grant.me()
        task = self._running.get((user, id))
        if task is None:
            raise NotFound(f"no export {id!r} is being made for {user}")
        task.cancel()
        await asyncio.wait([task])

    def file(self, call: Call, id: str) -> Path:
        """A finished book of the caller. Raises `NotIdentified`, and `NotFound`, also when its time is over."""
        user = call.grant.me()
        path = self._path(user, id)
        if not path.is_file() or self._over(path):
            raise NotFound(f"there is no export {id!r} for {user}; one is kept for {_words(self._keep)}")
        return path

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

    async def recover(self) -> None:
        """After a crash: exports that were cut off say so in their inboxes."""
        for left in self._folder.glob("*/*.begun"):
            try:
                notification = msgspec.json.decode(left.read_bytes(), type=str)
            except (OSError, msgspec.DecodeError) as error:  # what a power cut leaves of a file is anybody's guess
                _log.warning("export_lost", extra={"file": str(left), "reason": str(error)})
            else:
                if not await self._tell(notification, {"title": "Export was interrupted", "progress": None}):
                    continue
            with contextlib.suppress(OSError):
                left.with_suffix(".part").unlink(missing_ok=True)
                left.unlink()

    async def close(self) -> None:
        """Stop all that are being made."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self, export: Export) -> None:
        path = self._path(export.user, export.id)
        part, note = path.with_suffix(".part"), path.with_suffix(".begun")
        told = True
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            note.write_bytes(msgspec.json.encode(export.progress))
            async with self._turn:
                rows = await self._write(export, part)
            os.replace(part, path)
            await self._gateway.write(update(export.progress, {"progress": 1.0}))
            await asyncio.gather(  # one transaction: the progress goes as the link comes
                self._gateway.write(retract(export.progress)),
                self._gateway.write(publish([_done(export, rows)], group_window=0)),
            )
        except asyncio.CancelledError:
            told = await self._tell(export.progress, {"title": "Export was cancelled", "progress": None})
            raise
        except Exception:
            _log.exception("export_failed", extra={"export": export.id})
            told = await self._tell(export.progress, {"title": "Export failed", "progress": None})
        finally:
            with contextlib.suppress(OSError):  # where the folder could not be made there is nothing to take away
                part.unlink(missing_ok=True)
                if told:  # else the next start does it
                    note.unlink(missing_ok=True)

    async def _write(self, export: Export, part: Path) -> int:
        book = await asyncio.to_thread(self._new_book, part, export.user)
        before, told, total = NEWEST, 0.0, Cursor.parse(export.progress.removeprefix("n-")).seq
        everything = Filter(archived=True)
        while True:
            found = await self._gateway.inbox(export.user, everything, before=before, limit=PAGE)
            await asyncio.to_thread(book.add, [item for item in found.items if item.id != export.progress])
            if found.next is None:
                break
            before = found.next
            done = max(0.0, 1 - before / total)  # by place: nothing has to be counted first
            if done >= told + STEP:
                told = done
                await self._gateway.write(update(export.progress, {"progress": round(done, 3)}))
        await asyncio.to_thread(book.close)
        return book.rows

    async def _tell(self, notification: str, changes: dict[str, object]) -> bool:
        """Is it said, or was it withdrawn meanwhile? False if the database takes nothing now."""
        try:
            await self._gateway.write(update(notification, changes))
        except StoreUnavailable:
            return False
        except TidingsError:
            pass
        return True

    def _path(self, user: User, id: str) -> Path:
        owner = hashlib.blake2b(user.encode(), digest_size=16).hexdigest()
        if len(id) > NAME or not all(letter.isalnum() or letter in "-_" for letter in id):
            raise NotFound("that is not an export's id")
        return self._folder / owner / f"{id}.xlsx"


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
