"""Readiness: refused while the server cannot serve, degraded while only the bus is down."""

import pytest

from tests.background.fake_clock import FakeClock, running
from tests.background.test_bus_link import BreakableBus, LinkHarness
from tests.model.log import EPOCH, Log
from tests.store.strategies import NOW
from tidings.background.bus_link import SILENCE
from tidings.domain.errors import ShuttingDown
from tidings.services.status import StatusService
from tidings.services.store_gateway import StoreGateway
from tidings.settings import Settings


async def test_readiness_is_degraded_while_only_the_bus_is_down_and_refused_while_the_server_stops() -> None:
    clock, bus = FakeClock(), BreakableBus()
    node = LinkHarness(bus, Log(), clock)
    gateway = StoreGateway(
        settings=Settings(mode="dev"),
        store=node.store,
        hub=node.hub,
        relay=node.relay,
        link=node.link,
        clock=lambda: NOW,
    )
    status = StatusService(gateway, limited=dict, body_bytes=lambda: 0)
    async with running(node.link.run()):
        for cut, said in [(False, "ready"), (True, "degraded"), (False, "ready")]:
            bus.cut = cut
            await clock.advance(2 * SILENCE)
            ready = await status.ready()
            assert (ready.status, ready.epoch, ready.head) == (said, EPOCH, 0)
        bus.cut = True
        await clock.advance(2 * SILENCE)
        gateway.draining = True
        with pytest.raises(ShuttingDown):
            await status.ready()
