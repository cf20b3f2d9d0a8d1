"""A store of each kind; and assertions in the modules that tests lean on say what differed."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.store.adapters import ADAPTERS, Adapter, OpenStore, quick_folder

pytest.register_assert_rewrite("tests.store.harness")

Open = Callable[..., Awaitable[OpenStore]]


@pytest.fixture(params=ADAPTERS, ids=lambda adapter: adapter.name)
def adapter(request: pytest.FixtureRequest) -> Adapter:
    found: Adapter = request.param
    return found


@pytest.fixture
def place(adapter: Adapter) -> Iterator[Any]:
    """The place of a fresh store."""
    with quick_folder() as folder:
        yield adapter.place(Path(folder))


@pytest.fixture
async def open_store(adapter: Adapter, place: Any) -> AsyncIterator[Open]:
    """Opens the store at this place, any number of times; all are closed after the test."""
    opened: list[OpenStore] = []

    async def open_(*, cap: int = 1000) -> OpenStore:
        opened.append(await adapter.open(place, cap=cap))
        return opened[-1]

    yield open_
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: Open) -> OpenStore:
    return await open_store()
