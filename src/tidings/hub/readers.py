"""A reader: one listening cursor. A membership: what one user follows and mutes, shared by that user's readers."""

from enum import Enum

from tidings.domain.model import NO_TAGS, Counters, Event
from tidings.domain.ports import Encoding, Sink
from tidings.domain.topics import ALL, Topic, User, own_topic


class ReaderState(Enum):
    """The states of a reader."""

    CATCHING_UP = "catching up"  # `position` is its own; it is served from the ring or the store
    LIVE = "live"  # its position is the hub's head; it is written to as the log grows
    CLOSED = "closed"  # it is in no index any more


_NEXT = {
    ReaderState.CATCHING_UP: {ReaderState.LIVE, ReaderState.CLOSED},
    ReaderState.LIVE: {ReaderState.CATCHING_UP, ReaderState.CLOSED},
    ReaderState.CLOSED: set[ReaderState](),
}


class EndReason(Enum):
    """Why a reader ended."""

    CLIENT_LEFT = "client_left"  # it closed the connection, or the connection broke
    PEER_GONE = "peer_gone"  # its machine acknowledges nothing
    SLOW_CONSUMER = "slow_consumer"  # it took no bytes for a heartbeat (law 4)
    TOKEN_EXPIRED = "token_expired"
    SHUTDOWN = "shutdown"
    POLL_ANSWERED = "poll_answered"
    PROTOCOL_VIOLATION = "protocol_violation"  # it sent what this transport does not take


class Membership:
    """The follows and mutes of one user, as of the hub's head.

    The follows at the position of a reader that is behind are derived from the log (`domain.follow_intervals`).
    """

    __slots__ = ("counted_at", "counters", "follows", "mutes", "readers", "user")

    def __init__(self, user: User) -> None:
        self.user = user
        self.follows: tuple[Topic, ...] = ()
        self.mutes = NO_TAGS
        self.counters: Counters | None = None  # true at `counted_at`; None: not known
        self.counted_at = 0
        self.readers: tuple[Reader, ...] = ()

    def topics(self, *extra: Topic) -> tuple[Topic, ...]:
        """Every topic of the user's feed, and the topics that a request names beside it."""
        return (own_topic(self.user), ALL, *self.follows, *extra)

    def wants(self, event: Event) -> bool:
        """Return True unless the user mutes this event."""
        return not event.muted(self.mutes)


class Reader:
    """One listening cursor. Small: ten thousand of these are the idle cost of a server (law 8)."""

    __slots__ = (
        "acked_bytes",
        "credential",
        "encoding",
        "end_reason",
        "expires",
        "expiry_announced",
        "extra",
        "in_queue",
        "membership",
        "position",
        "sink",
        "slot",
        "stalled_checks",
        "state",
        "writable",
    )

    def __init__(
        self, *, sink: Sink, encoding: Encoding, membership: Membership, extra: tuple[Topic, ...], position: int
    ) -> None:
        self.sink = sink
        self.encoding = encoding
        self.membership = membership
        self.extra = extra  # topics that this stream asked for, beside the feed
        self.position = position  # while CATCHING_UP: everything up to here was written
        self.state = ReaderState.CATCHING_UP
        self.end_reason = EndReason.CLIENT_LEFT  # unless it is ended from here
        self.writable = True  # False from `Hub.stalled` to `Hub.drained`
        self.in_queue = False  # of readers that wait for a catch-up worker
        self.slot = 0  # of the heartbeat sweep
        self.expires = 0  # seconds since 1970: when its token ends; 0 if never, or if a timer ends the stream
        self.expiry_announced = False
        self.credential: object = None  # that it was opened with; nothing to the hub
        self.acked_bytes: int | None = None  # at the last check; None: nothing was pending
        self.stalled_checks = 0  # checks in a row that found `acked_bytes` unchanged

    def become(self, state: ReaderState) -> None:
        """Change state. Raises `RuntimeError` on a transition that the table does not allow."""
        if state not in _NEXT[self.state]:
            raise RuntimeError(f"a reader that is {self.state.value} cannot become {state.value}")
        self.state = state

    def close(self, reason: EndReason) -> None:
        """End the stream when what was written is out."""
        self.end_reason = reason
        self.sink.close(expired=reason is EndReason.TOKEN_EXPIRED)

    def abort(self, reason: EndReason) -> None:
        """End the stream now; what was not sent is dropped (the log still has it)."""
        self.end_reason = reason
        self.sink.abort()

    def topics(self) -> tuple[Topic, ...]:
        """Every topic that this reader listens to."""
        return self.membership.topics(*self.extra)

    def ready_for_catch_up(self) -> bool:
        """Return True if the reader is behind and its sink takes bytes."""
        return self.state is ReaderState.CATCHING_UP and self.writable

    def wants(self, event: Event) -> bool:
        """Return True unless the reader's user mutes this event."""
        return self.membership.wants(event)
