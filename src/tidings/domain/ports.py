"""The ports: what a package needs of another, each owned by its caller."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from tidings.domain.cursor import Cursor
from tidings.domain.lineage import Lineage
from tidings.domain.model import Event, EventPage, Feed, Span
from tidings.domain.topics import Topic, User

CursorOf = Callable[[int], Cursor]  # the cursor after an event: `Lineage.cursor` of a log


class Encoding(Protocol):
    """The encoding of events for one transport. Two readers with the same object share the same bytes (law 6)."""

    transport: str  # for counting: "sse", "ws", "poll" ...
    heartbeat: bytes  # b"" if this transport needs none
    shared: bool  # many readers have this object, so its frames are kept for the next; else it is one reader's

    def event(self, event: Event) -> bytes:
        """The frame of a log entry; b"" if this format leaves it out."""

    def control(self, type: str, data: bytes, *, id: str | None = None, retry: int | None = None) -> bytes:
        """The frame of something that is not in the log: hello, reset, goaway ..."""


class Unacked(NamedTuple):
    """The progress of a sink that has unacknowledged bytes."""

    acked_bytes: int  # acknowledged by the peer so far; counted from anywhere
    silent_seconds: float = 0.0  # since the peer's last ACK, while one is due


class Sink(Protocol):
    """The destination of a reader's bytes. Never blocks, never raises."""

    def write(self, data: bytes) -> None:
        """Queue bytes. When that fills it, the sink calls `Hub.stalled`, at once or later."""

    def unacked(self) -> Unacked | None:
        """The progress of what was written and not acknowledged yet; None if everything is, as far as is known here."""

    def close(self, *, expired: bool = False) -> None:
        """End the stream when what was written is out: the server stops, or the token has `expired`."""

    def abort(self) -> None:
        """End the stream now; what was not sent is dropped (the log still has it)."""


class Outcome(Protocol):
    """The outcome of a transaction."""

    @property
    def results(self) -> Sequence[Any]:
        """For each job what it returned, or the exception it raised."""

    @property
    def events(self) -> Sequence[Event]:
        """The appended events, in order."""

    @property
    def seconds(self) -> float:
        """The time for which the writer was held."""

    @property
    def sizes(self) -> Mapping[int, int]:
        """Bytes of the events that a job appended, by its index; of one that appended none it may be absent."""


class Store(Protocol):
    """Remembers everything. The only truth."""

    @property
    def lineage(self) -> Lineage:
        """The log's identity: its epochs, as they were in the newest transaction. It may change at any time."""

    @property
    def epoch(self) -> str:
        """The epoch that is written to."""

    async def transact(self, jobs: Sequence[Any]) -> Outcome:
        """Run jobs in one durable transaction, at the database's time.

        A job that raises a `TidingsError` changes nothing; others go on. Where it is not known whether the database
        has done it, every job's result is a `CommitUnknown`, and nothing is tried again.
        """

    @property
    def wal_bytes(self) -> int:
        """Bytes of the write-ahead log that are not yet in the main file; 0 for a database without one."""

    async def rest(self) -> None:
        """Do what is better done while nothing is written, if nothing is."""

    async def query(self, script: Callable[[Any], Any]) -> Any:
        """Run a script that only reads, in one snapshot, of which it is told the facts."""

    async def feeds(self, users: Sequence[User]) -> Sequence[Feed | None]:
        """Each user's feed, all of one moment; None for an unknown user."""

    async def read(
        self, user: User, *, follows: Iterable[Topic], extra: Iterable[Topic], after: int, through: int, limit: int
    ) -> EventPage | None:
        """Events of a user's feed and of the `extra` topics in (after, through], in order.

        `follows` is what they follow at `through`; what they followed and left after `after` is found in the log.
        A page may end before both `limit` and `through`, but never at `after`. None: retention took some.
        """

    async def tail(self, *, after: int, limit: int) -> EventPage:
        """Events of every topic after a position, in order."""

    async def span(self) -> Span:
        """The positions between which the log has events."""


class Workers(Protocol):
    """The other processes that serve on this machine."""

    on: dict[str, Callable[[str], bytes]]  # by question: from its argument to this process's answer

    async def ask(self, name: str, argument: str = "", *, within: float) -> Mapping[str, bytes | None]:
        """The answers of all others, by name; None of one that did not answer `within` these seconds."""


class Bus(Protocol):
    """Tells the other nodes that the log has grown. A hint: it may lose, repeat and reorder frames (law 7)."""

    @property
    def alone(self) -> bool:
        """True while no other node can hear: then nothing needs to be sent with a commit."""

    @property
    def max_bytes(self) -> int:
        """How many bytes of events a frame may carry; of more, the others are told the position only."""

    async def run(self) -> None:
        """Keep the connection, for ever. Frames come and go while this runs."""

    def subscribe(self, receive: Callable[[bytes], None]) -> None:
        """Call `receive` with every frame that arrives from now on, this node's own included."""

    def send(self, frame: bytes) -> None:
        """Send a frame to every node, this one included, if that can be done. Never blocks, never raises."""
