"""The choice of transport: the next one when the network does not let one through, the best again later. Pure."""

import math
from collections.abc import Sequence

from tidings.client.types import Transport

SHORT_LIVED = 5.0  # seconds from the hello to the last sign of life; less counts against the transport
SHORT_LIVED_LIMIT = 3  # in a row, before the next transport is tried; one that ends by a read time-out counts twice
RETRY_BEST_AFTER = 30.0  # seconds on another transport before the first is tried again; doubles each time
RETRY_BEST_CAP = 600.0


class TransportFallback:
    """The transports from the best to the surest, and the one in use."""

    def __init__(self, transports: Sequence[Transport]) -> None:
        self._transports = tuple(transports)
        self._index = 0
        self._short_lived = 0
        self._retry_best_after = RETRY_BEST_AFTER
        self._retry_best_at = math.inf

    def current(self, now: float) -> Transport:
        """The transport to use at this time."""
        if now >= self._retry_best_at:
            self._index, self._short_lived, self._retry_best_at = 0, 0, math.inf
        return self._transports[self._index]

    @property
    def retry_best_at(self) -> float:
        """The time to try the first transport again; infinite while it is in use."""
        return self._retry_best_at

    @property
    def exhausted(self) -> bool:
        """True on the last transport."""
        return self._index + 1 >= len(self._transports)

    def step_down(self, now: float) -> bool:
        """Take the next transport. False where there is none."""
        if self.exhausted:
            return False
        if self._index == 0:
            self._retry_best_at = now + self._retry_best_after
            self._retry_best_after = min(self._retry_best_after * 2, RETRY_BEST_CAP)
        self._index, self._short_lived = self._index + 1, 0
        return True

    def connection_ended(self, lived: float, now: float, *, timed_out: bool) -> bool:
        """Count a connection that broke or timed out; `lived` is the seconds from its hello to its last sign of life.

        True when that led to the next transport.
        """
        if lived >= SHORT_LIVED:
            self._short_lived = 0
            if self._index == 0:
                self._retry_best_after = RETRY_BEST_AFTER
            return False
        self._short_lived += 2 if timed_out else 1
        return self._short_lived >= SHORT_LIVED_LIMIT and self.step_down(now)
