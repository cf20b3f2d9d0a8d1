"""Clients that owe bytes have a time for them; connections leave nothing behind; sockets end before descriptors do."""

import asyncio
import gc
import weakref
from typing import Any

import pytest
import uvicorn

from tests.transports.fake_transport import FakeTransport
from tidings.server.accept_queue import AcceptQueue
from tidings.server.deadlines import Deadlines
from tidings.server.http_protocol import HttpProtocol
from tidings.server.state import ServerState

pytestmark = pytest.mark.anyio

TIME = 0.05  # seconds
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


class Server:
    def __init__(self, *, max_sockets: int | None = None) -> None:
        self.state = ServerState(max_sockets=max_sockets)
        self.state.client_deadlines = Deadlines(seconds=TIME)
        self.state.linger_deadlines = Deadlines(seconds=TIME)
        self.config = uvicorn.Config(app, http=HttpProtocol, ws="none", lifespan="off", log_config=None)
        self.config.load()
        self.accept_queue = AcceptQueue()

    def accept(self) -> FakeTransport:
        transport = FakeTransport()
        transport.protocol = self.accept_queue(self.config, self.state, {})
        transport.protocol.connection_made(transport)
        return transport


async def ends(transport: FakeTransport) -> None:
    async with asyncio.timeout(10):
        while not transport.closed:  # noqa: ASYNC110
            await asyncio.sleep(TIME / 4)


async def test_connection_that_sends_nothing_is_closed_without_a_word() -> None:
    transport = Server().accept()
    await ends(transport)
    assert transport.sent == b""


@pytest.mark.parametrize("sent", [b"G", b"GET / HT", b"GET / HTTP/1.1\r\nHo", POST, POST + b"x" * 50])
async def test_half_a_request_is_refused_in_time(sent: bytes) -> None:
    server = Server()
    transport = server.accept()
    transport.protocol.data_received(sent)
    await ends(transport)
    assert transport.sent.startswith(b"HTTP/1.1 408 ")
    assert b"request_timeout" in transport.sent
    assert server.state.timed_out_clients == 1


async def test_slow_head_is_not_given_more_time_for_each_byte() -> None:
    transport = Server().accept()
    for byte in b"GET / HTTP/1.1\r\nHost: " + b"x" * 1000:
        if transport.ended:
            break
        transport.protocol.data_received(bytes([byte]))
        await asyncio.sleep(TIME / 10)
    assert transport.sent.startswith(b"HTTP/1.1 408 ")


async def test_body_that_keeps_its_rate_may_take_long() -> None:
    transport = Server().accept()
    transport.protocol.data_received(POST.replace(b"100", b"10000"))
    for _ in range(20):
        transport.protocol.data_received(b"x" * 500)
        await asyncio.sleep(TIME / 5)
    assert transport.sent.startswith(b"HTTP/1.1 204 ")


async def test_whole_requests_and_idle_connections_owe_nothing() -> None:
    server = Server()
    transport = server.accept()
    for _ in range(3):
        transport.protocol.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(2 * TIME)
    assert transport.sent.count(b"HTTP/1.1 204 ") == 3
    assert not transport.closed
    assert server.state.timed_out_clients == 0
    transport.protocol.connection_lost(None)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", POST, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0"])
@pytest.mark.parametrize("error", [None, ConnectionResetError()])
async def test_lost_connection_leaves_nothing_behind(sent: bytes, error: Exception | None) -> None:
    """uvicorn's keep-alive timer survives an RST, and holds parser, request and response for 75 s."""
    server = Server()
    server.state.client_deadlines = Deadlines(seconds=60)
    transport = server.accept()
    if sent:
        transport.protocol.data_received(sent)
    await asyncio.sleep(0.01)
    transport.closed = "aborted"
    transport.protocol.connection_lost(error)
    left = weakref.ref(transport)
    await asyncio.sleep(0.01)
    del transport
    gc.collect()
    assert left() is None
    assert server.state.connections == set()


async def test_connections_beyond_the_file_descriptors_are_told_so_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = Server(max_sockets=2)
    wires = [server.accept() for _ in range(4)]
    assert [transport.closed for transport in wires] == ["", "", "closed", "closed"]
    assert wires[2].sent.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: " in wires[2].sent
    assert server.state.refused_connections == 2
    assert [record.message for record in caplog.records] == ["connection_refused"]
    for transport in wires:
        transport.protocol.connection_lost(None)
