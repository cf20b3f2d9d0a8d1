"""A stream that opens at once gets the bytes of the ordinary way, and a request that cannot leaves no trace."""

import asyncio
import itertools
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import uvicorn

from tests.transports.fake_transport import FakeTransport
from tidings.app import Tidings, create_app
from tidings.auth.tokens import issue
from tidings.domain.topics import Topic, User
from tidings.server.accept_queue import AcceptQueue
from tidings.server.http_protocol import HttpProtocol
from tidings.server.immediate_stream import OpenStream, no_stream
from tidings.server.plain_request import LONGEST, MOST_FIELDS, plain_request
from tidings.server.state import ServerState
from tidings.services.streams import StreamService
from tidings.settings import Settings

pytestmark = pytest.mark.anyio

SECRET = "a secret that only this test knows"
HEADS = 5000  # of each mode
HOST = b"Host: localhost\r\n"
WS = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
OF_THE_MOMENT = re.compile(rb'date: [^\r]*|"connection":"[^"]*"|"time":"[^"]*"')


class SignallingWire(FakeTransport):
    """A wire on which the first bytes can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.written = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        super().write(data)
        self.written.set()


class TwoWays:
    """One application behind two servers: one opens streams at once, the other never does."""

    def __init__(self, app: Tidings) -> None:
        self.app = app
        self.state = ServerState()
        self._config = uvicorn.Config(app, http=HttpProtocol, ws="none", lifespan="off", log_config=None)
        self._config.load()
        self.streams._connections = itertools.count(10**6)  # names of one length: it is in that of the frame

    @property
    def streams(self) -> StreamService:
        assert self.app._immediate is not None
        return self.app._immediate._api.services.streams

    @property
    def readers(self) -> int:
        assert self.app._gateway is not None
        return self.app._gateway.hub.open.total()

    def send(self, head: bytes, *, open_stream: OpenStream) -> SignallingWire:
        transport = SignallingWire()
        transport.protocol = AcceptQueue(open_stream)(self._config, self.state, {})
        transport.protocol.connection_made(transport)
        transport.protocol.data_received(head)
        return transport

    async def ordinary(self, head: bytes) -> bytes:
        """The answer of the ordinary way, when it is there."""
        transport = self.send(head, open_stream=no_stream)
        await asyncio.wait_for(transport.written.wait(), 10)
        return self.hang_up(transport)

    def at_once(self, head: bytes) -> bytes | None:
        """The answer that is there at once, if the head can be answered so."""
        readers = self.readers
        transport = self.send(head, open_stream=self.app.open_stream)
        opened = not isinstance(transport.protocol, HttpProtocol)
        assert self.readers == readers + opened
        answer = self.hang_up(transport)
        return answer if opened else None

    def hang_up(self, transport: FakeTransport) -> bytes:
        transport.closed = "closed"
        transport.protocol.connection_lost(None)
        return transport.sent


@asynccontextmanager
async def two_ways(tmp_path: Path, **settings: Any) -> AsyncIterator[TwoWays]:
    app = create_app(Settings(db=tmp_path / "tidings.db", **settings))
    async with app.opened():
        yield TwoWays(app)


@pytest.fixture
async def dev(tmp_path: Path) -> AsyncIterator[TwoWays]:
    async with two_ways(tmp_path, mode="dev") as both:
        yield both


def token(user: str, *, secret: str = SECRET, lifetime: int = 3600) -> bytes:
    made = issue(secret, user=User(user), publish=False, topics=[Topic("a/b")], now=int(time.time()), lifetime=lifetime)
    return made.encode()


class Heads:
    """Heads as clients send them, and as nobody should."""

    def __init__(self, seed: int, *, epoch: str, credentials: list[bytes]) -> None:
        self._random = Random(seed)
        self._credentials = credentials
        cursors = [b"start", b"%b-0" % epoch.encode(), b"%b-99" % epoch.encode(), b"0ther-3", b"junk!", b""]
        self._query = [
            *(name + b"=" + cursor for name in (b"cursor", b"lastEventId", b"Last-Event-ID") for cursor in cursors),
            *(b"user=u2", b"user=u%31", b"user=no%20one", b"user=", b"topic=a/b", b"topic=user/u2", b"topic=a%2Fb"),
            *(b"heartbeat=5", b"heartbeat=0", b"heartbeat=x", b"since=3", b"ticket=t", b"ticket=", b"x=1", b"=", b"&"),
        ]
        self._fields = [
            *(b"Last-Event-ID: " + cursor for cursor in cursors),
            *(b"Origin: http://localhost:3000", b"Origin: https://evil.example", b"Origin: null"),
            *(b"Sec-Fetch-Site: cross-site", b"Sec-Fetch-Site: same-origin", b"Sec-Fetch-Mode: navigate"),
            *(b"Tidings-User: u1", b"Tidings-User: u%31", b"Tidings-User: u2", b"Accept: text/event-stream"),
            *(b"Connection: keep-alive", b"Connection: close", b"Connection: Keep-Alive, Upgrade", b"Upgrade: h2c"),
            *(b"Upgrade: websocket", b"Upgrade: WebSocket", b"Sec-WebSocket-Version: 8", b"Sec-WebSocket-Key: short"),
            *(b"Content-Length: 0", b"Transfer-Encoding: chunked", b"Expect: 100-continue", b"TE: trailers"),
            *(b"Host: localhost:8000", b"Host: evil.example", b"Host: a b", b"X-Odd:  two", b"X-Odd:none", b"X-Odd:"),
            *(b"X-Odd: tab\there", b"X-Odd: \xe9", b"X Odd: y", b" folded", b"X-Odd: end ", b"Accept-Language: de, en"),
        ]  # fmt: skip

    def next(self) -> bytes:
        some = self._random
        parts = [b"user=u1"] if some.random() < 0.9 else []
        parts += some.sample(self._query, some.choice((0, 0, 1, 1, 2)))
        some.shuffle(parts)
        path, fields = b"/v1/stream", []
        if some.random() < 0.3:
            path, fields = b"/v1/ws", WS.splitlines()
        if some.random() < 0.05:
            path = some.choice((b"/v1/stream/", b"//v1/stream", b"/v1/%73tream", b"/v1/inbox", b"/", b"/v1/STREAM"))
        fields += [HOST.strip()] if some.random() < 0.95 else []
        fields += some.sample(self._credentials, some.choices((0, 1, 2), (10, 80, 10))[0]) if self._credentials else []
        fields += some.sample(self._fields, some.choice((0, 0, 1, 1, 2, 3)))
        some.shuffle(fields)
        method = b"GET" if some.random() < 0.95 else some.choice((b"HEAD", b"POST", b"get", b"OPTIONS"))
        version = b"1.1" if some.random() < 0.95 else some.choice((b"1.0", b"1.2", b"2.0"))
        target = path + b"?" * bool(parts) + b"&".join(parts)
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (method, target, version, b"".join(field + b"\r\n" for field in fields))
        if some.random() < 0.1:
            place = some.randrange(len(head) - 4)
            head = head[:place] + bytes([some.randrange(256)]) + head[place + 1 :]
        return head


@pytest.mark.parametrize("mode", ["dev", "serve"])
async def test_generated_heads_get_the_same_bytes_both_ways(tmp_path: Path, mode: str) -> None:
    # A request of the ordinary way may find a moment late that its client is gone: until then it counts as a stream.
    settings: dict[str, Any] = {"mode": mode, "max_user_streams": 2 * HEADS}
    if mode == "serve":
        settings["secret"] = SECRET
    async with two_ways(tmp_path, **settings) as both:
        bearer = [b"Authorization: Bearer " + token("u1"), b"authorization: bearer " + token("u2")]
        credentials = [] if mode == "dev" else [
            *(bearer * 4),
            *(b"Cookie: tidings_token=" + token("u1"), b"Authorization: Basic dTE6", b"Authorization: Bearer"),
            b"Authorization: Bearer " + token("u1", secret="t" * 32),
        ]  # fmt: skip
        for user, field in zip((b"u1", b"u2"), bearer, strict=True):  # they are known from now on
            assert b" 200 " in await both.ordinary(
                b"GET /v1/stream?user=%b HTTP/1.1\r\n%b%b\r\n\r\n" % (user, HOST, field)
            )
        assert both.app._gateway is not None
        heads = Heads(17, epoch=both.app._gateway.store.epoch, credentials=credentials)
        opened = 0
        for _ in range(HEADS):
            head = heads.next()
            answer = both.at_once(head)
            await asyncio.sleep(0)  # what went the ordinary way begins, and finds its client gone
            if answer is not None:
                opened += 1
                expected = await both.ordinary(head)
                assert OF_THE_MOMENT.sub(b"", answer) == OF_THE_MOMENT.sub(b"", expected), head
        assert HEADS / 10 < opened < HEADS * 9 / 10  # neither way was left out


async def test_a_stranger_goes_the_ordinary_way_and_is_known_after_it(dev: TwoWays) -> None:
    head = b"GET /v1/stream?user=new HTTP/1.1\r\n" + HOST + b"\r\n"
    assert dev.at_once(head) is None
    await dev.ordinary(head)
    assert dev.at_once(head)


async def test_a_refused_stream_is_counted_once(tmp_path: Path) -> None:
    async with two_ways(tmp_path, mode="dev", max_user_streams=1) as both:
        head = b"GET /v1/stream?user=u1 HTTP/1.1\r\n" + HOST + b"\r\n"
        await both.ordinary(head)
        first = both.send(head, open_stream=both.app.open_stream)
        second = both.send(head, open_stream=both.app.open_stream)
        await asyncio.wait_for(second.written.wait(), 10)
        assert second.sent.startswith(b"HTTP/1.1 429 ")
        assert both.streams.refused == 1
        both.hang_up(first)


async def test_a_server_that_drains_opens_no_stream_at_once(dev: TwoWays) -> None:
    head = b"GET /v1/stream?user=u1 HTTP/1.1\r\n" + HOST + b"\r\n"
    await dev.ordinary(head)
    dev.app.drain()
    assert dev.at_once(head) is None


def test_plain_request_is_the_scope_that_the_parser_would_make() -> None:
    scope = plain_request(b"GET /v1/stream?user=a&topic=b/c HTTP/1.1\r\nHost: x:1\r\nACCEPT: a, b\r\n\r\n")
    assert scope is not None
    assert (scope["path"], scope["query_string"]) == ("/v1/stream", b"user=a&topic=b/c")
    assert scope["headers"] == [(b"host", b"x:1"), (b"accept", b"a, b")]


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET /%61 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /?a#b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA:b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: \xe9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * MOST_FIELDS + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * LONGEST + b"\r\n\r\n",
    ],
)
def test_plain_request_is_none_for_what_the_http_parser_has_to_read(head: bytes) -> None:
    assert plain_request(head) is None
