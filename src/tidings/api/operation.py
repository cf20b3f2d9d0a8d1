"""An operation of the API: its route, its handler, its schemas and its description, declared once and together."""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.routing import Route

from tidings.api.context import ApiContext
from tidings.api.http import ApiRequest, ApiRoute, Endpoint
from tidings.api.parameters import Parameter
from tidings.domain.errors import NotFound

Handler = Callable[[ApiRequest, ApiContext], Awaitable[Any]]

JSON = "application/json"
OPERATOR = "tidings.operator"  # set in the state of a request that came by the operators' address


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The request body of an operation; its schema is made from `type`."""

    type: Any
    example: Any
    also: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # other media types, each with its schema
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer that an operation gives; without a `type` and a `schema` it has no body."""

    description: str
    type: Any = None
    media: str = JSON
    schema: Mapping[str, Any] | None = None  # of a body that no type describes
    example: Any = None
    headers: Sequence[str] = ()  # names of `openapi.HEADER_DESCRIPTIONS`


NO_CONTENT_ANSWER: Mapping[int, Answer] = {204: Answer(description="Done, or done before.")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path. Its summary and description are the docstring of its handler."""

    method: str
    path: str
    id: str  # unique; a generated client names its method so
    tag: str
    handler: Handler
    parameters: Sequence[Parameter] = ()
    body: Body | None = None
    answers: Mapping[int, Answer]
    idempotent: bool = False  # takes an Idempotency-Key
    public: bool = False  # needs no credential
    admin: bool = False  # on the operators' address alone, if they have one

    @property
    def summary(self) -> str:
        """The first line, without its full stop."""
        return inspect.cleandoc(self.handler.__doc__ or "").partition("\n")[0].removesuffix(".")

    @property
    def description(self) -> str:
        """The rest of the handler's docstring, on one line."""
        return " ".join(inspect.cleandoc(self.handler.__doc__ or "").partition("\n")[2].split())

    def route(self, api: ApiContext) -> Route:
        """The route that calls the handler. GET answers HEAD too."""
        handler = _for_operators(self.handler) if self.admin and api.settings.admin_address else self.handler
        return ApiRoute(self.path, Endpoint(handler, api), methods=[self.method])


def by_operator(request: ApiRequest) -> bool:
    """Did it come by the operators' address?"""
    return OPERATOR in request.scope.get("state", ())


def _for_operators(handler: Handler) -> Handler:
    async def guarded(request: ApiRequest, api: ApiContext) -> Any:
        if not by_operator(request):
            raise NotFound(f"there is no {request.scope['path']} here")
        return await handler(request, api)

    return guarded


def operation(method: str, path: str, **described: Any) -> Callable[[Handler], Operation]:
    """Declare a handler as an operation: see `Operation`."""

    def declare(handler: Handler) -> Operation:
        return Operation(method=method, path=path, handler=handler, **described)

    return declare
