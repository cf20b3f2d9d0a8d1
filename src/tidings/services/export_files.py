"""The files of exports: books, and the notes that lie beside those that are being made."""

import contextlib
import hashlib
import logging
from pathlib import Path

import msgspec

from tidings.domain.errors import NotFound
from tidings.domain.topics import User

EXPORT_ID_MAX = 64  # characters of an export's id, at the most
FINISHED = "[0-9a-f]" * 32 + "/*.xlsx"  # below the folder: nothing else in it is ours to take away

_log = logging.getLogger("tidings.export")


class Note(msgspec.Struct, kw_only=True):
    """The file that lies beside a book while it is made, for the case of a crash."""

    user: User
    id: str
    progress: str


def book_path(folder: Path, user: User, id: str) -> Path:
    """The file of a finished book. Raises `NotFound` for what is no id of one."""
    if len(id) > EXPORT_ID_MAX or not all(letter.isalnum() or letter in "-_" for letter in id):
        raise NotFound("that is not an export's id")
    return folder_of(folder, user) / f"{id}.xlsx"


def erase_exports(folder: Path, user: User) -> int:
    """Take all that is in a user's part of the exports' folder from the disk; how many books there were."""
    own = folder_of(folder, user)
    files = [*own.glob("*")]
    for file in files:
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # there was none, or another one has begun
        own.rmdir()
    return sum(file.suffix == ".xlsx" for file in files)


def folder_of(folder: Path, user: User) -> Path:
    """A user's part of the folder."""
    return folder / hashlib.blake2b(user.encode(), digest_size=16).hexdigest()


def read_note(file: Path) -> Note | None:
    """The note in a file; None for what a power cut left of one."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Note)
    except (OSError, msgspec.DecodeError) as error:
        _log.warning("export_lost", extra={"file": str(file), "reason": str(error)})
        return None


def drop_note(note: Path) -> None:
    """Remove a note and what there is of its book."""
    with contextlib.suppress(OSError):
        note.with_suffix(".part").unlink(missing_ok=True)
        note.unlink()
