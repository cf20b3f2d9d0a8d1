"""What the core may ask of a shell, and how it asks.

The core is made of programs: generators that yield a command and are sent its result. They
never touch a socket, a clock or a thread, so the blocking client, the asynchronous one and the
tests run the very same program. A failed connection is a result too (`Lost`), raised inside
the program by the functions below.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from tidings.client.facts import Status
from tidings.client.lost import Lost

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request, or the handshake of a WebSocket."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The head of an answer, and its body unless that is an open stream."""

    status: int
    headers: Mapping[str, str]  # lower-case names
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Send:
    """Make one request and read all of its answer."""

    request: Request
    within: float  # seconds without a byte


@dataclass(frozen=True, slots=True)
class Open:
    """Start a stream; only a refusal's body is read. The result is an Answer."""

    request: Request
    how: Literal["sse", "ws"]
    within: float  # seconds until the head is there


@dataclass(frozen=True, slots=True)
class Read:
    """The next bytes of the open stream, or the next message; empty at its end."""

    within: float


@dataclass(frozen=True, slots=True)
class Probe:
    """Is the other end of the WebSocket still there? The result is a bool."""

    within: float


@dataclass(frozen=True, slots=True)
class Close:
    """Close what is open, if anything is."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """Do nothing for a while."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Token:
    """The token to send, or None; another one instead of one that was refused."""

    instead_of: str | None = None


@dataclass(frozen=True, slots=True)
class Tell:
    """Say what the stream is doing."""

    status: Status


@dataclass(frozen=True, slots=True)
class Emit:
    """Hand one item to the caller."""

    item: Any


Command = Send | Open | Read | Probe | Close | Sleep | Token | Tell | Emit
Program = Generator[Command, Any, T]


def ask(command: Command) -> Program[Any]:
    """Have a command done. Raises Lost when the connection was."""
    result = yield command
    if isinstance(result, Lost):
        raise result
    return result


class Asking(Generic[T]):
    """A running program and the command it waits for.

    The command stays until it is answered, so an interrupted shell (a cancelled task, Ctrl-C)
    can simply do it again.
    """

    def __init__(self, program: Program[T]) -> None:
        self._program = program
        self.command: Command | None = None  # None: the program has ended
        self.value: T
        self.answer(None)

    def answer(self, result: object) -> None:
        """Give the result of the command; what the program raises comes out here."""
        self.command = None
        try:
            self.command = self._program.send(result)
        except StopIteration as end:
            self.value = end.value

    def abandon(self) -> None:
        """End the program where it stands."""
        self.command = None
        self._program.close()
