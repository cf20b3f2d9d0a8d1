"""Turns of the processes that write one database file.

SQLite's own way to wait for a writer is to look again after a while, longer each time: the process that has just
written comes first, and others wait for seconds. A file lock is a queue.
"""

import fcntl
import os
from pathlib import Path


class Turns:
    """The lock that this process waits for before it begins to write. A process that dies gives it up."""

    def __init__(self, path: Path) -> None:
        """`path` is a file for this alone: to close the database's file would give up the locks of SQLite."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *error: object) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Wait no more."""
        os.close(self._file)
