"""Datagrams between the processes of one machine: each has a Unix socket in a folder that they share.

Nothing is connected, so nothing has to be connected again: a process that is gone, or does not read, is passed over.
"""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

MOST = 256 * 1024  # bytes of a datagram; Linux lets a plain user send a little less
SEND_BUFFER = 1024 * 1024  # bytes that the others have not read; the kernel may allow less
AT_ONCE = 64  # datagrams that are read before yielding to the event loop
LISTED_FOR = 0.25  # seconds that the list of sockets is good for: how late a new process may be found


class Datagrams:
    """The socket of one process, and the others of its kind."""

    def __init__(self, folder: Path, *, name: str, kind: str) -> None:
        """`kind` is the sockets' suffix: only those of one kind hear each other."""
        self.name = name
        self._folder = folder
        self._suffix = f".{kind}"
        self._own = folder / f"{name}{self._suffix}"
        self._socket: socket.socket | None = None
        self._listed: list[str] = []
        self._listed_at = 0.0
        self._buffer = bytearray(MOST)

    @asynccontextmanager
    async def opened(self, receive: Callable[[bytes], None]) -> AsyncIterator[None]:
        """Call `receive` with every datagram that arrives meanwhile."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
            opened.setblocking(False)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            opened.bind(str(self._own))
            self._socket = opened
            loop.add_reader(opened, self._readable, opened, receive)
            try:
                yield
            finally:
                loop.remove_reader(opened)
                self._socket = None
                self._own.unlink(missing_ok=True)

    def names(self) -> list[str]:
        """The names of all processes that have a socket now, this one included."""
        with suppress(OSError):
            self._listed = [path.removesuffix(self._suffix) for path in os.listdir(self._folder) if self._is_one(path)]
        self._listed_at = time.monotonic()
        return self._listed

    def send(self, data: bytes, to: str) -> bool:
        """Send to one process, unless it is gone or does not read. Never blocks."""
        if self._socket is None:
            return False
        try:
            self._socket.sendto(data, str(self._folder / f"{to}{self._suffix}"))
        except OSError:
            return False
        return True

    def send_to_all(self, data: bytes) -> None:
        """Send to every process, this one included."""
        recent = time.monotonic() - self._listed_at < LISTED_FOR
        for name in self._listed if recent else self.names():
            self.send(data, name)

    def _is_one(self, path: str) -> bool:
        return path.endswith(self._suffix)

    def _readable(self, opened: socket.socket, receive: Callable[[bytes], None]) -> None:
        for _ in range(AT_ONCE):
            try:
                size = opened.recv_into(self._buffer)
            except OSError:
                return
            receive(bytes(memoryview(self._buffer)[:size]))
