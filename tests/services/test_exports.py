"""Exports by two processes on one database: only the holder of the lease writes, and any of them can stop it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.store.adapters import CLOCK, quick_folder
from tests.store.strategies import ALICE, NOW, do, inbox, note, posting
from tidings.auth.grants import Grant
from tidings.domain.errors import NotFound
from tidings.domain.notification import Notification
from tidings.domain.topics import Topic, User
from tidings.services import exports
from tidings.services.call import Call
from tidings.services.exports import LEASE, ExportService
from tidings.settings import Settings
from tidings.store.sqlite.adapter import SqliteStore
from tidings.store.transactions.exports import export_lease
from tidings.store.transactions.follows import follow
from tidings.store.transactions.leases import give_up_lease, take_lease
from tidings.store.transactions.transaction import Query, Script, Snapshot


@pytest.fixture
async def folder() -> AsyncIterator[Path]:
    CLOCK.now = NOW
    with quick_folder() as folder:
        yield folder


class Gateway:
    """The store of one process, without a hub."""

    settings = Settings(mode="dev")

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.query = store.query

    def clock(self) -> int:
        return NOW

    async def write(self, job: Any) -> Any:
        return await do(self._store, job, now=CLOCK.now)


class Process:
    """A process that makes exports. Its book waits before each page until `go` is set."""

    def __init__(self, folder: Path, store: SqliteStore) -> None:
        self.go = threading.Event()
        self.folder = folder / "exports"
        gateway: Any = Gateway(store)
        self.service = ExportService(
            gateway,
            self.folder,
            new_id=lambda: "one",
            new_book=self._book,
            check=lambda: None,
            clock=lambda: 0.0,
        )

    async def begin(self) -> str:
        return await self.service.begin(Call(Grant(user=ALICE)), message="", type="export", link=lambda id: f"/{id}")

    async def cancel(self, id: str, *, user: User = ALICE) -> None:
        await self.service.cancel(Call(Grant(user=user)), id)

    def _book(self, path: Path, user: User) -> "Book":
        self.book = Book(path, self.go)
        return self.book


class Book:
    def __init__(self, path: Path, go: threading.Event) -> None:
        self.rows = 0
        self.most = 0  # rows in one piece
        self._path, self._go = path, go

    def add(self, items: Iterable[Notification]) -> None:
        assert self._go.wait(20)
        added = len(list(items))
        self.rows, self.most = self.rows + added, max(self.most, added)

    def close(self) -> None:
        self._path.write_text(str(self.rows))


@pytest.fixture
async def processes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Process, Process, SqliteStore]]:
    monkeypatch.setattr(exports, "RENEW", 0.01)
    stores = [await SqliteStore.open(folder / "tidings.db", clock=CLOCK) for _ in range(2)]
    one, two = (Process(folder, store) for store in stores)
    await do(stores[0], posting(note()))
    yield one, two, stores[0]
    for process in (one, two):
        process.go.set()
        await process.service.close()
    for store in stores:
        await store.close()


def held(snapshot: Snapshot) -> Script[bool]:
    """Is Alice's export under a lease that is not over?"""
    [row] = yield Query("lease", {"name": export_lease(ALICE, "one").name})
    return bool(row.expire_at > snapshot.now)


async def titles(store: SqliteStore) -> list[str | None]:
    return [item.title for item in (await inbox(store, ALICE)).items]


async def until(store: SqliteStore, true: Callable[[list[str | None]], bool]) -> None:
    async with asyncio.timeout(20):
        while not true(await titles(store)):  # noqa: ASYNC110 - an export says so in the inbox only
            await asyncio.sleep(0.005)


async def test_export_is_stopped_by_a_process_that_does_not_make_it(
    processes: tuple[Process, Process, SqliteStore],
) -> None:
    one, two, store = processes
    id = await one.begin()
    with pytest.raises(NotFound):
        await two.cancel(id, user=User("bob"))
    with pytest.raises(NotFound):
        await two.cancel("other")
    await two.cancel(id)
    await until(store, lambda said: "Export was cancelled" in said)
    one.go.set()
    await one.service.close()
    assert not list(one.folder.glob("*/*.xlsx"))
    with pytest.raises(NotFound):
        await two.cancel(id)


async def test_export_that_lost_its_lease_publishes_no_link(
    processes: tuple[Process, Process, SqliteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was paused comes back after another one has told its user that the export was interrupted."""
    one, _, store = processes
    monkeypatch.setattr(exports, "RENEW", 1000.0)
    await one.begin()
    CLOCK.now = NOW + LEASE
    recovery = export_lease(ALICE, "recovery")
    assert await do(store, take_lease(recovery, duration=LEASE), now=CLOCK.now)
    await do(store, give_up_lease(recovery), now=CLOCK.now)
    one.go.set()
    await until(store, lambda said: "Export was cancelled" in said)
    assert "Your export is ready" not in await titles(store)
    assert not list(one.folder.glob("*/*.xlsx"))


async def test_export_ends_with_a_link_and_without_its_lease(processes: tuple[Process, Process, SqliteStore]) -> None:
    one, two, store = processes
    id = await one.begin()
    one.go.set()
    await until(store, lambda said: "Your export is ready" in said)
    assert "Export to Excel" not in await titles(store)
    with pytest.raises(NotFound):
        await two.cancel(id)


async def test_export_outlives_a_pause_in_which_nobody_took_its_lease(
    processes: tuple[Process, Process, SqliteStore],
) -> None:
    one, _, store = processes
    await one.begin()
    CLOCK.now = NOW + LEASE
    while not await store.query(held):  # noqa: ASYNC110 - renewing says nothing
        await asyncio.sleep(0.005)
    one.go.set()
    await until(store, lambda said: "Your export is ready" in said)


async def test_export_is_made_of_small_pieces_and_is_complete(
    processes: tuple[Process, Process, SqliteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Items that move to the top while their ids are looked for are in it, and once."""
    one, _, store = processes
    monkeypatch.setattr(exports, "SEQS_PER_READ", 20)
    topics = [Topic(f"post/{number}") for number in range(150)]
    await do(store, follow([(ALICE, topic) for topic in topics]))
    await do(store, posting(*[note(topic, group_key="likes") for topic in topics]))
    query, looks = store.query, 0

    async def moving(script: Any) -> Any:
        nonlocal looks
        looks += 1
        if looks == 3:
            await do(store, posting(note(topics[0], group_key="likes"), note(topics[-1], group_key="likes")))
        return await query(script)

    monkeypatch.setattr(store, "query", moving)
    one.service._gateway.query = moving  # type: ignore[method-assign]
    one.go.set()
    await one.begin()
    await until(store, lambda said: "Your export is ready" in said)
    assert looks > 8
    assert one.book.most <= exports.ROWS_PER_WRITE
    assert one.book.rows == 1 + len(topics)
