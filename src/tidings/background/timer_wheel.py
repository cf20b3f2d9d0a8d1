"""A timer wheel: any number of deadlines, one sleeping task (law 8)."""

import asyncio
from collections.abc import Awaitable, Callable

TICK = 0.25  # seconds; how exactly the end of a long poll is kept


class TimerWheel:
    """Calls functions once when their time has come, up to a tick late."""

    def __init__(
        self, *, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """`clock` in seconds, never going back."""
        self._clock = clock
        self._sleep = sleep
        self._due: dict[int, set[Callable[[], None]]] = {}  # tick -> calls

    def at(self, seconds: float, call: Callable[[], None]) -> int:
        """Call `call` once, `seconds` from now or up to a tick later; return the tick, which `cancel` needs."""
        tick = int((self._clock() + seconds) / TICK) + 1
        self._due.setdefault(tick, set()).add(call)
        return tick

    def every(self, seconds: float, call: Callable[[], None]) -> None:
        """Call `call` again and again, `seconds` apart."""

        def again() -> None:
            self.at(seconds, again)
            call()

        self.at(seconds, again)

    def cancel(self, tick: int, call: Callable[[], None]) -> None:
        """Forget a call, if it was not made yet."""
        if calls := self._due.get(tick):
            calls.discard(call)
            if not calls:
                del self._due[tick]

    async def run(self) -> None:
        """Make the calls that are due, for ever."""
        done = int(self._clock() / TICK)
        while True:
            await self._sleep(TICK)
            tick = int(self._clock() / TICK)
            for due in range(done + 1, tick + 1):
                while calls := self._due.get(due):  # a call may cancel another
                    call = next(iter(calls))
                    self.cancel(due, call)
                    call()
            done = tick
