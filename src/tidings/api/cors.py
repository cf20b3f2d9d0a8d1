"""The hosts that are answered and the pages that may call (WHATWG Fetch, "HTTP CORS protocol")."""

import logging
from collections.abc import Iterable
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp

from tidings.api.http import problem
from tidings.api.operation import OPERATOR
from tidings.api.ws import reject
from tidings.auth.hosts import HostAllowlist
from tidings.auth.origins import OriginPolicy
from tidings.domain.errors import InvalidRequest, Misdirected, OriginForbidden, TidingsError, UriTooLong
from tidings.domain.problems import SECURITY
from tidings.settings import Settings

TARGET_MAX = 8 * 1024  # bytes of a path with its query; other servers than ours take more
MAX_AGE = 7200  # seconds that a browser remembers a preflight
CORS_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# The fields that our clients send, and those that EventSource libraries and frameworks add by themselves.
REQUEST_HEADERS = (
    "Accept", "Accept-Language", "Authorization", "Cache-Control", "Content-Language", "Content-Type",
    "Idempotency-Key", "If-None-Match", "Last-Event-ID", "Pragma", "Tidings-User", "X-Requested-With",
)  # fmt: skip
RESPONSE_HEADERS = (
    "Date", "ETag", "Idempotent-Replayed", "Retry-After", "Tidings-Heartbeat", "Tidings-User", "WWW-Authenticate",
    "X-Poll-Interval",
)  # fmt: skip
PROBES = frozenset({"/healthz", "/readyz"})  # a load balancer asks for them by address, as operators do
ORIGINS_MAX = 1000  # origins: for how many the fields are kept, and how many refused ones are told of

_log = logging.getLogger("tidings.api")

Fields = list[tuple[bytes, bytes]]


