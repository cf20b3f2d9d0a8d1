"""Which pages may call (WHATWG Fetch, "HTTP CORS protocol")."""

from typing import Any

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from tidings.api.http import problem
from tidings.domain.errors import InvalidRequest
from tidings.settings import Settings

Said = list[tuple[bytes, bytes]]  # header fields


class Cors:
    """Named origins, or any without credentials. Credentials are for who is named and nobody else.

    Starlette answers the preflights. What every other answer says is made once for each origin that is named.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._preflights = CORSMiddleware(
            app,
            allow_origins=settings.cors_origins,
            allow_credentials=settings.cors_credentials,
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Last-Event-ID"],
            max_age=7200,
        )
        anyone = "*" in settings.cors_origins
        self._stranger: Said = _allowed(b"*") if anyone else []
        credentials = [(b"access-control-allow-credentials", b"true")] if settings.cors_credentials else []
        named = [] if anyone else [origin.encode() for origin in settings.cors_origins]
        self._named: dict[bytes, Said] = {origin: _allowed(origin) + credentials for origin in named}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        origin = next((value for name, value in scope["headers"] if name == b"origin"), None)
        said = [] if origin is None else self._named.get(origin, self._stranger)
        if origin is not None and scope["method"] == "OPTIONS":
            headers = Headers(scope=scope)
            if "access-control-request-method" in headers:
                await self._preflight(headers)(scope, receive, send)
                return

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                fields, vary = [], b"Origin"
                for field in message.get("headers", ()):
                    if field[0] == b"vary":
                        vary = b"%b, Origin" % field[1]
                    elif field[0] != b"access-control-allow-origin" or not said:  # the client's modules have their own
                        fields.append(field)
                message["headers"] = [*fields, *said, (b"vary", vary)]
            await send(message)

        await self._app(scope, receive, answer)

    def _preflight(self, headers: Headers) -> Response:
        """The answer to a preflight. A refusal has the form of every other."""
        answer = self._preflights.preflight_response(headers)
        if answer.status_code == 200:
            return answer
        refusal = problem(InvalidRequest(bytes(answer.body).decode()))
        refusal.headers["vary"] = "Origin"
        return refusal


def _allowed(origin: bytes) -> Said:
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", b"ETag, Idempotent-Replayed, Retry-After, X-Poll-Interval"),
    ]
