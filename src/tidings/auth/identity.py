"""Who is calling: the `user` parameter in `tidings dev`, a token in `tidings serve`."""

from collections.abc import Mapping
from typing import Protocol

from tidings.auth.grants import Grant
from tidings.auth.tickets import Tickets
from tidings.auth.tokens import check
from tidings.domain.errors import NotIdentified
from tidings.domain.topics import parse_user

COOKIE = "tidings_token"


class Carrier(Protocol):
    """What a request carries (Starlette's connection is one)."""

    @property
    def query_params(self) -> Mapping[str, str]: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def cookies(self) -> Mapping[str, str]: ...


class Identity(Protocol):
    """Tells who is calling from what the request carries."""

    def of(self, request: Carrier) -> Grant: ...


class DevIdentity:
    """Everyone is who they say: for a developer's own machine."""

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets

    def of(self, request: Carrier) -> Grant:
        """Raises `InvalidUser`, `InvalidToken`."""
        if ticket := request.query_params.get("ticket"):
            return self._tickets.use(ticket)
        user = request.query_params.get("user")
        return Grant(user=None if user is None else parse_user(user), publish=True, topics=None)


class TokenIdentity:
    """A token in the Authorization header or a cookie, or a ticket in the URL."""

    def __init__(self, tickets: Tickets, *, secret: str) -> None:
        self._tickets = tickets
        self._secret = secret

    def of(self, request: Carrier) -> Grant:
        """Raises `NotIdentified`, `InvalidToken`."""
        if ticket := request.query_params.get("ticket"):
            return self._tickets.use(ticket)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            return check(token.strip(), self._secret)
        if token := request.cookies.get(COOKIE, ""):
            return check(token, self._secret)
        raise NotIdentified("send a token: Authorization: Bearer ..., or ?ticket= from POST /v1/tickets")