class Cors:
    """Answers listed hosts alone, and lets pages of listed origins read. Credentials are for named origins.

    The header fields for an origin are made once. The only layer around the router: every layer wraps
    every `send`.
    """

    def __init__(self, app: ASGIApp, settings: Settings, *, origins: OriginPolicy, hosts: HostAllowlist) -> None:
        self._app = app
        self._origins = origins
        self._hosts = hosts
        self._local = settings.mode == "dev"
        self._credentials = settings.cors_credentials
        self._headers = (*REQUEST_HEADERS, *settings.cors_headers)
        self._fields: dict[bytes, Fields] = {}
        self._refused: set[bytes] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            fields = self.check(scope)
        except TidingsError as error:
            if scope["type"] == "websocket":
                await receive()
                await reject(error, scope, receive, send)
            else:
                await _secured(problem(error))(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            headers = Headers(scope=scope)
            if "origin" in headers and "access-control-request-method" in headers:
                await self._preflight(headers, fields)(scope, receive, send)
                return

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = response_fields(message.get("headers", ()), fields)
            await send(message)

        await self._app(scope, receive, answer)

    def check(self, scope: Any) -> Fields:
        """The header fields of a response for the origin of its request.

        Raises `UriTooLong`, `Misdirected`, `OriginForbidden`.
        """
        origin = host = site = None
        for name, value in scope["headers"]:
            if name == b"origin":
                origin = value
            elif name == b"host":
                host = value
            elif name == b"sec-fetch-site":
                site = value
        self._check_target(scope, host)
        fields = [] if origin is None else self._fields_for(origin, host)
        if self._local:
            self._check_local(scope, origin, host, site)
        return fields

    def _check_target(self, scope: Any, host: bytes | None) -> None:
        """Raises `UriTooLong`, `Misdirected`."""
        if len(scope["path"]) + len(scope["query_string"]) > TARGET_MAX:
            raise UriTooLong(f"a path with its query has at most {TARGET_MAX} bytes")
        # Without a Host it is HTTP/1.0, which no browser speaks.
        if host is not None and not self._hosts.allows_all and not self._hosts.allows(host.decode("latin-1")):
            if not self._local and (scope["path"] in PROBES or OPERATOR in scope.get("state", ())):
                return
            raise Misdirected("this server answers to other names; TIDINGS_HOSTS lists them")

    def _check_local(self, scope: Any, origin: bytes | None, host: bytes | None, site: bytes | None) -> None:
        """Check the Origin in `tidings dev`: without credentials, nothing else tells a developer's page from any other.

        Raises `OriginForbidden`.
        """
        if origin is None:
            if site == b"cross-site" and Headers(scope=scope).get("sec-fetch-mode") != "navigate":
                raise OriginForbidden("a page of another site asks for this")
        elif not self._may(origin, host):
            raise OriginForbidden(f"{origin[:200].decode('latin-1')!r} is no page of this machine, nor is it listed")

    def _may(self, origin: bytes, host: bytes | None) -> bool:
        text = origin.decode("latin-1")
        return self._origins.allows(text) or self._origins.is_own(text, (host or b"").decode("latin-1"))

    def _fields_for(self, origin: bytes, host: bytes | None) -> Fields:
        """Header fields that let a page of this origin read the answer; none if it may not, and one line in the log."""
        known = self._fields.get(origin)
        if known is not None:
            return known
        if not self._origins.allows(origin.decode("latin-1")):
            if origin not in self._refused and len(self._refused) < ORIGINS_MAX and not self._may(origin, host):
                self._refused.add(origin)
                detail = "pages of it may not call; TIDINGS_CORS_ORIGINS lists those that may"
                _log.warning("origin_refused", extra={"origin": origin[:200].decode("latin-1"), "detail": detail})
            return []
        if len(self._fields) >= ORIGINS_MAX:
            self._fields.clear()
        fields = [
            (b"access-control-allow-origin", b"*" if self._origins.any else origin),
            (b"access-control-expose-headers", ", ".join(RESPONSE_HEADERS).encode()),
        ]
        if self._credentials:
            fields.append((b"access-control-allow-credentials", b"true"))
        self._fields[origin] = fields
        return fields

    def _preflight(self, headers: Headers, fields: Fields) -> Response:
        """The answer to a preflight. A refusal has the form of every other."""
        try:
            self._check_preflight(headers, fields)
        except InvalidRequest as error:
            refusal = _secured(problem(error))
            refusal.headers["vary"] = "Origin"
            refusal.raw_headers += fields
            return refusal
        answer = _secured(Response("OK", media_type="text/plain"))
        answer.raw_headers += [
            *fields,
            (b"access-control-allow-methods", ", ".join(CORS_METHODS).encode()),
            (b"access-control-allow-headers", ", ".join(self._headers).encode()),
            (b"access-control-max-age", b"%d" % MAX_AGE),
            (b"vary", b"Origin"),
        ]
        return answer

    def _check_preflight(self, headers: Headers, fields: Fields) -> None:
        """Raises `InvalidRequest`."""
        if not fields:
            raise InvalidRequest("pages of this origin may not call")
        if headers["access-control-request-method"] not in CORS_METHODS:
            raise InvalidRequest(f"{headers['access-control-request-method'][:40]!r} is not a method of this API")
        allowed = {name.lower() for name in self._headers}
        for name in headers.get("access-control-request-headers", "").split(","):
            if name.strip() and name.strip().lower() not in allowed:
                detail = f"pages may not send the header {name.strip()[:80]!r}; TIDINGS_CORS_HEADERS lists more"
                raise InvalidRequest(detail)


def _secured(response: Response) -> Response:
    response.raw_headers += SECURITY
    return response


def response_fields(own: Iterable[tuple[bytes, bytes]], fields: Fields) -> Fields:
    """The fields of a response with those for the origin that asks, and those for every browser."""
    kept, vary, secured = [], b"Origin", SECURITY
    for field in own:
        if field[0] == b"vary":
            vary = b"%b, Origin" % field[1]
        elif field[0] == b"content-security-policy":  # a page has its own
            secured = SECURITY[:1]
            kept.append(field)
        elif field[0] == b"x-content-type-options":
            continue
        elif field[0] != b"access-control-allow-origin" or not fields:  # modules have their own
            kept.append(field)
    return [*kept, *fields, *secured, (b"vary", vary)]
