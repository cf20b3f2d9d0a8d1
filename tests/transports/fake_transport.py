"""A transport without a socket, so that every byte and call can be seen; and a hub with one user to listen in it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

from tidings.domain.model import Event, Feed
from tidings.domain.topics import User, own_topic
from tidings.hub.hub import Hub
from tidings.hub.readers import Reader
from tidings.hub.ring import Ring
from tidings.server.http_protocol import HttpProtocol
from tidings.server.state import ServerState

EPOCH = "ep0ch"
ALICE = User("alice")


class FakeTransport(asyncio.Transport):
    """A transport that keeps the written bytes, and is full when it is told so."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.reading = True
        self.ended = False  # nothing more is written
        self.closed = ""  # "closed" or "aborted"
        self.protocol: Any = None
        self.capacity: int | None = None  # bytes until it is full; None: it never is

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed and not self.ended, "written after the end"
        self.sent += data
        if self.capacity is not None:
            self.capacity -= len(data)
            if self.capacity < 0:
                self.capacity = None
                self.protocol.pause_writing()

    def taken(self) -> bytes:
        """The bytes that were sent since the last call."""
        sent, self.sent = self.sent, b""
        return sent

    def drain(self) -> None:
        """There is room again."""
        self.protocol.resume_writing()

    def write_eof(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return bool(self.closed)

    def close(self) -> None:
        self.closed = self.closed or "closed"

    def abort(self) -> None:
        self.closed = "aborted"

    def pause_reading(self) -> None:
        assert self.reading, "paused twice"
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_write_buffer_size(self) -> int:
        return len(self.sent)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Full is when `capacity` says so."""


class Connection:
    """One connection to a server of one application."""

    def __init__(
        self, app: Callable[[Any, Any, Any], Awaitable[None]], *, transport: FakeTransport | None = None
    ) -> None:
        config = uvicorn.Config(
            app,
            http=HttpProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            proxy_headers=False,
            log_config=None,
        )
        self.state = ServerState()
        self.transport = transport or FakeTransport()
        self.transport.protocol = HttpProtocol(config, self.state, {})
        self.transport.protocol.connection_made(self.transport)

    async def receives(self, data: bytes) -> bytes:
        """Bytes from the client; what was written because of them."""
        if data:
            self.transport.protocol.data_received(data)
        for _ in range(5):
            await asyncio.sleep(0)
        return self.transport.taken()

    def lost(self) -> None:
        """The client is gone."""
        self.transport.closed = "closed"
        self.transport.protocol.connection_lost(None)


class Timer:
    """Time passes when it is told to."""

    def __init__(self) -> None:
        self.due: list[tuple[float, Callable[[], None]]] = []

    def at(self, seconds: float, call: Callable[[], None]) -> int:
        self.due.append((seconds, call))
        return int(seconds)

    def cancel(self, tick: int, call: Callable[[], None]) -> None:
        self.due = [one for one in self.due if one[1] != call]

    def expire_at(self, reader: Reader, expires: int) -> None:
        reader.expires = expires

    def passes(self) -> None:
        """All that is due is done."""
        due, self.due = self.due, []
        for _, call in due:
            call()


class TransportHarness:
    """A hub, and a log that grows by what is told to alice."""

    def __init__(self) -> None:
        self.hub = Hub(Ring(head=0, slots=64), on_work=lambda: None)
        self.timer = Timer()

    def feed(self) -> Feed:
        return Feed(user=ALICE, head=self.hub.head, floor=0)

    def tell(self, *datas: bytes, user: User = ALICE) -> None:
        """Publish one batch of events on a user's own topic."""
        start = self.hub.head + 1
        self.hub.publish(
            [Event(seq=start + n, topic=own_topic(user), type="note", data=data) for n, data in enumerate(datas)]
        )
