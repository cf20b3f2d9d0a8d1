"""The exceptions that a client raises. Catch `ClientError` for all of them."""

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """An error between this client and the server."""


class Unreachable(ClientError):
    """The server did not answer, or its answer broke off."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"cannot reach {url}: {reason}")
        self.url, self.reason = url, reason


class NotTidings(ClientError):
    """The answer does not come from a Tidings server: a wrong url, or a proxy's own page."""


class TidingsProblem(ClientError):
    """The server refused, and said why (RFC 9457).

    `code` is stable and made for programs, `detail` is made for people; `problem` is the
    whole document.
    """

    def __init__(self, *, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = dict(problem)
        self.code = str(problem.get("code") or "unknown")
        self.title = str(problem.get("title") or "")
        self.detail = str(problem.get("detail") or self.title or "no reason given")
        super().__init__(f"{status} {self.code}: {self.detail}")
