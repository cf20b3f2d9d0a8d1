"""Tickets: a token's grant for one connection, for clients that cannot send headers (EventSource, WebSocket).

A ticket stands in a URL, and URLs end in logs: it is good once, and for half a minute.
"""

from collections.abc import Callable

from tidings.auth.grants import Grant
from tidings.domain.errors import InvalidToken

LIFETIME = 30  # seconds
MOST = 100_000  # that wait to be used; the oldest go first


class Tickets:
    """The tickets that were given and not used."""

    def __init__(self, *, make: Callable[[], str], clock: Callable[[], float]) -> None:
        """`make` gives an unguessable name; `clock` seconds."""
        self._make = make
        self._clock = clock
        self._given: dict[str, tuple[Grant, float]] = {}

    def give(self, grant: Grant) -> str:
        """A ticket for a grant."""
        now = self._clock()
        while self._given and (len(self._given) >= MOST or next(iter(self._given.values()))[1] <= now):
            del self._given[next(iter(self._given))]
        ticket = self._make()
        self._given[ticket] = (grant, now + LIFETIME)
        return ticket

    def use(self, ticket: str) -> Grant:
        """The grant of a ticket, once. Raises `InvalidToken`."""
        grant, until = self._given.pop(ticket, (None, 0.0))
        if grant is None or until <= self._clock():
            raise InvalidToken("the ticket was used, or its time is over; get another")
        return grant
