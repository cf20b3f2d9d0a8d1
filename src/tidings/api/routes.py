"""Every operation of the API, as routes and as the document that describes them."""

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from tidings.api import followers, follows, inbox, notifications, ops, poll, sessions, stream, tickets, users, ws
from tidings.api.context import ApiContext
from tidings.api.http import ApiRequest, Json
from tidings.api.openapi import document
from tidings.api.operation import Answer, Operation, operation

MODULES = (poll, stream, ws, notifications, followers, users, inbox, follows, tickets, sessions, ops)
OPERATIONS: Sequence[Operation] = [declared for module in MODULES for declared in module.OPERATIONS]


def described(operations: Sequence[Operation]) -> Operation:
    """The operation that describes these and itself."""
    made: dict[str, Any] = {}

    @operation(
        "GET",
        "/openapi.json",
        id="openapi",
        tag=ops.TAG,
        answers={200: Answer(description="The document.", schema={"type": "object"})},
        public=True,
    )
    async def openapi(request: ApiRequest, api: ApiContext) -> Response:
        """Get the description of the API (OpenAPI 3.1)."""
        if not made:
            made.update(document([*operations, openapi]))
        return Json(made)

    return openapi


def routes(api: ApiContext, operations: Sequence[Operation]) -> list[BaseRoute]:
    """The routes of these operations, and the one that describes them."""
    every = [*operations, described(operations)]
    return [declared.route(api) for declared in every] + [ws.plain_route(api)]
