"""The doorstep: who comes with thousands of others is let in in order, a few in each turn of the loop."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
import uvicorn

from tests.transports.fake_transport import Wire
from tidings.server.accept_queue import ADMITTED_PER_TURN, AcceptQueue
from tidings.server.http_protocol import HttpProtocol
from tidings.server.state import ServerState

pytestmark = pytest.mark.anyio

MANY = 3 * ADMITTED_PER_TURN + 1


class StoreHarness:
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

    def accept(self) -> Wire:
        wire = Wire()
        wire.protocol = self._accept_queue(self._config, self.state, {})
        wire.protocol.connection_made(wire)
        return wire

    def crowd(self) -> list[Wire]:
        """Many connections whose first requests all come in one turn."""
        wires = [self.accept() for _ in range(MANY)]
        for number, wire in enumerate(wires):
            wire.protocol.data_received(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number)
        return wires


async def test_a_few_are_let_in_in_each_turn_and_all_in_the_order_they_came() -> None:
    harness = StoreHarness()
    wires = harness.crowd()
    inside = []
    while len(harness.asked) < MANY:
        inside.append(sum(isinstance(wire.protocol, HttpProtocol) for wire in wires))
        await asyncio.sleep(0)
    assert inside[0] == ADMITTED_PER_TURN
    assert all(later - earlier <= ADMITTED_PER_TURN for earlier, later in pairwise(inside))
    assert harness.asked == [f"/{number}" for number in range(MANY)]
    assert all(wire.reading for wire in wires)


async def test_pending_connection_is_not_read_from_and_costs_no_http() -> None:
    last = StoreHarness().crowd()[-1]
    assert not last.reading
    assert not isinstance(last.protocol, HttpProtocol)


async def test_admitted_connection_does_not_wait_behind_pending_ones() -> None:
    harness = StoreHarness()
    inside = harness.accept()
    inside.protocol.data_received(b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(0)
    harness.crowd()
    inside.protocol.data_received(b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(0)
    assert "/second" in harness.asked
    assert len(harness.asked) <= 2 + ADMITTED_PER_TURN


async def test_connection_lost_while_pending_is_passed_over() -> None:
    harness = StoreHarness()
    wires = harness.crowd()
    wires[-1].close()
    wires[-1].protocol.connection_lost(None)
    for _ in range(MANY):
        await asyncio.sleep(0)
    assert harness.asked == [f"/{number}" for number in range(MANY - 1)]
    assert wires[-1].protocol not in harness.state.connections


async def test_the_server_closes_who_has_said_nothing_yet() -> None:
    harness = StoreHarness()
    wire = harness.accept()
    assert harness.state.connections == {wire.protocol}
    wire.protocol.shutdown()
    assert wire.closed


async def test_a_quiet_house_lets_in_at_once() -> None:
    harness = StoreHarness()
    for number in range(MANY):
        wire = harness.accept()
        wire.protocol.data_received(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number)
        assert isinstance(wire.protocol, HttpProtocol)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert len(harness.asked) == MANY
