"""The wheel: one timer for every connection there is (law 8)."""

import asyncio
from collections.abc import Awaitable, Callable

from tidings.hub.hub import CHECKS, SLOTS, Hub
from tidings.hub.reader import Reader

# A heartbeat goes out to whose network is gone, and is not acknowledged; the kernel's own probes, which take 5/8 of a
# heartbeat (`cli.run.listen`), wait for that. So it has to be noticed in the other 3/8.
EVERYONE = (SLOTS // 4, SLOTS * 3 // 4)  # slots behind the heartbeat, where everyone is checked
PATIENCE = 0.34  # of a heartbeat; the first of two looks that are 1/8 apart finds less, the second more
AT_LEAST = 1.0  # seconds; two packets that are lost on the way take less
TICK = 0.25  # seconds; how exactly the end of a long poll is kept
EARLY = 2 * TICK  # seconds before its end that a token is over: a call may be a tick and a nap late
SMOOTH = 0.1  # weight of the newest turn in `late`
VISIT = 120.0  # seconds; who does not poll for one to two of these is forgotten. Twice the longest poll interval


class HeartbeatScheduler:
    """Turns once a heartbeat. Heartbeats a slot of readers, checks others, ends what is due."""

    def __init__(
        self,
        hub: Hub,
        *,
        heartbeat: float,
        clock: Callable[[], float],
        today: Callable[[], float],
        nap: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`clock` in seconds, never going back; `today` in seconds since 1970."""
        self._hub = hub
        self._clock = clock
        self._today = today
        self._nap = nap
        self._slot_time = heartbeat / SLOTS
        self._patience = max(AT_LEAST, PATIENCE * heartbeat)
        self._look = self._slot_time * (SLOTS // 2 + 1)  # seconds to the next look at a reader's token, at most
        self._due: dict[int, set[Callable[[], None]]] = {}
        self.late = 0.0  # seconds that a turn lately came after its time: what else there was to do

    def at(self, seconds: float, call: Callable[[], None]) -> int:
        """Call once, `seconds` from now or up to a tick later; what `cancel` needs."""
        tick = int((self._clock() + seconds) / TICK) + 1
        self._due.setdefault(tick, set()).add(call)
        return tick

    def cancel(self, tick: int, call: Callable[[], None]) -> None:
        """Forget a call."""
        if calls := self._due.get(tick):
            calls.discard(call)
            if not calls:
                del self._due[tick]

    def until(self, reader: Reader, expires: int) -> None:
        """A stream ends with its token: at `expires`, in seconds since 1970; 0 for never.

        The sweep sees to that, unless its first look would be too late to end it, or to warn it before.
        """
        left = expires - self._today()
        reader.expires = expires
        if not expires or left > 2 * self._look:
            return
        self._hub.warn(reader)
        if left <= self._look:
            reader.expires = 0
            self.at(max(0.0, left - EARLY), lambda: self._hub.end(reader))

    async def run(self) -> None:
        """For ever."""
        now = turned = forgot = self._clock()
        ticked = int(turned / TICK)
        checked = [now] * SLOTS
        slot = 0
        nap = min(TICK, self._slot_time)
        while True:
            slept = now
            await self._nap(nap)
            now = self._clock()
            self.late += SMOOTH * (max(0.0, now - slept - nap) - self.late)
            turned = max(turned, now - self._slot_time * SLOTS)
            while now - turned >= self._slot_time:
                turned += self._slot_time
                slot = (slot + 1) % SLOTS
                opposite = (slot + SLOTS // 2) % SLOTS
                self._hub.beat(slot)
                written = {(slot - behind) % SLOTS for behind in EVERYONE}
                for place in range(slot % (SLOTS // CHECKS), SLOTS, SLOTS // CHECKS):
                    # After the process was stopped for a while nobody is checked twice before they are heard.
                    if now - checked[place] > self._slot_time * SLOTS / CHECKS / 2:
                        checked[place] = now
                        self._hub.check(place, everyone=place in written, patience=self._patience)
                today = self._today()
                for place in (slot, opposite):
                    self._hub.expire(place, now=today, next=today + self._look)
            tick = int(now / TICK)
            for due in range(ticked + 1, tick + 1):
                while calls := self._due.get(due):  # a call may cancel another
                    call = next(iter(calls))
                    self.cancel(due, call)
                    call()
            ticked = tick
            if now - forgot >= VISIT:
                forgot = now
                self._hub.forget()
