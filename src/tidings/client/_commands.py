"""The commands that a program may yield, and the run of a program.

Programs are generators that yield a command and are sent its result. They never touch a socket, a clock or a thread,
so the blocking client, the asynchronous one and the tests run the very same program. A failed connection is a result
too (`ConnectionLost`), raised inside the program by `execute`.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from tidings.client._exceptions import ConnectionLost
from tidings.client.types import Status

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request, or the handshake of a WebSocket."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """The head of a response, and its body unless that is an open stream."""

    status: int
    headers: Mapping[str, str]  # lower-case names
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Send:
    """Make one request and read the whole response."""

    request: Request
    within: float  # seconds without a byte


@dataclass(frozen=True, slots=True)
class Open:
    """Start a stream; only a refusal's body is read. The result is a Response."""

    request: Request
    how: Literal["sse", "ws"]
    within: float  # seconds until the head is there


@dataclass(frozen=True, slots=True)
class Read:
    """Read the next bytes of the open stream, or the next message; empty at its end."""

    within: float


@dataclass(frozen=True, slots=True)
class Probe:
    """Ping the other end of the WebSocket. The result is a bool."""

    within: float


@dataclass(frozen=True, slots=True)
class Close:
    """Close the open stream, if there is one."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """Pause."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GetToken:
    """Get the token to send, or None; another one instead of one that was refused."""

    instead_of: str | None = None


@dataclass(frozen=True, slots=True)
class ReportStatus:
    """Report a stream's status to the caller."""

    status: Status


@dataclass(frozen=True, slots=True)
class Emit:
    """Hand one item to the caller."""

    item: Any


Command = Send | Open | Read | Probe | Close | Sleep | GetToken | ReportStatus | Emit
Program = Generator[Command, Any, T]


def execute(command: Command) -> Program[Any]:
    """Yield a command and return its result. Raises ConnectionLost."""
    result = yield command
    if isinstance(result, ConnectionLost):
        raise result
    return result


class ProgramRun(Generic[T]):
    """A running program and the command it waits for.

    The command stays until it is resumed with a result, so that an interrupted executor (a cancelled task, Ctrl-C)
    can execute it again.
    """

    def __init__(self, program: Program[T]) -> None:
        self._program = program
        self.command: Command | None = None  # None: the program has ended
        self.value: T
        self.resume(None)

    def resume(self, result: object) -> None:
        """Send the result of the command. Raises what the program raises."""
        self.command = None
        try:
            self.command = self._program.send(result)
        except StopIteration as end:
            self.value = end.value

    def abandon(self) -> None:
        """End the program at its command."""
        self.command = None
        self._program.close()
