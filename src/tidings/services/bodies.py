"""The bodies of requests that are held in memory, finished or not: bounded in all, and for each caller."""

from collections.abc import Callable

from tidings.domain.errors import Overloaded, RateLimited

_OF_ALL = "bodies of requests take as much memory here as they may; try again in a moment"
_OF_ONE = "the bodies of this caller's requests take as much memory as they may; finish one, or try again in a moment"
_LONGEST_WAIT = 5  # seconds until a refused caller may try again, at the most


class Bodies:
    """Counts the bytes that are held."""

    def __init__(self, *, most: float, most_of_caller: float, jitter: Callable[[], float]) -> None:
        """In bytes; 0: any number. `jitter` gives a number from 0 to 1."""
        self.held = 0
        self.refused = 0
        self._most = most
        self._most_of_caller = most_of_caller
        self._jitter = jitter
        self._callers: dict[str, int] = {}

    def hold(self, caller: str, size: int) -> None:
        """Count some bytes more. Raises `RateLimited`, `Overloaded`, and has counted none of them then."""
        held = self._callers.get(caller, 0) + size
        if self._most_of_caller and held > self._most_of_caller:
            self.refused += 1
            raise RateLimited(_OF_ONE).after(self._wait())
        if self._most and self.held + size > self._most:
            self.refused += 1
            raise Overloaded(_OF_ALL).after(self._wait())
        self.held += size
        self._callers[caller] = held

    def release(self, caller: str, size: int) -> None:
        """Count them no more."""
        self.held -= size
        left = self._callers[caller] - size
        if left:
            self._callers[caller] = left
        else:
            del self._callers[caller]

    def _wait(self) -> int:
        """Spread, so that callers that were refused together do not come back together."""
        return 1 + round(self._jitter() * (_LONGEST_WAIT - 1))


class HeldBody:
    """The body of one request."""

    def __init__(self, bodies: Bodies, caller: str) -> None:
        self._bodies = bodies
        self._caller = caller
        self._size = 0

    def hold(self, size: int) -> None:
        """Count some bytes more. Raises what `Bodies.hold` raises."""
        if size:
            self._bodies.hold(self._caller, size)
            self._size += size

    def release(self) -> None:
        """Let go of all of them. Safe to call twice."""
        if self._size:
            self._bodies.release(self._caller, self._size)
            self._size = 0
