"""Identification of callers: by the `user` parameter in `tidings dev`, a credential in `tidings serve`."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Protocol

import msgspec

from tidings.auth.api_keys import KEY_PREFIX, ApiKeys
from tidings.auth.checked_tokens import CheckedTokens
from tidings.auth.credentials import Kind, find_credential
from tidings.auth.forward_auth import ForwardAuth, session_of
from tidings.auth.grants import Grant
from tidings.auth.origins import SAFE, OriginPolicy
from tidings.auth.tickets import Tickets
from tidings.domain.errors import InvalidToken, NotIdentified, UnsupportedMediaType
from tidings.domain.topics import parse_user


class Purpose(Enum):
    """The purpose for which a caller is identified."""

    CALL = "call"  # one request; a ticket does not count
    LISTEN = "listen"  # a stream or a poll
    SOCKET = "socket"  # a WebSocket, which CORS does not guard


class Carrier(Protocol):
    """The parts of a request that may hold credentials (Starlette's connection has them)."""

    @property
    def scope(self) -> Any: ...
    @property
    def query_params(self) -> Mapping[str, str]: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


class Identity(Protocol):
    """Tells who is calling from what the request carries."""

    async def of(self, request: Carrier, *, purpose: Purpose = Purpose.CALL) -> Grant:
        """Raises `NotIdentified`, `InvalidToken`, `OriginForbidden`, `UnsupportedMediaType`."""

    def known(self, request: Carrier, *, purpose: Purpose) -> Grant | None:
        """The caller, if nothing has to be waited for; None: ask `of`, whose errors it may raise."""


class DevIdentity:
    """Takes the `user` parameter without proof: for a developer's own machine."""

    def __init__(self, tickets: Tickets, *, origins: OriginPolicy) -> None:
        self._tickets = tickets
        self._origins = origins

    async def of(self, request: Carrier, *, purpose: Purpose = Purpose.CALL) -> Grant:
        """Raises `InvalidUser`, `InvalidToken`."""
        return self.known(request, purpose=purpose) or await _by_ticket(request, self._tickets, self._origins, purpose)

    def known(self, request: Carrier, *, purpose: Purpose) -> Grant | None:
        """Everyone but the bearer of a ticket. Raises `InvalidUser`."""
        if "ticket" in request.query_params:
            return None
        user = request.query_params.get("user")
        return Grant(user=None if user is None else parse_user(user), publish=True, topics=None)


class TokenIdentity:
    """A token in the Authorization header or a cookie, or a ticket in the URL."""

    def __init__(self, tickets: Tickets, *, check: CheckedTokens, keys: ApiKeys, origins: OriginPolicy) -> None:
        self._tickets = tickets
        self._check = check
        self._keys = keys
        self._origins = origins

    async def of(self, request: Carrier, *, purpose: Purpose = Purpose.CALL) -> Grant:
        """Decide by the credential that was sent, and by no other. Raises what `Identity.of` raises."""
        scope = request.scope
        credential = find_credential(scope["headers"], scope["query_string"])
        if credential is None:
            raise NotIdentified("send a token: Authorization: Bearer ..., or ?ticket= from POST /v1/tickets")
        if credential.kind is Kind.TICKET:
            return await _by_ticket(request, self._tickets, self._origins, purpose)
        if credential.kind is Kind.BEARER and credential.value.startswith(KEY_PREFIX):
            return self._keys.check(credential.value)
        if credential.kind is Kind.BEARER:
            return await self._check(credential.value)
        _check_ambient(request, self._origins, purpose)
        return _by_cookie(await self._check(credential.value))

    def known(self, request: Carrier, *, purpose: Purpose) -> Grant | None:
        """The bearer of a token that was checked before. Raises `InvalidToken`, `OriginForbidden`."""
        credential = find_credential(request.scope["headers"], request.scope["query_string"])
        if credential is None or credential.kind is Kind.TICKET:
            return None
        if credential.kind is Kind.BEARER:
            return self._check.known(credential.value)
        _check_ambient(request, self._origins, purpose)
        grant = self._check.known(credential.value)
        return grant and _by_cookie(grant)


class ForwardIdentity:
    """The application's own session, an API key, or a ticket in the URL."""

    def __init__(self, tickets: Tickets, *, sessions: ForwardAuth, keys: ApiKeys, origins: OriginPolicy) -> None:
        self._tickets = tickets
        self._sessions = sessions
        self._keys = keys
        self._origins = origins

    async def of(self, request: Carrier, *, purpose: Purpose = Purpose.CALL) -> Grant:
        """Decide by a ticket or a key of ours, else by the application. Raises what `Identity.of` raises, and
        `SessionForbidden`, `SessionUnavailable`, `HeadersTooLarge`, `Overloaded`."""
        scope = request.scope
        if find_credential((), scope["query_string"]) is not None:
            return await _by_ticket(request, self._tickets, self._origins, purpose)
        session = session_of(scope["headers"])
        if session is None:
            raise NotIdentified("sign in to the application: its session decides here")
        scheme, _, token = session.authorization.partition(" ")
        bearer = scheme.lower() == "bearer"
        if bearer and token.startswith(KEY_PREFIX):
            return self._keys.check(token)
        if session.cookie or not bearer:  # a browser adds cookies and Basic credentials by itself
            _check_ambient(request, self._origins, purpose)
        return await self._sessions.grant(session)

    def known(self, request: Carrier, *, purpose: Purpose) -> Grant | None:
        """None: the application is asked for each session."""
        return None


def _by_cookie(grant: Grant) -> Grant:
    """A browser sends the cookie with any page's requests: it suffices to read, and to mark the user's own items."""
    return msgspec.structs.replace(grant, publish=False)


async def _by_ticket(request: Carrier, tickets: Tickets, origins: OriginPolicy, purpose: Purpose) -> Grant:
    found = find_credential((), request.scope["query_string"])
    if found is None:
        raise InvalidToken("?ticket= carries no ticket")
    if purpose is Purpose.CALL:
        raise InvalidToken("a ticket opens a stream, a WebSocket or a poll, and nothing else")
    return await tickets.use(found.value, origins=origins.of_ticket(request.headers))


def _check_ambient(request: Carrier, origins: OriginPolicy, purpose: Purpose) -> None:
    """Check a request whose credential a browser adds by itself. Raises `OriginForbidden`, `UnsupportedMediaType`."""
    if purpose is Purpose.SOCKET:
        origins.check_ambient(request.headers)
    elif request.scope["method"] not in SAFE:
        origins.check_ambient(request.headers)
        _check_json(request.headers)


def _check_json(headers: Mapping[str, str]) -> None:
    """By a cookie, a body is JSON: forms and plain text are what a foreign page can send without being asked.

    Raises `UnsupportedMediaType`.
    """
    if "transfer-encoding" not in headers and headers.get("content-length", "0") == "0":
        return
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType("by a cookie, a body needs Content-Type: application/json")
