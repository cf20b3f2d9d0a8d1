"""Tickets in the store: each is good once, on any process."""

from collections.abc import Callable, Collection

import msgspec

from tidings.auth.grants import Grant
from tidings.auth.revocations import Revocations
from tidings.auth.tickets import LIFETIME, WAITING
from tidings.domain.errors import InvalidToken
from tidings.services.store_gateway import StoreGateway
from tidings.store.transactions.tickets import give_ticket, use_ticket
from tidings.store.transactions.transaction import Job, Script, Transaction


class _Content(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a ticket's row in the store."""

    grant: Grant
    origin: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Content).decode


class StoreTickets:
    """See `auth.tickets.Tickets`."""

    def __init__(
        self,
        gateway: StoreGateway,
        *,
        revoked: Revocations,
        new_name: Callable[[], str],
        clock: Callable[[], float],
    ) -> None:
        """`new_name` gives an unguessable name; `clock` seconds since 1970."""
        self._gateway = gateway
        self._revoked = revoked
        self._new_name = new_name
        self._clock = clock

    async def make(self, grant: Grant, *, origin: str) -> str:
        user, ticket = grant.me(), self._new_name()
        content = _Content(grant=grant.for_ticket(now=self._clock()), origin=origin)
        kept = _encode(content).decode()
        await self._gateway.write(give_ticket(ticket, kept, user=user, lifetime=LIFETIME * 1000, per_user=WAITING))
        return ticket

    async def use(self, ticket: str, *, origins: Collection[str]) -> Grant:
        grant = await self._gateway.write(_taken(ticket, origins))
        if 0 < grant.expires <= self._clock() or self._revoked.refuses(grant):
            raise InvalidToken("the ticket's token is too old, or revoked; get another")
        return grant


def _taken(ticket: str, origins: Collection[str]) -> Job[Grant]:
    """Take a ticket. One of another origin stays where it is: what a script that raises has done is undone."""

    def script(transaction: Transaction) -> Script[Grant]:
        text = yield from use_ticket(ticket)(transaction)
        content = None if text is None else _decode(text)
        if content is None or content.origin not in origins:
            raise InvalidToken("the ticket was used, is too old, or was made for another page; get another")
        return content.grant

    return script
