"""The event loop's lag: how much later than asked a sleeping task goes on."""

import asyncio
from collections.abc import Awaitable, Callable

SAMPLE_INTERVAL = 0.25  # seconds between samples
SMOOTHING = 0.1  # weight of the newest sample


class LoopLag:
    """A moving average of the lag, as a measure of how busy the process is."""

    def __init__(
        self, *, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """`clock` in seconds, never going back."""
        self.seconds = 0.0
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> None:
        """Sample for ever."""
        while True:
            asleep = self._clock()
            await self._sleep(SAMPLE_INTERVAL)
            lag = max(0.0, self._clock() - asleep - SAMPLE_INTERVAL)
            self.seconds += SMOOTHING * (lag - self.seconds)
