"""The verb of tickets: a caller's grant for one connection that can send no headers."""

from tidings.auth.tickets import LIFETIME, Tickets
from tidings.domain.results import Ticket
from tidings.services.call import Call


class TicketService:
    """Issues tickets."""

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets

    async def issue(self, call: Call, *, origin: str = "") -> Ticket:
        """A ticket for the caller, for pages of an origin; "" where a backend asks. Raises `NotIdentified`."""
        return Ticket(ticket=await self._tickets.make(call.grant, origin=origin), expires_in=LIFETIME)
