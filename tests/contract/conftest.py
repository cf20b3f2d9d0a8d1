"""Servers and receivers for the one text that every transport keeps."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.conftest import logged_errors
from tests.contract.receivers import RECEIVERS, Receiver
from tests.servers import HOST, Server, free_port

HEARTBEAT = 1  # seconds
Way = Literal["dev", "uvicorn"]


def serving(way: Way, db: Path) -> Server:
    """A server that is not started yet: ours, or uvicorn as it is, with a WebSocket protocol of its own."""
    settings = {"heartbeat": HEARTBEAT}
    if way == "dev":
        return Server(db=db, settings=settings)
    port = free_port()
    argv = [sys.executable, "-m", "uvicorn", "--factory", "tidings.asgi:app", "--host", HOST, "--port", str(port)]
    argv += ["--http", "httptools", "--ws", "websockets-sansio", "--ws-ping-interval", str(HEARTBEAT)]
    argv += ["--log-level", "warning", "--timeout-graceful-shutdown", "1"]
    return Server(db=db, mode="uvicorn", port=port, argv=argv, settings=settings)


@pytest.fixture(scope="session", params=["dev", "uvicorn"])
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.param
    return found


@pytest.fixture(scope="session")
def shared(way: Way, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that leave it as it is. Each test uses users and topics of its own."""
    server = serving(way, tmp_path_factory.mktemp("contract") / "tidings.db").start()
    try:
        yield server
        server.stop()
        assert logged_errors(server) == ""
    finally:
        server.kill()


@pytest.fixture
def own_server(way: Way, tmp_path: Path) -> Iterator[Server]:
    """A server that a test may stop."""
    server = serving(way, tmp_path / "tidings.db").start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(params=list(RECEIVERS))
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


Open = Callable[..., Receiver]


@pytest.fixture
def receive(transport: str) -> Iterator[Open]:
    """Opens receivers of this transport; they are closed after the test."""
    with ExitStack() as stack:

        def open_one(server: Server, user: str, **where: Any) -> Receiver:
            receiver = RECEIVERS[transport](server, user, **where)
            stack.callback(receiver.close)
            return receiver

        yield open_one
