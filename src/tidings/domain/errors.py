"""The errors, and the answer that each one gets (RFC 9457): its `status`, its stable `code`, and as its title
the first line of its docstring. `docs/problems.md` has a section for each code, which the problem's `type` leads to."""

from collections.abc import Iterator
from typing import Self


class TidingsError(Exception):
    """Internal server error."""

    code, status = "error", 500
    retry_after: int | None = None  # seconds after which the same request may succeed

    @classmethod
    def title(cls) -> str:
        """The same for every problem of this code."""
        return (cls.__doc__ or "").strip().partition("\n")[0]

    def after(self, seconds: int) -> Self:
        """The same error, with the seconds after which the request may be repeated."""
        self.retry_after = seconds
        return self

    @property
    def headers(self) -> dict[str, str]:
        """The fields that its answer carries beside the body."""
        return {} if self.retry_after is None else {"retry-after": str(self.retry_after)}


def problems() -> Iterator[type[TidingsError]]:
    """Every error that can be the answer to a request, by status and code."""
    known = {TidingsError.code: TidingsError}
    waiting = [TidingsError]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            known[kind.code] = kind
            waiting.append(kind)
    yield from sorted(known.values(), key=lambda kind: (kind.status, kind.code))


class InvalidRequest(TidingsError):
    """Invalid request."""

    code, status = "invalid_request", 400


class InvalidHttp(InvalidRequest):
    """Not an HTTP request."""

    code = "invalid_http"


class InvalidRequestTarget(InvalidRequest):
    """Invalid request target."""

    code = "invalid_target"


class InvalidHandshake(InvalidRequest):
    """Invalid WebSocket handshake."""

    code = "invalid_handshake"

    @property
    def headers(self) -> dict[str, str]:
        return {"upgrade": "websocket", "connection": "upgrade", "sec-websocket-version": "13"}


class InvalidJson(InvalidRequest):
    """Invalid JSON."""

    code = "invalid_json"


class InvalidTopic(InvalidRequest):
    """Invalid topic."""

    code = "invalid_topic"


class InvalidUser(InvalidRequest):
    """Invalid user id."""

    code = "invalid_user"


class InvalidTarget(InvalidRequest):
    """Invalid recipients."""

    code = "invalid_to"


class InvalidCursor(InvalidRequest):
    """Invalid cursor."""

    code = "invalid_cursor"


class AlreadyExpired(InvalidRequest):
    """Expire time in the past."""

    code = "already_expired"


class NotIdentified(TidingsError):
    """Authentication required."""

    code, status = "not_identified", 401

    @property
    def headers(self) -> dict[str, str]:
        return {"www-authenticate": "Bearer"}


class InvalidToken(TidingsError):
    """Invalid or expired token."""

    code, status = "invalid_token", 401

    @property
    def headers(self) -> dict[str, str]:
        return {"www-authenticate": 'Bearer error="invalid_token"'}  # RFC 6750, section 3.1


class TopicForbidden(TidingsError):
    """Topic not permitted."""

    code, status = "topic_forbidden", 403


class PublishForbidden(TidingsError):
    """Publishing not permitted."""

    code, status = "publish_forbidden", 403


class SessionForbidden(TidingsError):
    """Session not permitted."""

    code, status = "session_forbidden", 403


class OriginForbidden(TidingsError):
    """Origin not permitted."""

    code, status = "origin_forbidden", 403


class LinkExpired(TidingsError):
    """Link expired."""

    code, status = "link_expired", 403


class NotFound(TidingsError):
    """Not found."""

    code, status = "not_found", 404


class MethodNotAllowed(TidingsError):
    """Method not allowed."""

    code, status = "method_not_allowed", 405


class RequestTimeout(TidingsError):
    """Request timeout."""

    code, status = "request_timeout", 408


class KeyInFlight(TidingsError):
    """Request with this idempotency key in progress."""

    code, status = "idempotency_key_in_flight", 409
    retry_after = 1


class ExportRunning(TidingsError):
    """Export in progress."""

    code, status = "export_running", 409


class UserChanged(TidingsError):
    """Signed in as another user."""

    code, status = "user_changed", 409


class TooLarge(TidingsError):
    """Content too large."""

    code, status = "too_large", 413


class UriTooLong(TidingsError):
    """URI too long."""

    code, status = "uri_too_long", 414


class UnsupportedMediaType(TidingsError):
    """Unsupported media type."""

    code, status = "unsupported_media_type", 415


class UnsupportedEncoding(TidingsError):
    """Unsupported content encoding."""

    code, status = "unsupported_encoding", 415

    @property
    def headers(self) -> dict[str, str]:
        return {"accept-encoding": "identity"}  # RFC 9110, section 15.5.16


class Misdirected(TidingsError):
    """Misdirected request."""

    code, status = "misdirected", 421


class KeyReused(TidingsError):
    """Idempotency key used for another request."""

    code, status = "idempotency_key_reused", 422


class UpgradeRequired(TidingsError):
    """Upgrade required."""

    code, status = "upgrade_required", 426

    @property
    def headers(self) -> dict[str, str]:
        return {"upgrade": "websocket", "connection": "upgrade", "sec-websocket-version": "13"}


class TooManyExports(TidingsError):
    """Too many exports."""

    code, status = "too_many_exports", 429


class HeadersTooLarge(TidingsError):
    """Request header fields too large."""

    code, status = "headers_too_large", 431


class MethodUnknown(TidingsError):
    """Method not implemented."""

    code, status = "method_not_implemented", 501


class ExtraMissing(TidingsError):
    """Optional package not installed."""

    code, status = "extra_missing", 501


class UpgradeUnavailable(TidingsError):
    """WebSocket not available."""

    code, status = "upgrade_unavailable", 501


class RateLimited(TidingsError):
    """Rate limit exceeded."""

    code, status = "rate_limited", 429
    retry_after = 1


class TooManyStreams(TidingsError):
    """Too many streams of one user."""

    code, status = "too_many_streams", 429
    retry_after = 10


class Overloaded(TidingsError):
    """Too many requests in progress."""

    code, status = "overloaded", 503
    retry_after = 1


class TooManyConnections(TidingsError):
    """Too many connections."""

    code, status = "too_many_connections", 503
    retry_after = 1


class KeysUnavailable(TidingsError):
    """Verification keys unavailable."""

    code, status = "keys_unavailable", 503
    retry_after = 5


class SessionUnavailable(TidingsError):
    """Session service unavailable."""

    code, status = "session_unavailable", 503
    retry_after = 5


class ShuttingDown(TidingsError):
    """Server shutting down."""

    code, status = "shutting_down", 503
    retry_after = 1


class NotOpen(TidingsError):
    """Not open yet."""

    code, status = "not_open", 503
    retry_after = 1


class Failed(TidingsError):
    """Failed, and not restarted yet."""

    code, status = "failed", 503
    retry_after = 30


class StoreUnavailable(TidingsError):
    """Database unavailable."""

    code, status = "store_unavailable", 503
    retry_after = 1


class LeaseLost(StoreUnavailable):
    """Another process holds the lease."""

    code = "lease_lost"


class CommitUnknown(StoreUnavailable):
    """Outcome unknown."""

    code = "commit_unknown"


class StoreTooNew(TidingsError):
    """Database written by a newer version."""

    code, status = "store_too_new", 500


class InvalidSettings(TidingsError):
    """Invalid setting."""

    code, status = "invalid_settings", 500


class LogBroken(TidingsError):
    """Committed events missing from the log."""

    code, status = "log_broken", 500
