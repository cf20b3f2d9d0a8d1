"""The bus over NOTIFY and LISTEN of the PostgreSQL that has the log.

NOTIFY takes a lock of the whole server at its commit, and carries 8 kB at most. So only positions are sent, the newest
of what is waiting, 200 times a second at most, on a connection of its own, after the commit that they are about.
"""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import asyncpg

from tidings.bus.reconnecting import ReconnectingBus

PACE = 0.005  # seconds between two notifications
CONNECT_TIMEOUT = 5.0  # seconds
NOTIFY_TIMEOUT = 1.5  # seconds


class PostgresNotifyBus(ReconnectingBus):
    """See `domain.ports.Bus`."""

    max_bytes = 0
    lost = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)

    def __init__(self, dsn: str, *, channel: str, clock: Callable[[], float]) -> None:
        """`dsn` leads to the server itself: LISTEN does not work through a pooler."""
        super().__init__(clock=clock)
        self._dsn = dsn
        self._channel = channel
        self._newest: bytes | None = None  # to be sent; an older position says nothing that it does not
        self._wake = asyncio.Event()

    def send(self, frame: bytes) -> None:
        """Send a frame, unless another one comes before its turn."""
        self._newest = frame
        self._wake.set()

    async def session(self) -> None:
        """Connect, listen and notify, until the connection is lost."""
        connection = await asyncpg.connect(self._dsn, timeout=CONNECT_TIMEOUT, command_timeout=NOTIFY_TIMEOUT)
        try:
            await connection.execute("SET synchronous_commit = off")  # what is lost in a crash was a hint
            await connection.add_listener(self._channel, self._received)
            connection.add_termination_listener(lambda _: self._wake.set())
            while True:
                await self._wake.wait()
                self._wake.clear()
                frame, self._newest = self._newest, None
                if frame is not None or connection.is_closed():
                    text = b64encode(frame or b"").decode()
                    await connection.fetchval("SELECT pg_notify($1, $2)", self._channel, text)
                    await asyncio.sleep(PACE)
        finally:
            connection.terminate()

    def _received(self, connection: Any, pid: int, channel: str, payload: str) -> None:
        try:
            frame = b64decode(payload, validate=True)
        except ValueError:
            frame = b""  # which is no frame, and is counted as such
        self.heard(frame)
