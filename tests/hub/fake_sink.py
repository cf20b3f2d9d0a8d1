"""An encoding that can be read back, and a sink that fills, drains and breaks as it is told."""

from collections import Counter
from enum import Enum

from tidings.domain.model import Event
from tidings.domain.ports import Backlog
from tidings.hub.hub import CHECKS, Hub
from tidings.hub.reader import Reader


class Lines:
    """One line an event. Counts how often it was asked for each."""

    heartbeat = b":\n"
    shared = True

    def __init__(self, transport: str, *, without: frozenset[str] = frozenset()) -> None:
        """`without`: event types that this format leaves out."""
        self.transport = transport
        self.without = without
        self.calls: Counter[int] = Counter()
        self.counting = True

    def event(self, event: Event) -> bytes:
        self.calls[event.seq] += self.counting
        return b"" if event.type in self.without else b"+%d %b\n" % (event.seq, event.data)

    def control(self, type: str, data: bytes, *, id: str | None = None, retry: int | None = None) -> bytes:
        return b"!%b\n" % type.encode()


class Manner(Enum):
    """What a sink does when it is full."""

    SAYS_SO = "calls stalled in the write"
    LATE = "calls stalled some time after the write"
    BLINKS = "stalls and drains in the write"
    BREAKS = "leaves in the write"


class Pipe:
    """A sink. It must not be written to while the hub has been told that it is full."""

    def __init__(self, hub: Hub, *, high: int, manner: Manner) -> None:
        self.hub = hub
        self.high = high
        self.manner = manner
        self.queued = 0  # bytes
        self.got: list[tuple[str, int]] = []  # ("event", seq) or ("reset", floor)
        self.told: list[str] = []  # controls
        self.stalls = 0
        self.full = False  # LATE: has still to say so
        self.taken = 0  # bytes that are out, and what the last check saw of them
        self.seen: int | None = None
        self.still = 0  # how many checks saw no more since
        self.unanswered = 0.0
        self.flows = False  # what is written is out at once
        self.checked_now = False
        self.aborted = False
        self.writes: list[bytes] = []
        self.reader: Reader

    def write(self, data: bytes) -> None:
        assert self.reader.writable, "written to while stalled"
        assert not self.aborted, "written to after the end"
        self.writes.append(data)
        self.queued += len(data)
        if self.flows:
            self.let_out(len(data))
        for line in data.splitlines():
            what, _, rest = line.partition(b" ")
            if what.startswith(b"+"):
                self.got.append(("event", int(what[1:])))
            elif what == b"reset":
                self.got.append(("reset", int(rest)))
            elif what != b":":
                self.told.append(what[1:].decode())
        if self.queued > self.high:
            self._fill()

    def _fill(self) -> None:
        match self.manner:
            case Manner.SAYS_SO:
                self.stall()
            case Manner.LATE:
                self.full = True
            case Manner.BLINKS:
                self.stall()
                self.drain()
            case Manner.BREAKS:
                self.abort()

    @property
    def largest(self) -> int:
        """Bytes of one write."""
        return max(map(len, self.writes), default=0)

    def stall(self) -> None:
        self.full = False
        self.stalls += 1
        self.seen, self.still = None, 0
        self.hub.stalled(self.reader)

    def let_out(self, size: int) -> None:
        self.queued -= size
        self.taken += size

    def drain(self) -> None:
        self.let_out(self.queued)
        self.full = False
        if not self.reader.writable:
            self.hub.drained(self.reader)

    def backlog(self) -> Backlog | None:
        """The hub checks that something left since it last did."""
        self.checked_now = True
        if not self.queued:
            self.seen = None
            return None
        if self.seen == self.taken:
            self.still += 1
        else:
            self.seen, self.still = self.taken, 0
        return Backlog(taken=self.taken, unanswered=self.unanswered)

    @property
    def doomed(self) -> bool:
        """It let nothing out for a heartbeat."""
        return self.seen is not None and self.still >= CHECKS - 1

    def close(self, *, expired: bool = False) -> None:
        self.abort()

    def abort(self) -> None:
        self.aborted = True
        self.hub.leave(self.reader)
