"""The drain of a server that stops: every stream is told to come back, all at once or evenly over a time."""

from collections.abc import Callable

import msgspec

from tidings.hub.hub import Hub
from tidings.hub.readers import EndReason, Reader, ReaderState

_encode = msgspec.json.Encoder().encode


class Drain:
    """Ends the streams that are open when it begins. Each comes back at a time of its own."""

    def __init__(self, hub: Hub, *, retry: int, randint: Callable[[int, int], int]) -> None:
        """`retry`: milliseconds that a client waits, about; `randint` gives a number between two."""
        self._hub = hub
        self._retry = retry
        self._randint = randint
        self._open: list[Reader] | None = None  # when it began
        self._ended = 0  # of them

    def end(self, share: float = 1.0) -> None:
        """End streams until this share of those that were open at the first call are ended."""
        if self._open is None:
            self._open = self._hub.readers()
        until = round(len(self._open) * share)
        for reader in self._open[self._ended : until]:
            self._end(reader)
        self._ended = max(self._ended, until)

    def end_all(self) -> None:
        """End every stream that is open now."""
        self.end()
        for reader in self._hub.readers():
            self._end(reader)

    def _end(self, reader: Reader) -> None:
        if reader.state is ReaderState.CLOSED:
            return
        if not reader.writable:
            reader.abort(EndReason.SHUTDOWN)
            return
        retry = self._randint(max(self._retry // 2, 1000), max(self._retry, 1000) * 2)
        data = _encode({"reason": "shutdown", "retry": retry})
        reader.sink.write(reader.encoding.control("goaway", data, retry=retry))
        reader.close(EndReason.SHUTDOWN)
