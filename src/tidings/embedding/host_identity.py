"""The caller of a request, by the host's own login."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import HTTPConnection

from tidings.auth.credentials import Kind, find_credential
from tidings.auth.grants import Grant
from tidings.auth.identity import Carrier, Purpose
from tidings.auth.origins import SAFE, OriginPolicy
from tidings.auth.tickets import Tickets
from tidings.client._encoding import user_id
from tidings.domain.errors import InvalidToken, NotIdentified, UnsupportedMediaType
from tidings.domain.topics import parse_user

UserOf = Callable[[HTTPConnection], "str | int | None | Awaitable[str | int | None]"]

IN_PROCESS = "tidings.grant"  # a key of the scope that no server sets: the grant of an in-process call


class HostIdentity:
    """The user that the host's function names. A browser's login is ambient, so it may read and mark, not publish."""

    def __init__(self, user: UserOf, tickets: Tickets, *, origins: OriginPolicy) -> None:
        self._user = user
        self._tickets = tickets
        self._origins = origins

    async def of(self, request: Carrier, *, purpose: Purpose = Purpose.CALL) -> Grant:
        """Raises `NotIdentified`, `InvalidUser`, `InvalidToken`, `OriginForbidden`, `UnsupportedMediaType`."""
        scope = request.scope
        if (grant := scope.get(IN_PROCESS)) is not None:
            return grant  # type: ignore[no-any-return]
        credential = find_credential((), scope["query_string"])
        if credential is not None and credential.kind is Kind.TICKET:
            if purpose is Purpose.CALL:
                raise InvalidToken("a ticket opens a stream, a WebSocket or a poll, and nothing else")
            return await self._tickets.use(credential.value, origins=self._origins.of_ticket(request.headers))
        self._check_ambient(request, purpose)
        user = self._user(HTTPConnection(scope))
        if inspect.isawaitable(user):
            user = await user
        if user is None:
            raise NotIdentified("the application that Tidings is mounted in knows no user of this request")
        return Grant(user=parse_user(user_id(user)))

    def known(self, request: Carrier, *, purpose: Purpose) -> Grant | None:
        """None: the function of the host is called for each request."""
        return None

    def _check_ambient(self, request: Carrier, purpose: Purpose) -> None:
        """Refuse what a foreign page can make a browser send with the host's cookie: an Authorization header it cannot.

        Raises `OriginForbidden`, `UnsupportedMediaType`.
        """
        if "authorization" in request.headers:
            return
        if purpose is Purpose.SOCKET:
            self._origins.check_ambient(request.headers)
        elif request.scope["method"] not in SAFE:
            self._origins.check_ambient(request.headers)
            _check_json(request)


def _check_json(request: Any) -> None:
    """A foreign page can send a form or plain text without being asked. Raises `UnsupportedMediaType`."""
    headers = request.headers
    if "transfer-encoding" not in headers and headers.get("content-length", "0") == "0":
        return
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType("a body needs Content-Type: application/json")
