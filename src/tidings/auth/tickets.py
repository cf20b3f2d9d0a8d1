"""Tickets: a token's right to listen, for one connection of a client that cannot send headers (EventSource, WebSocket).

A ticket stands in a URL, and URLs end in logs: it is good once, for half a minute, for pages of the origin that it was
made for, and never longer than its token.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol

import msgspec

from tidings.auth.grants import Grant
from tidings.domain.errors import InvalidToken
from tidings.domain.topics import User

LIFETIME = 30  # seconds
WAITING = 16  # tickets of one user that wait to be used; then the oldest goes


class Tickets(Protocol):
    """Tickets that were made and not used."""

    async def make(self, grant: Grant, *, origin: str) -> str:
        """A ticket for a user's grant and the origin of a page, "" if a backend asks. Raises `NotIdentified`."""

    async def use(self, ticket: str, *, origins: Collection[str]) -> Grant:
        """The grant of a ticket that was made for one of these origins, once. Raises `InvalidToken`."""


class _Waiting(NamedTuple):
    grant: Grant
    origin: str
    until: float


class MemoryTickets:
    """Tickets of one process."""

    def __init__(self, *, new_name: Callable[[], str], clock: Callable[[], float]) -> None:
        """`new_name` gives an unguessable name; `clock` seconds since 1970."""
        self._new_name = new_name
        self._clock = clock
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()  # all live as long, so the oldest end first
        self._of: dict[User, list[str]] = {}

    async def make(self, grant: Grant, *, origin: str) -> str:
        user, now = grant.me(), self._clock()
        while self._waiting and next(iter(self._waiting.values())).until <= now:
            self._take(next(iter(self._waiting)))
        mine = self._of.setdefault(user, [])
        if len(mine) >= WAITING:
            self._take(mine[0])
            mine = self._of.setdefault(user, [])
        ticket = self._new_name()
        mine.append(ticket)
        listening = msgspec.structs.replace(grant, publish=False)
        self._waiting[ticket] = _Waiting(listening, origin, now + LIFETIME)
        return ticket

    async def use(self, ticket: str, *, origins: Collection[str]) -> Grant:
        found = self._waiting.get(ticket)
        if found is None or found.origin not in origins:
            raise InvalidToken("the ticket was used, is too old, or was made for another page; get another")
        self._take(ticket)
        now = self._clock()
        if found.until <= now or 0 < found.grant.expires <= now:
            raise InvalidToken("the ticket is too old, or its token is; get another")
        return found.grant

    def _take(self, ticket: str) -> None:
        user = self._waiting.pop(ticket).grant.me()
        self._of[user].remove(ticket)
        if not self._of[user]:
            del self._of[user]
