"""What can go wrong, and the answer each error gets (RFC 9457 `code` and `status`)."""


class TidingsError(Exception):
    """The request cannot be done as asked."""

    code, status = "error", 500


class InvalidRequest(TidingsError):
    """The request is not what this endpoint takes."""

    code, status = "invalid_request", 400


class InvalidJson(InvalidRequest):
    """The body is not JSON."""

    code = "invalid_json"


class InvalidTopic(InvalidRequest):
    """That is not a topic."""

    code = "invalid_topic"


class InvalidUser(InvalidRequest):
    """That is not a user id."""

    code = "invalid_user"


class InvalidTarget(InvalidRequest):
    """`to` does not say whom the notification is for."""

    code = "invalid_to"


class InvalidCursor(InvalidRequest):
    """That is not a cursor."""

    code = "invalid_cursor"


class AlreadyExpired(InvalidRequest):
    """The notification's time is over already."""

    code = "already_expired"


class NotIdentified(TidingsError):
    """Nobody said who this is."""

    code, status = "not_identified", 401


class InvalidToken(TidingsError):
    """The token is not one of ours, or its time is over."""

    code, status = "invalid_token", 401


class TopicForbidden(TidingsError):
    """This token may not read that topic."""

    code, status = "topic_forbidden", 403


class PublishForbidden(TidingsError):
    """This token may not publish there."""

    code, status = "publish_forbidden", 403


class OriginForbidden(TidingsError):
    """Pages of that origin may not connect here."""

    code, status = "origin_forbidden", 403


class Misdirected(TidingsError):
    """This server does not answer to that host."""

    code, status = "misdirected", 421


class UriTooLong(TidingsError):
    """The request line is over the limit."""

    code, status = "uri_too_long", 414


class HeadersTooLarge(TidingsError):
    """The header fields are over the limit."""

    code, status = "headers_too_large", 431


class InvalidHttp(TidingsError):
    """This is not HTTP."""

    code, status = "invalid_http", 400


class UnsupportedMediaType(TidingsError):
    """The body is not of a type that is taken here."""

    code, status = "unsupported_media_type", 415


class NotFound(TidingsError):
    """There is no such thing."""

    code, status = "not_found", 404


class MethodNotAllowed(TidingsError):
    """This is not done with that method."""

    code, status = "method_not_allowed", 405


class KeyInFlight(TidingsError):
    """A request with this Idempotency-Key is being worked on."""

    code, status = "idempotency_key_in_flight", 409


class TooLarge(TidingsError):
    """The body, or one notification in it, is over the limit."""

    code, status = "too_large", 413


class KeyReused(TidingsError):
    """This Idempotency-Key was used with another body."""

    code, status = "idempotency_key_reused", 422


class ExtraMissing(TidingsError):
    """A part of Tidings that this needs is not installed on the server."""

    code, status = "extra_missing", 501


class TooManyConnections(TidingsError):
    """This server holds as many streams as it may."""

    code, status = "too_many_connections", 503


class ShuttingDown(TidingsError):
    """The server is about to stop."""

    code, status = "shutting_down", 503


class StoreUnavailable(TidingsError):
    """The database cannot take this now."""

    code, status = "store_unavailable", 503


class StoreTooNew(TidingsError):
    """The database was written by a newer version of Tidings."""

    code, status = "store_too_new", 500


class InvalidSettings(TidingsError):
    """A setting is not what it should be."""

    code, status = "invalid_settings", 500


class LogBroken(TidingsError):
    """The log is not what it was: events that were committed are not in it."""

    code, status = "log_broken", 500
