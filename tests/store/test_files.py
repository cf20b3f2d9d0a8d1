"""The database file as an operator handles it: backup, restore, check, compact."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from tests.store.adapters import quick_folder
from tests.store.strategies import ALICE, do, inbox, log, note, posting
from tidings.domain.cursor import Cursor
from tidings.domain.errors import StoreUnavailable
from tidings.domain.model import Feed
from tidings.services.streams import start_position
from tidings.store.sqlite.adapter import SqliteStore
from tidings.store.sqlite.files import back_up, check, compact, restore

LARGE = note(body="x" * 8000)


@pytest.fixture
def folder() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder


async def written(path: Path, number: int = 10) -> SqliteStore:
    """An open store with some notifications."""
    store = await SqliteStore.open(path)
    for _ in range(number):
        await do(store, posting())
    return store


def files_of(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


# Backup


async def test_a_backup_is_one_whole_file_as_of_one_moment_while_writes_go_on(folder: Path) -> None:
    path, copy = folder / "tidings.db", folder / "copy.db"
    store = await SqliteStore.open(path)
    await do(store, posting(*[LARGE] * 1500))
    told: list[float] = []
    task = asyncio.create_task(asyncio.to_thread(back_up, path, copy, progress=told.append))
    during = 0
    while not task.done():
        await do(store, posting())
        during += 1
    made = await task
    assert during > 1  # the copy is not begun anew at each of them
    assert 1500 <= made.cursor.seq <= 1500 + during
    assert told == sorted(told)
    assert (len(told) > 2, told[-1]) == (True, 1)
    assert copy.stat().st_size == made.bytes
    assert not {"copy.db.part", "copy.db-wal"} & files_of(folder)
    assert copy.stat().st_mode & 0o777 == 0o600
    found = await SqliteStore.open(copy)
    assert (found.epoch, len(await log(found))) == (store.epoch, made.cursor.seq)
    await found.close()
    await store.close()


async def test_a_backup_does_not_take_the_place_of_another_file(folder: Path) -> None:
    store = await written(folder / "tidings.db")
    (folder / "copy.db").write_bytes(b"precious")
    with pytest.raises(StoreUnavailable, match="there already"):
        await asyncio.to_thread(back_up, folder / "tidings.db", folder / "copy.db")
    assert (folder / "copy.db").read_bytes() == b"precious"
    await store.close()


class Interrupted(BaseException):
    pass


@pytest.mark.parametrize("error", [Interrupted(), apsw.FullError("database or disk is full")])
async def test_a_backup_that_is_cut_off_leaves_nothing_that_looks_whole(folder: Path, error: BaseException) -> None:
    store = await SqliteStore.open(folder / "tidings.db")
    await do(store, posting(*[LARGE] * 1000))
    before = files_of(folder)

    def cut_off(_: float) -> None:
        raise error

    with pytest.raises((Interrupted, StoreUnavailable)):
        await asyncio.to_thread(back_up, folder / "tidings.db", folder / "copy.db", progress=cut_off)
    assert files_of(folder) == before
    await store.close()


async def test_a_backup_of_nothing_is_one_clear_error_and_makes_no_file(folder: Path) -> None:
    with pytest.raises(StoreUnavailable, match="there is no database"):
        await asyncio.to_thread(back_up, folder / "missing.db", folder / "copy.db")
    assert files_of(folder) == set()


# Restore


async def test_a_restored_log_forks_at_its_head_and_leaves_no_silent_hole(folder: Path) -> None:
    """80 events, of which a backup has 70; ten others come after it was restored."""
    path, copy = folder / "tidings.db", folder / "copy.db"
    store = await written(path, 70)
    first = store.epoch
    await asyncio.to_thread(back_up, path, copy)
    for _ in range(10):
        await do(store, posting(note(title="lost")))
    await store.close()
    made = await asyncio.to_thread(restore, copy, path)
    assert made.cursor == Cursor(first, 70)
    store = await SqliteStore.open(path)
    assert (await store.span(), store.epoch != first) == ((0, 70), True)
    after = [await do(store, posting(note(title="after"))) for _ in range(10)]
    assert after[-1][0].cursor == f"{store.epoch}-80"
    feed = Feed(user=ALICE, head=80, floor=0)
    for seq in (70, 71, 80):
        found = start_position(feed, store.lineage, Cursor(first, seq))
        assert (found.position, found.reset) == (70, None if seq == 70 else "forked")
    assert [item.title for item in (await inbox(store, ALICE)).items[:11]] == ["after"] * 10 + [None]
    await store.close()


async def test_database_before_a_restore_is_kept_beside_it(folder: Path) -> None:
    path, copy = folder / "tidings.db", folder / "copy.db"
    await (await written(path, 3)).close()
    await asyncio.to_thread(back_up, path, copy)
    await (await written(path, 2)).close()
    await asyncio.to_thread(restore, copy, path)
    [kept] = [name for name in files_of(folder) if ".before-" in name]
    assert check(folder / kept).cursor.seq == 5
    assert check(path).cursor.seq == 3


async def test_a_restore_under_a_running_server_is_refused_and_changes_nothing(folder: Path) -> None:
    path, copy = folder / "tidings.db", folder / "copy.db"
    store = await written(path, 3)
    await asyncio.to_thread(back_up, path, copy)
    await do(store, posting())
    before = files_of(folder)
    with pytest.raises(StoreUnavailable, match="stop the server first"):
        await asyncio.to_thread(restore, copy, path)
    assert files_of(folder) == before
    assert len(await log(store)) == 4
    await store.close()


@pytest.mark.parametrize("content", [b"", b"this is no database, but long enough to be looked at" * 20])
async def test_file_that_is_no_backup_is_refused(folder: Path, content: bytes) -> None:
    await (await written(folder / "tidings.db", 3)).close()
    (folder / "copy.db").write_bytes(content)
    with pytest.raises(StoreUnavailable):
        await asyncio.to_thread(restore, folder / "copy.db", folder / "tidings.db")
    assert check(folder / "tidings.db").cursor.seq == 3


# Check


async def test_a_database_in_use_is_whole(folder: Path) -> None:
    store = await written(folder / "tidings.db", 3)
    found = check(folder / "tidings.db")
    assert (found.problems, found.cursor) == ([], Cursor(store.epoch, 3))
    await store.close()


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("DELETE FROM events WHERE seq = 2", "events missing between the floor and the head: 1"),
        ("DELETE FROM events WHERE seq > 1", "events missing between the floor and the head: 2"),
        ("UPDATE head SET seq = 2", "events beyond the head: 1"),
        ("UPDATE items SET sort_seq = 9 WHERE item_id = 1", "notifications of events beyond the head: 1"),
        (
            "INSERT INTO overrides VALUES ('alice', 77, 1, 0, 0, 0)",
            "states of notifications that are gone: 1",
        ),
        ("UPDATE head SET epoch = 'other'", "epochs that do not lead to the present one: 1"),
    ],
)
async def test_check_names_each_kind_of_damage(folder: Path, damage: str, problem: str) -> None:
    path = folder / "tidings.db"
    await (await written(path, 3)).close()
    connection = apsw.Connection(str(path))
    connection.execute(damage)
    connection.close()
    assert problem in check(path).problems


async def test_a_damaged_page_is_found_and_a_backup_of_it_is_refused(folder: Path) -> None:
    path = folder / "tidings.db"
    store = await written(path, 300)
    await store.close()
    data = bytearray(path.read_bytes())
    for page in range(len(data) // 4096 // 2, len(data) // 4096):
        data[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(data)
    try:
        problems = check(path).problems
    except StoreUnavailable as error:
        problems = [str(error)]
    assert problems
    with pytest.raises(StoreUnavailable):
        await asyncio.to_thread(back_up, path, folder / "copy.db")
    assert files_of(folder) == {path.name}


# Compact


async def test_free_pages_are_given_back_while_the_store_is_in_use(folder: Path) -> None:
    path = folder / "tidings.db"
    store = await SqliteStore.open(path)
    await do(store, posting(*[LARGE] * 1500))
    await store.close()
    connection = apsw.Connection(str(path))
    connection.execute("DELETE FROM events; DELETE FROM items; UPDATE head SET floor = seq")
    connection.close()
    before = path.stat().st_size
    store = await SqliteStore.open(path)
    steps: list[float] = []
    given = await asyncio.to_thread(compact, path, progress=steps.append)
    await do(store, posting())
    await store.close()
    assert given > before * 0.9
    assert path.stat().st_size < before * 0.1
    assert len(steps) > 3  # in steps: between them others write


def test_nothing_to_give_back_is_nothing_done(folder: Path) -> None:
    asyncio.run(_empty(folder / "tidings.db"))
    assert compact(folder / "tidings.db") == 0


async def _empty(path: Path) -> None:
    await (await SqliteStore.open(path)).close()
