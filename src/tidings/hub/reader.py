"""A reader: one listening cursor. A membership: what one user follows and mutes, shared by their readers."""

from enum import Enum

from tidings.domain.model import NO_TAGS, Event
from tidings.domain.ports import Encoding, Sink
from tidings.domain.topics import Topic, User


class State(Enum):
    """Where a reader stands."""

    CATCHING_UP = "catching up"  # `position` is its own; it is served from the ring or the store
    LIVE = "live"  # its position is the hub's head; it is written to as the log grows
    CLOSED = "closed"  # it is in no index any more


_NEXT = {
    State.CATCHING_UP: {State.LIVE, State.CLOSED},
    State.LIVE: {State.CATCHING_UP, State.CLOSED},
    State.CLOSED: set[State](),
}


class Membership:
    """What one user follows and mutes now, as of the hub's head.

    What they followed at the position of a reader that is behind, the log says (`domain.spans`).
    """

    __slots__ = ("follows", "mutes", "readers", "user")

    def __init__(self, user: User) -> None:
        self.user = user
        self.follows: tuple[Topic, ...] = ()
        self.mutes = NO_TAGS
        self.readers: tuple[Reader, ...] = ()

    def wants(self, event: Event) -> bool:
        """Is this not muted?"""
        return not event.muted(self.mutes)


class Reader:
    """One listening cursor. Small: ten thousand of these are the idle cost of a server (law 8)."""

    __slots__ = (
        "encoding",
        "expires",
        "extra",
        "membership",
        "position",
        "queued",
        "sink",
        "slot",
        "state",
        "still",
        "taken",
        "warned",
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
        self.state = State.CATCHING_UP
        self.writable = True
        self.queued = False  # waiting for a catch-up worker
        self.slot = 0  # its place in the heartbeat wheel
        self.expires = 0  # seconds since 1970: when its token ends; 0 if that is never, or is seen to
        self.warned = False  # that its token ends soon
        self.taken: int | None = None  # of what its sink had, when the wheel last looked; None: it had nothing
        self.still = 0  # how often in a row that was the same

    def become(self, state: State) -> None:
        """Raises `RuntimeError` on a move that the table does not know."""
        if state not in _NEXT[self.state]:
            raise RuntimeError(f"a reader that is {self.state.value} cannot become {state.value}")
        self.state = state

    def ready_for_catch_up(self) -> bool:
        """It is behind, and its sink takes bytes."""
        return self.state is State.CATCHING_UP and self.writable

    def wants(self, event: Event) -> bool:
        """Is this for its user, as they wish it?"""
        return self.membership.wants(event)
