"""The pause before the next attempt. Pure: chance comes in as a number from 0 to 1."""

BASE = 1.0  # seconds; the window of the first pause
CAP = 30.0  # seconds; the widest window
MAX_REQUESTED = 600.0  # seconds; a mistake of the server must not silence a client for hours


class Backoff:
    """Full jitter (a pause anywhere in a window that doubles) on top of the pause that the server asked for:
    clients that lost the same server do not return in step, and none returns earlier than it was asked to.
    """

    def __init__(self, *, base: float = BASE, cap: float = CAP) -> None:
        self._base, self._cap = base, cap
        self._failures = 0
        self._floor = 0.0

    def set_floor(self, seconds: float) -> None:
        """Take the least pause from now on: the stream's `retry:`."""
        self._floor = bounded(seconds)

    def next(self, *, chance: float, retry_after: float | None = None) -> float:
        """Count a failure; `retry_after` replaces the floor this once (goaway, Retry-After)."""
        # 2.0 ** 1024 would overflow, and no window is wider than the cap.
        window = min(self._cap, self._base * 2.0 ** min(self._failures, 32))
        self._failures += 1
        floor = self._floor if retry_after is None else bounded(retry_after)
        return floor + window * chance

    def succeeded(self) -> None:
        """Return to the smallest window: a connection held."""
        self._failures = 0


def bounded(seconds: float) -> float:
    """A pause that a server asked for, within reason."""
    return min(max(seconds, 0.0), MAX_REQUESTED)
