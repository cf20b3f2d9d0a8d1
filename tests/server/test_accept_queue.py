"""The accept queue: of thousands of new connections, a few are admitted in each turn of the loop, in order."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
import uvicorn

from tests.transports.fake_transport import FakeTransport
from tidings.server.accept_queue import ADMITTED_PER_TURN, AcceptQueue
from tidings.server.http_protocol import HttpProtocol
from tidings.server.state import ServerState

pytestmark = pytest.mark.anyio

MANY = 3 * ADMITTED_PER_TURN + 1


class QueueHarness:
    """A server whose application remembers who asked, in which order."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.state = ServerState()
        self._config = uvicorn.Config(self, http=HttpProtocol, ws="none", lifespan="off", log_config=None)
        self._config.load()
        self._accept_queue = AcceptQueue()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(scope["path"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    def accept(self) -> FakeTransport:
        transport = FakeTransport()
        transport.protocol = self._accept_queue(self._config, self.state, {})
        transport.protocol.connection_made(transport)
        return transport

    def crowd(self) -> list[FakeTransport]:
        """Many connections whose first requests all come in one turn."""
        wires = [self.accept() for _ in range(MANY)]
        for number, transport in enumerate(wires):
            transport.protocol.data_received(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number)
        return wires


async def test_a_few_are_let_in_in_each_turn_and_all_in_the_order_they_came() -> None:
    harness = QueueHarness()
    wires = harness.crowd()
    inside = []
    while len(harness.asked) < MANY:
        inside.append(sum(isinstance(transport.protocol, HttpProtocol) for transport in wires))
        await asyncio.sleep(0)
    assert inside[0] == ADMITTED_PER_TURN
    assert all(later - earlier <= ADMITTED_PER_TURN for earlier, later in pairwise(inside))
    assert harness.asked == [f"/{number}" for number in range(MANY)]
    assert all(transport.reading for transport in wires)


async def test_pending_connection_is_not_read_from_and_costs_no_http() -> None:
    last = QueueHarness().crowd()[-1]
    assert not last.reading
    assert not isinstance(last.protocol, HttpProtocol)


async def test_admitted_connection_does_not_wait_behind_pending_ones() -> None:
    harness = QueueHarness()
    inside = harness.accept()
    inside.protocol.data_received(b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(0)
    harness.crowd()
    inside.protocol.data_received(b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(0)
    assert "/second" in harness.asked
    assert len(harness.asked) <= 2 + ADMITTED_PER_TURN


async def test_connection_lost_while_pending_is_passed_over() -> None:
    harness = QueueHarness()
    wires = harness.crowd()
    wires[-1].close()
    wires[-1].protocol.connection_lost(None)
    for _ in range(MANY):
        await asyncio.sleep(0)
    assert harness.asked == [f"/{number}" for number in range(MANY - 1)]
    assert wires[-1].protocol not in harness.state.connections


async def test_the_server_closes_who_has_said_nothing_yet() -> None:
    harness = QueueHarness()
    transport = harness.accept()
    assert harness.state.connections == {transport.protocol}
    transport.protocol.shutdown()
    assert transport.closed


async def test_a_quiet_house_lets_in_at_once() -> None:
    harness = QueueHarness()
    for number in range(MANY):
        transport = harness.accept()
        transport.protocol.data_received(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number)
        assert isinstance(transport.protocol, HttpProtocol)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert len(harness.asked) == MANY
