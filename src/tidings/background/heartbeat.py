"""The heartbeat sweep: visits every slot of readers once a heartbeat."""

import asyncio
from collections.abc import Awaitable, Callable

from tidings.hub.liveness import CHECKS_PER_HEARTBEAT, HEARTBEAT_SLOTS, Liveness

# A heartbeat to a peer whose network is gone is not acknowledged; the kernel's own probes, which take 5/8 of a
# heartbeat (`TCP_KEEPIDLE` and its like), wait for that. So it has to be noticed in the other 3/8.
FULL_CHECKS = (HEARTBEAT_SLOTS // 4, HEARTBEAT_SLOTS * 3 // 4)  # slots behind the heartbeat: every reader is checked
ACK_PATIENCE = 0.34  # of a heartbeat; the first of two checks that are 1/8 apart finds less, the second more
ACK_PATIENCE_MIN = 1.0  # seconds; two packets that are lost on the way take less


def token_check_interval(heartbeat: float) -> float:
    """Seconds between two checks of the end of a reader's token, at most."""
    return heartbeat / HEARTBEAT_SLOTS * (HEARTBEAT_SLOTS // 2 + 1)


class HeartbeatScheduler:
    """Sends heartbeats to one slot of readers after the other, checks others, and ends expired streams."""

    def __init__(
        self,
        liveness: Liveness,
        *,
        heartbeat: float,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`heartbeat` in seconds; `clock` in seconds, never going back; `wall_clock` in seconds since 1970."""
        self._liveness = liveness
        self._clock = clock
        self._wall_clock = wall_clock
        self._sleep = sleep
        self._slot_time = heartbeat / HEARTBEAT_SLOTS
        self._patience = max(ACK_PATIENCE_MIN, ACK_PATIENCE * heartbeat)
        self._token_check = token_check_interval(heartbeat)

    async def run(self) -> None:
        """Visit slot after slot, for ever."""
        now = visited = self._clock()
        checked = [now] * HEARTBEAT_SLOTS
        slot = 0
        while True:
            await self._sleep(self._slot_time)
            now = self._clock()
            visited = max(visited, now - self._slot_time * HEARTBEAT_SLOTS)
            while now - visited >= self._slot_time:
                visited += self._slot_time
                slot = (slot + 1) % HEARTBEAT_SLOTS
                self._visit(slot, checked, now=now)

    def _visit(self, slot: int, checked: list[float], *, now: float) -> None:
        """Heartbeats to one slot; checks of every eighth; tokens of the slot and of the one opposite."""
        liveness = self._liveness
        liveness.heartbeat(slot)
        full = {(slot - behind) % HEARTBEAT_SLOTS for behind in FULL_CHECKS}
        between = HEARTBEAT_SLOTS // CHECKS_PER_HEARTBEAT
        for other in range(slot % between, HEARTBEAT_SLOTS, between):
            # After the process was stopped for a while no reader is checked twice before its bytes are read.
            if now - checked[other] > self._slot_time * between / 2:
                checked[other] = now
                liveness.check(other, everyone=other in full, patience=self._patience)
        today = self._wall_clock()
        for other in (slot, (slot + HEARTBEAT_SLOTS // 2) % HEARTBEAT_SLOTS):
            liveness.expire(other, now=today, next=today + self._token_check)
