"""Exponential back-off with jitter, for a server's own retries."""

import random
from collections.abc import Callable

FIRST = 0.05  # seconds
DELAY_MAX = 2.0  # seconds; after an outage every node is back within this


class Backoff:
    """Delays that double from FIRST to LONGEST, each shortened by up to half so that nodes do not retry in step."""

    def __init__(self, *, chance: Callable[[], float] = random.random) -> None:
        """`chance` gives a number from 0 to 1."""
        self._chance = chance
        self._delay = FIRST

    def next(self) -> float:
        """The delay before the next try, in seconds."""
        delay, self._delay = self._delay, min(2 * self._delay, DELAY_MAX)
        return delay * (1 - self._chance() / 2)

    def reset(self) -> None:
        """Begin again after a success."""
        self._delay = FIRST
