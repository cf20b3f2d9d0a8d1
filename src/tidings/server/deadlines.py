"""Time limits for clients that owe bytes: one timer for all connections, and nothing for one that owes none."""

import asyncio
from typing import Protocol


class Owing(Protocol):
    """A connection that waits for its client."""

    def timed_out(self) -> None:
        """Act on a client that did not send what it owes in time."""


class Deadlines:
    """Connections in the order in which their time is up, which is the order they came in: all have the same."""

    def __init__(self, *, seconds: float) -> None:
        self.seconds = seconds
        self._due: dict[Owing, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self, connection: Owing) -> None:
        """Give a connection its time, from now on."""
        loop = asyncio.get_running_loop()
        self._due.pop(connection, None)
        self._due[connection] = loop.time() + self.seconds
        if self._timer is None:
            self._timer = loop.call_later(self.seconds, self._check)

    def stop(self, connection: Owing) -> None:
        """Forget a connection. Safe to call twice."""
        self._due.pop(connection, None)

    def _check(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._due:
            connection, due = next(iter(self._due.items()))
            if due > now:
                self._timer = loop.call_later(due - now, self._check)
                return
            del self._due[connection]
            connection.timed_out()
