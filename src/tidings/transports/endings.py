"""Why a connection ends, and what its client does then: one table for every transport.

A WebSocket says it with a close code (RFC 6455, section 7.4). Server-sent events and polls have no such word:
there a refusal is an HTTP status, and an end is followed by what `again` says. docs/close-codes.md shows the table.
"""

from dataclasses import dataclass
from enum import Enum


class Then(Enum):
    """What a client does after the end."""

    STOP = "stop"  # trying again would end the same way
    AGAIN = "reconnect"  # later, with its cursor
    TOKEN = "reconnect with another token"
    ANOTHER = "another transport"  # or stop, where none is left


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """One reason to end."""

    code: int  # of the close frame
    reason: str  # in the close frame; up to 123 bytes
    then: Then


class Broken(Exception):
    """What the client sent cannot be gone on from."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.reason)
        self.ending = ending


GOING_AWAY = Ending(code=1001, reason="the server is stopping", then=Then.AGAIN)
PROTOCOL = Ending(code=1002, reason="not the WebSocket protocol", then=Then.ANOTHER)
BINARY = Ending(code=1003, reason="text frames only", then=Then.ANOTHER)
NOT_TEXT = Ending(code=1007, reason="not UTF-8", then=Then.ANOTHER)
TOO_BIG = Ending(code=1009, reason="more than 16 KB in one message", then=Then.ANOTHER)
FAILED = Ending(code=1011, reason="something went wrong here", then=Then.AGAIN)
LATER = Ending(code=1013, reason="no room now", then=Then.AGAIN)
NOT_OURS = Ending(code=4400, reason="not what this endpoint takes", then=Then.STOP)
NOT_JSON = Ending(code=4400, reason="not a JSON object", then=Then.STOP)
TOKEN = Ending(code=4401, reason="no valid token", then=Then.TOKEN)
FORBIDDEN = Ending(code=4403, reason="not allowed", then=Then.STOP)

TABLE = (
    GOING_AWAY, PROTOCOL, BINARY, NOT_TEXT, TOO_BIG, FAILED, LATER, NOT_JSON, NOT_OURS, TOKEN, FORBIDDEN,
)  # fmt: skip

_OF_STATUS = {400: NOT_OURS, 401: TOKEN, 403: FORBIDDEN, 503: LATER}


def of_status(status: int) -> Ending:
    """How a connection ends that would have been refused with this HTTP status, if there still were a response."""
    return _OF_STATUS.get(status, FAILED if status >= 500 else NOT_OURS)
