"""A token bucket that may be in debt."""


class TokenBucket:
    """Fills at a rate, up to a burst. A caller may go ahead while it is above zero, and take more than is in it."""

    __slots__ = ("_at", "_level")

    def __init__(self, *, burst: float, now: float) -> None:
        """Full. `now` in seconds."""
        self._level = burst
        self._at = now

    def wait(self, *, rate: float, burst: float, now: float) -> float:
        """Seconds until it is above zero; 0 if it is. `rate` in tokens a second."""
        self._fill(rate=rate, burst=burst, now=now)
        return 0.0 if self._level > 0 else (1 - self._level) / rate

    def take(self, cost: float, *, rate: float, burst: float, now: float) -> None:
        """Take tokens, however many are left."""
        self._fill(rate=rate, burst=burst, now=now)
        self._level -= cost

    def spend(self, cost: float, *, rate: float, burst: float, now: float) -> float:
        """Take tokens if it is above zero, and return 0; else return the seconds until it is."""
        wait = self.wait(rate=rate, burst=burst, now=now)
        if not wait:
            self._level -= cost
        return wait

    def full_at(self, *, rate: float, burst: float) -> float:
        """The time at which the bucket is full again if nothing is taken: from then on it need not be kept."""
        return self._at + (burst - self._level) / rate

    def _fill(self, *, rate: float, burst: float, now: float) -> None:
        if now > self._at:  # a clock that goes back fills nothing
            self._level = min(burst, self._level + (now - self._at) * rate)
            self._at = now
