"""Which pages may call (WHATWG Fetch, "HTTP CORS protocol")."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from tidings.api.http import problem
from tidings.domain.errors import InvalidRequest
from tidings.settings import Settings

_CREDENTIALS = "Access-Control-Allow-Credentials"


class Cors(CORSMiddleware):
    """Named origins, or any without credentials. Starlette's, but credentials are for who is named and nobody else."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        super().__init__(
            app,
            allow_origins=settings.cors_origins,
            allow_credentials=settings.cors_credentials,
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Last-Event-ID"],
            expose_headers=["ETag", "Idempotent-Replayed", "Retry-After", "X-Poll-Interval"],
            max_age=7200,
        )
        self.simple_headers.pop(_CREDENTIALS, None)

    def allow_explicit_origin(self, headers: MutableHeaders, origin: str) -> None:  # type: ignore[override]
        """Name the origin in an answer to it."""
        super().allow_explicit_origin(headers, origin)
        if self.allow_credentials:
            headers[_CREDENTIALS] = "true"

    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to a preflight. A refusal has the form of every other."""
        answer = super().preflight_response(request_headers)
        if answer.status_code == 200:
            return answer
        refusal = problem(InvalidRequest(bytes(answer.body).decode()))
        refusal.headers["vary"] = "Origin"
        return refusal
