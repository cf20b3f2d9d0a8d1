"""The timers of connections, as the transports see them."""

from collections.abc import Callable
from typing import Protocol

from tidings.hub.readers import Reader


class Timer(Protocol):
    """Makes calls that are due, and ends streams whose token is."""

    def at(self, seconds: float, call: Callable[[], None]) -> int: ...
    def cancel(self, tick: int, call: Callable[[], None]) -> None: ...
    def expire_at(self, reader: Reader, expires: int) -> None: ...
