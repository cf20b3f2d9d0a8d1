"""Tickets: a token's right to listen, for one connection of a client that cannot send headers (EventSource, WebSocket).

A ticket stands in a URL, and URLs end in logs: it is good once, for half a minute, for pages of the origin that it was
made for, and never longer than its token.
"""

from collections.abc import Collection
from typing import Protocol

from tidings.auth.grants import Grant

LIFETIME = 30  # seconds
WAITING = 16  # tickets of one user that wait to be used; then the oldest goes


class Tickets(Protocol):
    """Tickets that were made and not used."""

    async def make(self, grant: Grant, *, origin: str) -> str:
        """A ticket for a user's grant and the origin of a page, "" if a backend asks. Raises `NotIdentified`."""

    async def use(self, ticket: str, *, origins: Collection[str]) -> Grant:
        """The grant of a ticket that was made for one of these origins, once. Raises `InvalidToken`."""
