"""Which transport to use: down when the network does not let one through, up again later. Pure."""

import math
from collections.abc import Sequence

from tidings.client.facts import Transport

EARLY = 5.0  # seconds; a stream without a sign of life this long after its hello died young
YOUNG_DEATHS = 3  # in a row, before the next transport is tried; one by silence, which takes long, is two
CLIMB_AFTER = 30.0  # seconds on a lower rung before the first is tried again; doubles each time
CLIMB_CAP = 600.0


class Ladder:
    """Transports from the best to the surest."""

    def __init__(self, rungs: Sequence[Transport]) -> None:
        self._rungs = tuple(rungs)
        self._at = 0
        self._deaths = 0
        self._climb_after = CLIMB_AFTER
        self._climb_at = math.inf

    def rung(self, now: float) -> Transport:
        """The transport to use at this time."""
        if now >= self._climb_at:
            self._at, self._deaths, self._climb_at = 0, 0, math.inf
        return self._rungs[self._at]

    @property
    def climb_at(self) -> float:
        """When to try the first one again; never, while on it."""
        return self._climb_at

    @property
    def lowest(self) -> bool:
        """Whether there is nothing left to step down to."""
        return self._at + 1 >= len(self._rungs)

    def silent(self, now: float) -> bool:
        """Nothing came through: step down. False when this was the last rung."""
        if self.lowest:
            return False
        if self._at == 0:
            self._climb_at = now + self._climb_after
            self._climb_after = min(self._climb_after * 2, CLIMB_CAP)
        self._at, self._deaths = self._at + 1, 0
        return True

    def ended(self, lived: float, now: float, *, silent: bool) -> bool:
        """A stream said hello, gave a last sign of life that many seconds later, and then broke
        or fell silent. True when that led a step down.
        """
        if lived >= EARLY:
            self._deaths = 0
            if self._at == 0:
                self._climb_after = CLIMB_AFTER
            return False
        self._deaths += 2 if silent else 1
        return self._deaths >= YOUNG_DEATHS and self.silent(now)
