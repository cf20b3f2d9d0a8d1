"""Law 8: an idle connection costs no task and no timer."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
import uvicorn

from tidings.app import create_app
from tidings.server.accept_queue import AcceptQueue
from tidings.server.listener import bind
from tidings.server.run import Server
from tidings.settings import Settings

MANY = 50
UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
REQUESTS = {
    "stream": "GET /v1/stream?user=u{n} HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "websocket": "GET /v1/ws?user=u{n} HTTP/1.1\r\nHost: localhost\r\n"
    + UPGRADE.format(key="dGhlIHNhbXBsZSBub25jZQ==")
    + "\r\n",
    "long poll": "GET /v1/poll?user=u{n}&wait=50 HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """asyncio's own loop: it can be asked for its timers."""
    return "asyncio", {"use_uvloop": False}


JOIN_WITHIN = 30  # seconds


class Silent(asyncio.Protocol):
    """A client that sends one request and then waits."""

    def __init__(self, request: bytes) -> None:
        self.received = b""
        self.lost = asyncio.Event()
        self._request = request

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.received += data

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set()


@contextlib.asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[int]:
    """The server in this loop; its port."""
    app = create_app(settings)
    with contextlib.closing(bind(settings).public) as listener:
        ready = asyncio.Event()
        config = uvicorn.Config(
            app, http=AcceptQueue(), ws="none", lifespan="off", log_config=None, timeout_graceful_shutdown=1  # type: ignore[arg-type]
        )  # fmt: skip
        server = Server(config, app, settings, on_ready=ready.set)
        task = asyncio.create_task(server._serve(sockets=[listener]))
        await ready.wait()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await task


async def open_connections(port: int, request: str, count: int) -> list[Silent]:
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda n=n: Silent(request.format(n=n).encode()), "127.0.0.1", port)  # type: ignore[misc]
        for n in range(count)
    ]
    return [client for _, client in made]


async def gauge(port: int) -> int:
    """The number of readers in the server's metrics."""
    [client] = await open_connections(port, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 1)
    await client.lost.wait()
    return sum(int(float(found)) for found in re.findall(rb"tidings_connections\{.*\} (\S+)", client.received))


async def joined(port: int, count: int) -> None:
    """Wait until the server has so many readers. Raises TimeoutError: a signal's exception may be lost in the loop."""
    async with asyncio.timeout(JOIN_WITHIN):
        while await gauge(port) < count:  # noqa: ASYNC110 - it is asked over HTTP
            await asyncio.sleep(0)


def timers() -> int:
    """The number of the loop's timers that are not cancelled."""
    scheduled = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    return sum(not handle.cancelled() for handle in scheduled)


@pytest.mark.parametrize("kind", ["stream", "websocket", "long poll"])
async def test_idle_connections_cost_no_task_and_no_timer(kind: str, tmp_path: Path) -> None:
    settings = Settings(mode="dev", db=tmp_path / "tidings.db", port=0, heartbeat=60)
    async with serving(settings) as port:
        [first] = await open_connections(port, REQUESTS[kind], 1)
        await joined(port, 1)
        tasks, scheduled = len(asyncio.all_tasks()), timers()
        clients = await open_connections(port, REQUESTS[kind], MANY)
        await joined(port, MANY + 1)
        more = len(asyncio.all_tasks()) - tasks, timers() - scheduled
        for client in (first, *clients):
            client.transport.abort()
    assert max(more) < MANY / 5, more
