"""An encoding that can be parsed back, and a sink that fills, drains and aborts as a test says."""

from collections import Counter
from enum import Enum

from tidings.domain.model import Event
from tidings.domain.ports import Unacked
from tidings.hub.hub import Hub
from tidings.hub.liveness import CHECKS_PER_HEARTBEAT
from tidings.hub.readers import Reader


class LineEncoding:
    """One line an event. Counts the encodings of each."""

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


class WhenFull(Enum):
    """The behaviour of a full sink."""

    STALL = "calls stalled in the write"
    STALL_LATER = "calls stalled some time after the write"
    STALL_AND_DRAIN = "stalls and drains in the write"
    ABORT = "leaves in the write"


class FakeSink:
    """A sink. It must not be written to while the hub has been told that it is full."""

    def __init__(self, hub: Hub, *, high: int, when_full: WhenFull) -> None:
        self.hub = hub
        self.high = high
        self.when_full = when_full
        self.queued = 0  # bytes
        self.received: list[tuple[str, int]] = []  # ("event", seq) or ("reset", floor)
        self.controls: list[str] = []  # types of control events
        self.stalls = 0
        self.stalled = False  # from `stall` to `drain`, whatever the hub makes of it
        self.full = False  # STALL_LATER: the hub does not know yet
        self.acked = 0  # bytes, and how many of them the last check saw
        self.seen: int | None = None
        self.unchanged_checks = 0
        self.silent_seconds = 0.0  # seconds
        self.acks_at_once = False
        self.checked_now = False
        self.aborted = False
        self.writes: list[bytes] = []
        self.reader: Reader

    def write(self, data: bytes) -> None:
        assert not self.stalled, "written to while stalled"
        assert not self.aborted, "written to after the end"
        self.writes.append(data)
        self.queued += len(data)
        if self.acks_at_once:
            self.ack(len(data))
        for line in data.splitlines():
            what, _, rest = line.partition(b" ")
            if what.startswith(b"+"):
                self.received.append(("event", int(what[1:])))
            elif what == b"reset":
                self.received.append(("reset", int(rest)))
            elif what != b":":
                self.controls.append(what[1:].decode())
        if self.queued > self.high:
            self._fill()

    def _fill(self) -> None:
        match self.when_full:
            case WhenFull.STALL:
                self.stall()
            case WhenFull.STALL_LATER:
                self.full = True
            case WhenFull.STALL_AND_DRAIN:
                self.stall()
                self.drain()
            case WhenFull.ABORT:
                self.abort()

    @property
    def largest(self) -> int:
        """Bytes of one write."""
        return max(map(len, self.writes), default=0)

    def stall(self) -> None:
        self.full = False
        self.stalled = True
        self.stalls += 1
        self.seen, self.unchanged_checks = None, 0
        self.hub.stalled(self.reader)

    def ack(self, size: int) -> None:
        self.queued -= size
        self.acked += size

    def drain(self) -> None:
        self.ack(self.queued)
        self.full = self.stalled = False
        if not self.reader.writable:
            self.hub.drained(self.reader)

    def unacked(self) -> Unacked | None:
        """Called by the hub to see whether bytes were acknowledged since its last check."""
        self.checked_now = True
        if not self.queued:
            self.seen = None
            return None
        if self.seen == self.acked:
            self.unchanged_checks += 1
        else:
            self.seen, self.unchanged_checks = self.acked, 0
        return Unacked(acked_bytes=self.acked, silent_seconds=self.silent_seconds)

    @property
    def stalled_too_long(self) -> bool:
        """True if no byte was acknowledged for a heartbeat."""
        return self.seen is not None and self.unchanged_checks >= CHECKS_PER_HEARTBEAT - 1

    def close(self, *, expired: bool = False) -> None:
        self.abort()

    def abort(self) -> None:
        self.aborted = True
        self.hub.leave(self.reader)
