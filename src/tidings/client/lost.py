"""How a connection ends. None of these leaves the package: a stream goes on after it or raises a
ClientError instead, a single request becomes Unreachable."""

from tidings.client.errors import NotTidings, TidingsProblem


class Lost(Exception):
    """It ended, or never came to be.

    `told` is how long the server asked to be left alone, in seconds; `code` is the WebSocket's.
    """

    def __init__(self, reason: str, *, told: float | None = None, code: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.told, self.code = reason, told, code


class Silence(Lost):
    """It is there, but nothing came out of it in time."""


class Foreign(Lost):
    """This way of receiving does not lead to the server: a proxy's own page, an endpoint that is not there."""

    def __init__(self, error: TidingsProblem | NotTidings) -> None:
        super().__init__(str(error))
        self.error = error


class Refused(Lost):
    """The token is not good, or not good enough."""

    def __init__(self, error: TidingsProblem | NotTidings) -> None:
        super().__init__("the token was refused")
        self.error = error


class NoToken(Lost):
    """The function that gives tokens failed. Nothing was sent."""


class Expiring(Lost):
    """The token is about to end, or did."""


class GoAway(Lost):
    """The server is about to end, and said so."""
