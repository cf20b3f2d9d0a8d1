"""Why a connection ends, and what its client does then: one table for every transport.

A WebSocket says it with a close code (RFC 6455, section 7.4). Server-sent events and polls have no such word:
there a refusal is an HTTP status, and an end is followed by what `again` says. docs/close-codes.md shows the table.
"""

from dataclasses import dataclass
from enum import Enum


class ClientAction(Enum):
    """The client's next step after the end of a connection."""

    STOP = "stop"  # trying again would end the same way
    AGAIN = "reconnect"  # later, with its cursor
    TOKEN = "reconnect with another token"
    ANOTHER = "another transport"  # or stop, where none is left


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseReason:
    """One reason to end."""

    code: int  # of the close frame
    reason: str  # in the close frame; up to 123 bytes
    then: ClientAction


class ProtocolViolation(Exception):
    """The client has sent bytes after which the connection cannot continue."""

    def __init__(self, close_reason: CloseReason) -> None:
        super().__init__(close_reason.reason)
        self.close_reason = close_reason


GOING_AWAY = CloseReason(code=1001, reason="the server is stopping", then=ClientAction.AGAIN)
PROTOCOL = CloseReason(code=1002, reason="not the WebSocket protocol", then=ClientAction.ANOTHER)
BINARY = CloseReason(code=1003, reason="text frames only", then=ClientAction.ANOTHER)
NOT_TEXT = CloseReason(code=1007, reason="not UTF-8", then=ClientAction.ANOTHER)
TOO_BIG = CloseReason(code=1009, reason="more than 16 KB in one message", then=ClientAction.ANOTHER)
FAILED = CloseReason(code=1011, reason="something went wrong here", then=ClientAction.AGAIN)
LATER = CloseReason(code=1013, reason="no room now", then=ClientAction.AGAIN)
NOT_OURS = CloseReason(code=4400, reason="not what this endpoint takes", then=ClientAction.STOP)
NOT_JSON = CloseReason(code=4400, reason="not a JSON object", then=ClientAction.STOP)
TOKEN = CloseReason(code=4401, reason="no valid token", then=ClientAction.TOKEN)
FORBIDDEN = CloseReason(code=4403, reason="not allowed", then=ClientAction.STOP)

CLOSE_CODES = (
    GOING_AWAY, PROTOCOL, BINARY, NOT_TEXT, TOO_BIG, FAILED, LATER, NOT_JSON, NOT_OURS, TOKEN, FORBIDDEN,
)  # fmt: skip

_OF_STATUS = {400: NOT_OURS, 401: TOKEN, 403: FORBIDDEN, 503: LATER}


def of_status(status: int) -> CloseReason:
    """The close reason that stands for an HTTP status, once the response has begun."""
    return _OF_STATUS.get(status, FAILED if status >= 500 else NOT_OURS)
