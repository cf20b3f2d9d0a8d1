"""The stores that the tests in this folder run on. Another adapter is one more entry in `ADAPTERS`."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch

from tests.postgres import fresh_schema, shared_server
from tidings.domain.ports import Store
from tidings.store.postgres.adapter import PostgresStore
from tidings.store.sqlite.adapter import SqliteStore

# Thousands of databases and commits: what they are about is not whether the disk turns.
_MEMORY = Path("/dev/shm")


class TestClock:
    """The time that the stores of these tests have, set by `strategies.run`."""

    now = 0

    def __call__(self) -> int:
        return self.now


CLOCK = TestClock()


class OpenStore(Store, Protocol):
    """A store that can be closed."""

    async def close(self) -> None: ...


class Adapter(Protocol):
    """A kind of store: where a fresh one may be, and how it is opened, the first time or again."""

    name: str
    share: float  # of the histories that the property tests try: a server takes its time

    def place(self, folder: Path) -> Any: ...

    async def open(self, place: Any, *, cap: int = 1000) -> OpenStore: ...


class Sqlite:
    """The embedded store."""

    name = "sqlite"
    share = 1.0

    def place(self, folder: Path) -> Path:
        return folder / "tidings.db"

    async def open(self, place: Path, *, cap: int = 1000) -> OpenStore:
        return await SqliteStore.open(place, cap=cap, clock=CLOCK)


class Postgres:
    """The store in PostgreSQL: each place is a schema of the tests' server."""

    name = "postgres"
    share = 0.1

    def place(self, folder: Path) -> str:
        return fresh_schema()

    async def open(self, place: str, *, cap: int = 1000) -> OpenStore:
        # A busy machine may hold these tests up for longer than a node may be silent with the lock.
        with patch("tidings.store.postgres.adapter.FROZEN", 30_000):
            return await PostgresStore.open(shared_server().dsn, schema=place, cap=cap, clock=CLOCK)


ADAPTERS: list[Adapter] = [Sqlite(), Postgres()]


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder in memory, where the machine has such a thing."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Path(folder)
