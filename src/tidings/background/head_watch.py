"""The head watch: a look at the store's head now and then, in case a hint was lost (law 7)."""

import asyncio
from collections.abc import Awaitable, Callable

from tidings.background.relay import Relay
from tidings.background.store_retry import StoreRetry

WATCH_INTERVAL = 1.0  # seconds
BUS_DOWN_INTERVAL = 0.05  # seconds; while the bus is down this is how late other nodes' events are


class HeadWatch:
    """Tells the relay of this node how far the log reaches. Every node has one, outside any lease."""

    def __init__(
        self,
        relay: Relay,
        *,
        retry: StoreRetry,
        bus_down: Callable[[], bool],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`bus_down` says whether the other nodes cannot be heard at present."""
        self._relay = relay
        self._retry = retry
        self._bus_down = bus_down
        self._sleep = sleep

    async def run(self) -> None:
        """Look for ever; an outage of the store is waited for."""
        while True:
            await self._sleep(BUS_DOWN_INTERVAL if self._bus_down() else WATCH_INTERVAL)
            await self._retry.read(self._relay.look)
