"""Tickets, for connections that can send no headers."""

from starlette.responses import Response

from tidings.api.context import ApiContext
from tidings.api.http import ApiRequest, Json
from tidings.api.operation import Answer, operation
from tidings.domain.results import Ticket

TAG = "Tickets"


@operation(
    "POST",
    "/v1/tickets",
    id="createTicket",
    tag=TAG,
    answers={201: Answer(description="A ticket.", type=Ticket, example={"ticket": "bGV0IG1lIGlu", "expires_in": 30})},
)
async def create(request: ApiRequest, api: ApiContext) -> Response:
    """Get a ticket for one connection of the caller.

    It is good once and for half a minute, as the query parameter `ticket` of a stream, a WebSocket or a poll.
    """
    call = await api.call(request, await api.grant(request))
    ticket = await api.services.tickets.issue(call, origin=request.headers.get("origin", ""))
    return Json(ticket, status_code=201)


OPERATIONS = (create,)
