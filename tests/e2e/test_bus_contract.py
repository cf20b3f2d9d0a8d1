"""The contract of a bus, for every adapter: frames come round, also to their sender, and it comes back by itself."""

import asyncio
import itertools
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.postgres import PostgresServer, shared_server
from tests.redis_server import RedisServer
from tidings.bus.ipc import IpcBus
from tidings.bus.local import LocalBus
from tidings.bus.postgres_notify import PostgresNotifyBus
from tidings.bus.reconnecting import SESSION_SILENCE
from tidings.bus.redis import MAX_WAITING, RedisBus
from tidings.domain.ports import Bus


class BusServer(Protocol):
    """A server that a bus goes over, to be broken."""

    process: Any

    def kill(self) -> None: ...

    def start(self) -> Any: ...


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    try:
        yield server.start()
    finally:
        server.remove()


@pytest.fixture(scope="module")
def postgres() -> PostgresServer:
    return shared_server()


Make = Callable[..., Bus]


@pytest.fixture(params=["local", "ipc", "postgres", "redis"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes a node's bus for the log of this test, or of another."""
    name = request.param
    if name == "local":
        buses: dict[str, LocalBus] = {}
        return lambda log="a": buses.setdefault(log, LocalBus())
    if name == "ipc":
        return partial(make_ipc, tmp_path, itertools.count(1))
    server = request.getfixturevalue(name)
    return maker(server, request.node.name)


def make_ipc(folder: Path, numbers: Iterator[int], log: str = "a") -> Bus:
    (folder / log).mkdir(exist_ok=True)
    return IpcBus(folder / log, name=str(next(numbers)))


def maker(server: Any, test: str) -> Make:
    def make(log: str = "a") -> Bus:
        kind = RedisBus if isinstance(server, RedisServer) else PostgresNotifyBus
        address = server.url if isinstance(server, RedisServer) else server.dsn
        return kind(address, channel=f"{test[-40:]}:{log}", clock=time.monotonic)

    return make


class Node:
    """A bus with what was heard on it. Like a real one, it says something again and again."""

    def __init__(self, bus: Bus, name: str) -> None:
        self.bus = bus
        self.heard: list[bytes] = []
        self._word = name.encode()
        bus.subscribe(self.heard.append)

    async def hears(self, frame: bytes, *, sending: Bus | None = None, within: float = 20) -> None:
        async with asyncio.timeout(within):
            while frame not in self.heard:
                (sending or self.bus).send(frame)
                await asyncio.sleep(0.05)

    async def talk(self) -> None:
        while True:
            self.bus.send(self._word)
            await asyncio.sleep(0.25)


@asynccontextmanager
async def running(*nodes: Node) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(run) for node in nodes for run in (node.bus.run(), node.talk())]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_frames_reach_every_node_and_the_sender(make: Make) -> None:
    a, b, other = Node(make(), "a"), Node(make(), "b"), Node(make("another log"), "c")
    async with running(a, b, other):
        for node in (a, b):
            await node.hears(b"\x00\xff1")
        await b.hears(b"2", sending=a.bus)
        await a.hears(b"2")
        await other.hears(b"3")
        assert b"2" not in other.heard
        assert b"3" not in a.heard + b.heard


async def test_frame_is_not_heard_within_the_call_that_sends_it(make: Make) -> None:
    node = Node(make(), "a")
    async with running(node):
        await node.hears(b"1")
        node.bus.send(b"2")
        assert b"2" not in node.heard


async def test_frames_sent_without_a_server_take_no_room_and_raise_nothing(make: Make) -> None:
    bus = make()
    for _ in range(100):
        bus.send(b"x" * (MAX_WAITING // 10))
    waiting = getattr(bus, "_waiting", ())
    assert sum(map(len, waiting)) <= MAX_WAITING


def server_of(kind: str) -> BusServer:
    return RedisServer() if kind == "redis" else PostgresServer()


@pytest.mark.parametrize("kind", ["postgres", "redis"])
async def test_a_bus_whose_server_is_lost_comes_back_by_itself(kind: str) -> None:
    server: Any = server_of(kind)
    try:
        server.start()
        make = maker(server, "lost")
        a, b = Node(make(), "a"), Node(make(), "b")
        async with running(a, b):
            await b.hears(b"before", sending=a.bus)
            await asyncio.to_thread(server.kill)
            await asyncio.sleep(0.3)
            await asyncio.to_thread(server.start)
            await b.hears(b"after", sending=a.bus)
            os.killpg(server.process.pid, signal.SIGSTOP)
            await asyncio.sleep(SESSION_SILENCE + 0.5)
            os.killpg(server.process.pid, signal.SIGCONT)
            await b.hears(b"thawed", sending=a.bus)
    finally:
        server.remove()


@pytest.mark.parametrize("kind", ["postgres", "redis"])
async def test_a_subscription_that_the_server_forgot_is_made_again(
    kind: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection lives and answers: only a node's own word, which does not come, says so."""
    make = maker(request.getfixturevalue(kind), request.node.name)
    node = Node(make(), "a")
    async with running(node):
        await node.hears(b"before")
        node.bus._channel, kept = "elsewhere", node.bus._channel  # type: ignore[attr-defined]
        async with asyncio.timeout(20):
            while not any(record.message == "bus_lost" for record in caplog.records):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        node.bus._channel = kept  # type: ignore[attr-defined]
        await node.hears(b"after")
        assert any(record.message == "bus_recovered" for record in caplog.records)
