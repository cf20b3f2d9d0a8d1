"""The one timer of the house, as the transports see it."""

from collections.abc import Callable
from typing import Protocol

from tidings.hub.reader import Reader


class Timer(Protocol):
    """Does what is due, and ends who is."""

    def at(self, seconds: float, call: Callable[[], None]) -> int: ...
    def cancel(self, tick: int, call: Callable[[], None]) -> None: ...
    def until(self, reader: Reader, expires: int) -> None: ...
