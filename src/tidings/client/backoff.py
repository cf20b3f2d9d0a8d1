"""How long to wait before trying again. Pure: chance comes in as a number from 0 to 1."""

BASE = 1.0  # seconds; the first wait is somewhere below it
CAP = 30.0  # seconds; the widest window to choose from
PATIENCE = 600.0  # seconds; a slip of the server's pen must not silence a client for hours


class Backoff:
    """Full jitter (a wait anywhere between nothing and a window that doubles), on top of what
    the server asked for: clients that lost the same server do not return in step, and none
    returns sooner than it was told.
    """

    def __init__(self, *, base: float = BASE, cap: float = CAP) -> None:
        self._base, self._cap = base, cap
        self._failures = 0
        self._floor = 0.0

    def told(self, seconds: float) -> None:
        """The server's lasting wish (`retry:`)."""
        self._floor = bounded(seconds)

    def next(self, *, chance: float, told: float | None = None) -> float:
        """One more failure; `told` is a wish for this time only (goaway, Retry-After)."""
        # 2.0 ** 1024 would overflow, and no window is wider than the cap.
        window = min(self._cap, self._base * 2.0 ** min(self._failures, 32))
        self._failures += 1
        floor = self._floor if told is None else bounded(told)
        return floor + window * chance

    def succeeded(self) -> None:
        """A connection held: begin again with the smallest window."""
        self._failures = 0


def bounded(seconds: float) -> float:
    """What a server asks for, within reason."""
    return min(max(seconds, 0.0), PATIENCE)
