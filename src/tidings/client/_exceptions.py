"""The ends of a connection. None of these leaves the package: a stream reconnects after one or raises a ClientError
instead, a single request becomes Unreachable."""

from tidings.client.errors import NotTidings, TidingsProblem


class ConnectionLost(Exception):
    """The connection ended, or could not be made.

    `retry_after` is the pause that the server asked for, in seconds; `code` is the WebSocket's close code.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None, code: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.retry_after, self.code = reason, retry_after, code


class ReadTimedOut(ConnectionLost):
    """The connection is open, and nothing came in time."""


class TransportUnavailable(ConnectionLost):
    """The transport does not lead to the server: a proxy's own page, an endpoint that is not there."""

    def __init__(self, error: TidingsProblem | NotTidings) -> None:
        super().__init__(str(error))
        self.error = error


class TokenRefused(ConnectionLost):
    """The token is invalid, or does not grant this."""

    def __init__(self, error: TidingsProblem | NotTidings) -> None:
        super().__init__("the token was refused")
        self.error = error


class TokenUnavailable(ConnectionLost):
    """The caller's token function failed. Nothing was sent."""


class TokenExpiring(ConnectionLost):
    """The token is about to expire, or did."""


class GoAway(ConnectionLost):
    """The server announced its end."""
