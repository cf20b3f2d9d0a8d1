"""The plain ASGI ways: they end when they are cancelled, and join before they await anything."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.transports.fake_transport import EPOCH, TransportHarness
from tidings.domain.cursor import Cursor
from tidings.domain.topics import User
from tidings.transports import sse
from tidings.transports.asgi_fallback import AsgiWsSink
from tidings.transports.poll import LongPoll, PollContext
from tidings.transports.poll_frames import PollEncoding
from tidings.transports.stream import EventStream, Opening, StreamContext
from tidings.transports.ws_frames import WsLines
from tidings.transports.ws_socket import WsContext

pytestmark = pytest.mark.anyio

SCOPE = {"type": "http", "http_version": "1.1", "method": "GET", "extensions": {}}
Serve = Callable[["Server"], Any]


class Server:
    """An ASGI server: what was sent is kept, the client never leaves, and `send` can be held up."""

    def __init__(self) -> None:
        self.harness = TransportHarness()
        self.sent: list[Any] = []
        self.may_send = asyncio.Event()
        self.may_send.set()

    async def receive(self) -> Any:
        await asyncio.Event().wait()

    async def send(self, message: Any) -> None:
        await self.may_send.wait()
        self.sent.append(message)

    def stream(self, encoding: Any) -> EventStream:
        harness = self.harness
        opening = Opening(
            feed=harness.feed(), extra=(), encoding=encoding, position=harness.hub.head, preface=b"event: hello\n\n"
        )
        return EventStream(StreamContext(hub=harness.hub, timer=harness.timer), opening, headers=sse.SSE_HEADERS)


async def serve_sse(server: Server) -> None:
    await server.stream(sse.SseEncoding(partial(Cursor, EPOCH)))(SCOPE, server.receive, server.send)


async def serve_ws(server: Server) -> None:
    def handle(user: User, text: str) -> bytes:
        return b""

    context = WsContext(hub=server.harness.hub, timer=server.harness.timer, handle=handle)
    await AsgiWsSink(context).run(server.stream(WsLines(partial(Cursor, EPOCH))), server.receive, server.send)


async def serve_poll(server: Server) -> None:
    harness = server.harness
    context = PollContext(hub=harness.hub, timer=harness.timer, encoding=PollEncoding(partial(Cursor, EPOCH)))
    poll = LongPoll(
        context, membership=harness.hub.memberships.cache(harness.feed()), extra=(), position=harness.hub.head,
        head=harness.hub.head, wait=30, limit=100, expires=0,
    )  # fmt: skip
    await poll(SCOPE, server.receive, server.send)


@pytest.fixture(params=[serve_sse, serve_ws, serve_poll], ids=["sse", "ws", "poll"])
def serve(request: pytest.FixtureRequest) -> Serve:
    found: Serve = request.param
    return found


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_timeout_around_a_response_is_raised_and_its_end_is_orderly(serve: Serve) -> None:
    """A host that bounds its endpoints (`async with asyncio.timeout(...)`) must hear of it."""
    server = Server()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await serve(server)
    assert server.sent[-1]["type"] in {"http.response.body", "websocket.close"}
    assert not server.sent[-1].get("more_body", False)
    assert server.harness.hub.readers() == []


async def test_cancelled_response_ends_as_cancelled_even_before_its_start_was_sent(serve: Serve) -> None:
    server = Server()
    server.may_send.clear()
    task = asyncio.create_task(serve(server))
    await settle()
    task.cancel()
    await settle()
    server.may_send.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert server.harness.hub.readers() == []


@pytest.mark.parametrize("serve", [serve_sse, serve_ws], ids=["sse", "ws"])
async def test_stream_joins_before_its_start_is_sent_however_long_that_takes(serve: Serve) -> None:
    """Else the log outgrows the hub's memory meanwhile, and there is nothing left to join from."""
    server = Server()
    server.may_send.clear()
    task = asyncio.create_task(serve(server))
    await settle()
    for _ in range(10):  # more than the hub's 64 slots
        server.harness.tell(*[b"{}"] * 10)
    server.may_send.set()
    await settle()
    written = b"".join(
        message.get("body", b"") + (message.get("text") or "").encode() + b"\n" for message in server.sent
    )
    assert written.count(b"note") == 100
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
