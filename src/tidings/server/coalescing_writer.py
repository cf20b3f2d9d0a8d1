"""One packet for a response's head and body: uvicorn writes each by itself, two system calls and two wake-ups."""

import asyncio
from collections.abc import Callable


class CoalescingWriter:
    """A transport for one response. Its head waits for its body until the end of this turn of the loop."""

    __slots__ = ("_close", "_head", "_loop", "_transport")

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, *, close: Callable[[], None]
    ) -> None:
        """`close` ends the connection after the response."""
        self._transport = transport
        self._loop = loop
        self._close = close
        self._head: bytes | None = b""  # None: it was sent

    def write(self, data: bytes) -> None:
        head = self._head
        if head is None:
            self._transport.write(data)
        elif head:
            self._head = None
            self._transport.write(head + data)
        else:
            self._head = data
            self._loop.call_soon(self.flush)

    def close(self) -> None:
        self.flush()
        self._close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def flush(self) -> None:
        """Send a head that no body follows."""
        head, self._head = self._head, None
        if head and not self._transport.is_closing():
            self._transport.write(head)
