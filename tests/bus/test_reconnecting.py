"""A session that ends by whatever the driver raises is followed by the next."""

import asyncio

import asyncpg
import pytest

from tidings.bus import reconnecting
from tidings.bus.postgres_notify import PostgresNotifyBus

pytestmark = pytest.mark.anyio

LOST = [
    asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
    ConnectionResetError(),
    TimeoutError(),
]


@pytest.mark.parametrize("error", LOST, ids=lambda error: type(error).__name__)
async def test_connection_that_breaks_is_made_again(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server killed in the middle of an answer ended the process: the driver's error of that is none of its usual."""
    monkeypatch.setattr(reconnecting, "SESSION_RETRY", (0, 0))
    tries, tried_again = 0, asyncio.Event()

    async def connect(*_: object, **__: object) -> None:
        nonlocal tries
        tries += 1
        if tries == 3:
            tried_again.set()
        raise error

    monkeypatch.setattr(asyncpg, "connect", connect)
    running = asyncio.create_task(PostgresNotifyBus("", channel="c", clock=asyncio.get_running_loop().time).run())
    waiting = asyncio.create_task(tried_again.wait())
    await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
    assert not running.done(), running.exception()
    running.cancel()
    await asyncio.wait([running])
