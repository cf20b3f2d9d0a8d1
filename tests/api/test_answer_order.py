"""Law 9: a publisher never waits for a reader. The order of writes is observed, no time is measured."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.background.fake_clock import settle
from tests.hub.fake_sink import FakeSink, LineEncoding, WhenFull
from tests.transports.fake_transport import Connection, FakeTransport
from tidings.app import create_app
from tidings.domain.topics import User
from tidings.hub.hub import Hub
from tidings.settings import Settings

READERS = 5000


class CountingWire(FakeTransport):
    """A publisher's transport."""

    answers = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        CountingWire.answers += 1
        super().write(data)


class SuspiciousSink(FakeSink):
    """A reader's sink that notes how many publishers had been answered before each event."""

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub, high=1 << 20, when_full=WhenFull.STALL)
        self.answered_before: list[int] = []

    def write(self, data: bytes) -> None:
        self.answered_before += [CountingWire.answers] * data.count(b"+")
        super().write(data)


def post(content: object) -> bytes:
    body = json.dumps(content).encode()
    head = f"POST /v1/notifications HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize("publishers", [1, 7])
async def test_publishers_are_answered_before_the_first_of_five_thousand_readers_is_written_to(
    tmp_path: Path, publishers: int
) -> None:
    CountingWire.answers = 0
    app = create_app(Settings(mode="dev", db=tmp_path / "tidings.db"), on_fatal=lambda: None)
    async with app.opened():
        gateway = app._gateway
        assert gateway is not None
        hub = gateway.hub
        feed = await gateway.feed(User("alice"))
        sinks = [SuspiciousSink(hub) for _ in range(READERS)]
        for sink in sinks:
            sink.reader = hub.join(feed, sink=sink, encoding=LineEncoding("lines"), position=feed.head)
        connections = [Connection(app, transport=CountingWire()) for _ in range(publishers)]
        for connection in connections:
            connection.transport.protocol.data_received(post({"to": {"all": True}, "body": "to everyone"}))
        async with asyncio.timeout(20):
            while CountingWire.answers < publishers:
                await settle()
            await gateway.settled()
        assert all(b" 201 " in connection.transport.sent for connection in connections)
    for sink in sinks:
        assert len(sink.answered_before) == publishers
        for number, answered in enumerate(sink.answered_before, start=1):
            assert answered >= number, "an event was delivered before its publisher was answered"
