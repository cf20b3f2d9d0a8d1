"""Liveness: heartbeats to idle readers, checks for slow or dead ones, and the ends of tokens, slot by slot."""

import msgspec

from tidings.domain.notification import rfc3339
from tidings.hub.readers import EndReason, Reader, ReaderState

HEARTBEAT_SLOTS = 32  # a heartbeat goes to 1/32 of the readers at a time, so it delays no other work
CHECKS_PER_HEARTBEAT = 8  # of each reader that has unacknowledged bytes
EXPIRY_WARNING = 60  # seconds before the end of its token that a stream is told to fetch another

_encode = msgspec.json.Encoder().encode

# At once, but not with the same token: so nothing is said of `retry` on the wire, where it would last.
_TOKEN_EXPIRED = _encode({"reason": "token_expired", "retry": 0, "action": "new_token"})


class Liveness:
    """Every reader, in one of `HEARTBEAT_SLOTS` slots that a scheduler visits in turns."""

    def __init__(self) -> None:
        self._slots: list[set[Reader]] = [set() for _ in range(HEARTBEAT_SLOTS)]
        self._frequent: dict[Reader, int] = {}  # that asked for more heartbeats: one every so many slots
        self._next_slot = 0

    def add(self, reader: Reader) -> None:
        """Give a reader the next slot."""
        reader.slot = self._next_slot = (self._next_slot + 1) % HEARTBEAT_SLOTS
        self._slots[reader.slot].add(reader)

    def discard(self, reader: Reader) -> None:
        """Forget a reader."""
        self._slots[reader.slot].discard(reader)
        self._frequent.pop(reader, None)

    def heartbeat_every(self, reader: Reader, slots: int) -> None:
        """Give a reader a heartbeat every so many slots, counted from its own."""
        self._frequent[reader] = slots

    def readers(self) -> list[Reader]:
        """Every reader, in no order."""
        return [reader for slot in self._slots for reader in slot]

    def readers_of_slot(self, slot: int) -> list[Reader]:
        """The readers of one slot, in no order."""
        return list(self._slots[slot])

    def heartbeat(self, slot: int) -> None:
        """Write a heartbeat to every reader of a slot whose sink takes bytes: one that waits for the store, too."""
        due = list(self._slots[slot])
        for reader, every in self._frequent.items():
            slots_after_its_own = (slot - reader.slot) % HEARTBEAT_SLOTS
            if slots_after_its_own and slots_after_its_own % every == 0:
                due.append(reader)
        for reader in due:
            if reader.writable and reader.encoding.heartbeat:
                reader.sink.write(reader.encoding.heartbeat)

    def check(self, slot: int, *, everyone: bool, patience: float) -> None:
        """Check the progress of a slot's readers: of those that had unacknowledged bytes, or of `everyone`.

        Aborts readers that acknowledged no bytes for one heartbeat (law 4), or whose peer sent no ACK for `patience`
        seconds.
        """
        for reader in list(self._slots[slot]):
            if reader.writable and reader.acked_bytes is None and not everyone:
                continue
            unacked = reader.sink.unacked()
            if unacked is None:
                reader.acked_bytes = None
            elif unacked.silent_seconds > patience:
                reader.abort(EndReason.PEER_GONE)
            elif reader.acked_bytes != unacked.acked_bytes:
                reader.acked_bytes = unacked.acked_bytes
                reader.stalled_checks = 0
            else:
                reader.stalled_checks += 1
                if reader.stalled_checks == CHECKS_PER_HEARTBEAT - 1:
                    reader.abort(EndReason.SLOW_CONSUMER)

    def expire(self, slot: int, *, now: float, next: float) -> None:
        """End the streams of a slot whose token ends before the `next` visit; warn those whose token ends soon.

        Times in seconds since 1970. A stream never outlives its token.
        """
        for reader in list(self._slots[slot]):
            if not reader.expires:
                continue
            if reader.expires <= next:
                self.end_expired(reader)
            elif reader.expires <= max(now + EXPIRY_WARNING, next + (next - now)):
                self.announce_expiry(reader)

    def announce_expiry(self, reader: Reader) -> None:
        """Tell a stream, once, that its token ends soon."""
        if reader.writable and (frame := _expiring(reader)):
            reader.sink.write(frame)

    def end_expired(self, reader: Reader) -> None:
        """End a stream whose token ends, with the reason unless its sink takes no bytes."""
        if reader.state is ReaderState.CLOSED:
            return
        if not reader.writable:
            reader.abort(EndReason.TOKEN_EXPIRED)
            return
        goaway = reader.encoding.control("goaway", _TOKEN_EXPIRED)
        reader.sink.write(_expiring(reader) + goaway)
        reader.close(EndReason.TOKEN_EXPIRED)


def heartbeat_slots(wanted: float, *, heartbeat: float) -> int:
    """Slots between two heartbeats that are `wanted` seconds apart, at most; `HEARTBEAT_SLOTS` for the usual ones."""
    return max(1, min(HEARTBEAT_SLOTS, int(wanted / heartbeat * HEARTBEAT_SLOTS)))


def _expiring(reader: Reader) -> bytes:
    """The `expiring` frame; b"" if the reader had it, or has no time to end at."""
    if reader.expiry_announced or not reader.expires:
        return b""
    reader.expiry_announced = True
    return reader.encoding.control("expiring", _encode({"expire_time": rfc3339(reader.expires * 1000)}))
