"""The hand-over's contract with uvicorn, one test per point of care: what we rely on, and when the socket is not free.

The server's real protocol class runs on a transport without a socket, so that every byte and call can be seen.
"""

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import uvicorn

from tests.transports.fake_transport import Timer
from tidings.domain.cursor import Cursor
from tidings.domain.model import Event, Feed
from tidings.domain.topics import User, own_topic
from tidings.hub.hub import Hub
from tidings.hub.ring import Ring
from tidings.server.http_protocol import HttpProtocol
from tidings.server.state import ServerState
from tidings.transports import sse
from tidings.transports.asgi_fallback import HIGH_WATER
from tidings.transports.detachable import DetachableSocket, SocketProtocol, detachable_socket
from tidings.transports.stream import EventStream, Opening, SocketSink, StreamContext

GET = b"GET /v1/stream HTTP/1.1\r\nHost: x\r\n\r\n"

App = Callable[[Any, Any, Any], Awaitable[None]]


class RecordingTransport(asyncio.Transport):
    """A transport without a socket."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.writes = 0
        self.reading = True
        self.ended = False  # nothing more is written
        self.closed = ""  # "closed" or "aborted"
        self.protocol: Any = None
        self.buffered = 0
        self.high = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed, "written after the close"
        self.sent += data
        self.writes += 1

    def is_closing(self) -> bool:
        return bool(self.closed)

    def close(self) -> None:
        self.closed = self.closed or "closed"

    def abort(self) -> None:
        self.closed = "aborted"

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def write_eof(self) -> None:
        self.ended = True

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high or 0


class Connection:
    """One connection to a server of one application."""

    def __init__(self, app: App) -> None:
        config = uvicorn.Config(app, http=HttpProtocol, ws="none", lifespan="off", log_config=None)
        self.state = ServerState()
        self.transport = RecordingTransport()
        self.http = HttpProtocol(config, self.state, {})
        self.transport.protocol = self.http
        self.http.connection_made(self.transport)

    async def receives(self, data: bytes) -> None:
        """Bytes from the client, and what the application does with them."""
        self.transport.protocol.data_received(data)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


class Taker:
    """An application that takes every socket it can, and answers in the ordinary way where it cannot."""

    def __init__(self) -> None:
        self.offers: list[DetachableSocket | None] = []
        self.sinks: list[SocketProtocol] = []
        self.sends: list[Any] = []
        self.set_routes: asyncio.Event | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.set_routes is not None:
            await self.set_routes.wait()
        socket = detachable_socket(scope) if scope["path"] == "/v1/stream" else None
        if scope["path"] == "/v1/stream":
            self.offers.append(socket)
        if socket is None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})
            return
        head = await socket.head(send, status=200, headers=sse.SSE_HEADERS)
        sink = SocketProtocol(socket.connections)
        sink.transport = socket.detach(sink)
        sink.transport.write(head)
        self.sinks.append(sink)
        self.sends.append(send)


@pytest.fixture
def app() -> Taker:
    return Taker()


@pytest.fixture
async def connection(app: Taker) -> Connection:
    return Connection(app)


pytestmark = pytest.mark.anyio


# Detaching


async def test_the_head_is_http_and_the_body_is_the_sockets_own(app: Taker, connection: Connection) -> None:
    await connection.receives(GET)
    app.sinks[0].transport.write(b"data: x\n\n")
    head, _, body = connection.transport.sent.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"connection: close" in head  # the body ends with the connection
    assert b"transfer-encoding" not in head
    assert body == b"data: x\n\n"
    assert not connection.transport.closed


async def test_the_servers_set_of_connections_holds_the_new_protocol(app: Taker, connection: Connection) -> None:
    assert connection.state.connections == {connection.http}
    await connection.receives(GET)
    left: list[Any] = list(connection.state.connections)
    assert left == app.sinks
    assert connection.transport.protocol is app.sinks[0]


async def test_the_keep_alive_timer_is_cancelled(app: Taker, connection: Connection) -> None:
    """The timer would close the socket of a stream that is silent."""
    await connection.receives(b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n")
    timer = connection.http.timeout_keep_alive_task
    assert timer is not None
    await connection.receives(GET)
    assert timer.cancelled()
    assert connection.http.timeout_keep_alive_task is None
    assert len(app.sinks) == 1


async def test_a_timer_that_was_set_meanwhile_is_cancelled_by_the_hand_over_itself(
    app: Taker, connection: Connection
) -> None:
    app.set_routes = asyncio.Event()
    await connection.receives(GET)
    timer = asyncio.get_running_loop().call_later(60, connection.http.timeout_keep_alive_handler)
    connection.http.timeout_keep_alive_task = timer
    app.set_routes.set()
    await connection.settle()
    assert timer.cancelled()


async def test_reading_is_resumed(app: Taker, connection: Connection) -> None:
    """A paused transport never sees the client leave. A body that came in one piece had paused it."""
    body = b"x" * 100_000
    connection.transport.protocol.data_received(
        b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + body
    )
    assert not connection.transport.reading
    await connection.settle()
    assert len(app.sinks) == 1
    assert connection.transport.reading


async def test_rest_of_a_response_after_the_detach_is_discarded(app: Taker, connection: Connection) -> None:
    await connection.receives(GET)
    before = connection.transport.sent
    await app.sends[0]({"type": "http.response.body", "body": b"too late", "more_body": True})
    await app.sends[0]({"type": "http.response.body"})
    assert connection.transport.sent == before
    assert not connection.transport.closed


async def test_receive_after_the_detach_returns_a_disconnect(connection: Connection) -> None:
    waiting: list[asyncio.Task[Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        waiting.append(asyncio.create_task(receive()))
        await asyncio.sleep(0)
        socket = detachable_socket(scope)
        assert socket is not None
        await socket.head(send, status=200, headers=sse.SSE_HEADERS)
        socket.detach(SocketProtocol(socket.connections))

    connection.http.app = app
    await connection.receives(GET)
    assert await waiting[0] == {"type": "http.disconnect"}


async def test_the_end_of_the_endpoint_is_not_the_end_of_the_stream(
    app: Taker, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """uvicorn closes the connection of an endpoint that returns without a complete response."""
    await connection.receives(GET)
    assert connection.state.tasks == set()
    assert not connection.transport.closed
    assert caplog.messages == []


async def test_nothing_of_http_is_left_in_memory(app: Taker, connection: Connection) -> None:
    """Parser, cycle, scope and headers are ten times what the stream itself needs."""
    gc.collect()
    gc.disable()  # they must go by themselves, not when the collector comes round
    try:
        app.set_routes = asyncio.Event()
        await connection.receives(GET)
        protocol, cycle = weakref.ref(connection.http), weakref.ref(connection.http.cycle)
        flow = weakref.ref(connection.http.flow)
        connection.http = None  # type: ignore[assignment]
        app.set_routes.set()
        await connection.settle()
        assert len(app.sinks) == 1
        app.offers.clear()
        app.sends.clear()
        assert (protocol(), cycle(), flow()) == (None, None, None)
    finally:
        gc.enable()


# When the socket is not free


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(GET[:-2] + b"Content-Length: 5\r\n\r\nab", id="the body is still coming"),
        pytest.param(b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
                     id="a body in chunks is still coming"),
        pytest.param(GET + b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n", id="a second request is here"),
        pytest.param(GET + b"GET /oth", id="the beginning of a second request is here"),
        pytest.param(GET + b"GET /other HTTP/1.1\r\nHost: x\r\n", id="half the head of a second request is here"),
        pytest.param(b"POST /v1/stream HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", id="it is not a GET"),
        pytest.param(b"HEAD /v1/stream HTTP/1.1\r\nHost: x\r\n\r\n", id="it is a HEAD"),
    ],
)  # fmt: skip
async def test_the_socket_is_not_free_while(app: Taker, connection: Connection, request_bytes: bytes) -> None:
    await connection.receives(request_bytes)
    assert app.offers[0] is None
    assert connection.transport.sent.startswith(b"HTTP/1.1 200 OK\r\n")
    assert connection.transport.protocol is connection.http
    assert connection.state.connections == {connection.http}


async def test_a_pipelined_stream_is_not_offered_either_and_both_are_answered(
    app: Taker, connection: Connection
) -> None:
    await connection.receives(
        b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n" + GET + b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    assert app.offers == [None]
    assert connection.transport.sent.count(b"HTTP/1.1 200 OK\r\n") == 3


async def test_the_last_of_pipelined_requests_may_take_the_socket(app: Taker, connection: Connection) -> None:
    await connection.receives(b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    assert len(app.sinks) == 1
    assert connection.transport.reading


async def test_a_whole_body_does_not_matter(app: Taker, connection: Connection) -> None:
    """The seed's client sends its parameters so."""
    await connection.receives(b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde")
    assert len(app.sinks) == 1


async def test_a_client_of_http_1_0_gets_no_chunks(app: Taker, connection: Connection) -> None:
    """The ordinary way would send some, and HTTP/1.0 does not know them (RFC 9112, section 6.1)."""
    await connection.receives(b"GET /v1/stream HTTP/1.0\r\nHost: x\r\n\r\n")
    assert len(app.sinks) == 1
    assert b"transfer-encoding" not in connection.transport.sent


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket", b"foo"])
async def test_an_upgrade_that_is_not_taken_is_an_ordinary_request(
    app: Taker, connection: Connection, upgrade: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """`curl --http2` asks for one."""
    await connection.receives(
        b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: "
        + upgrade
        + b"\r\n\r\n"
    )
    assert len(app.sinks) == 1
    assert caplog.messages == []


async def test_a_transport_that_is_closing_is_not_given_away(app: Taker, connection: Connection) -> None:
    app.set_routes = asyncio.Event()
    await connection.receives(GET)
    scope = connection.http.scope
    connection.transport.closed = "closed"
    assert detachable_socket(scope) is None
    connection.http.connection_lost(None)
    app.set_routes = None


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
async def test_a_client_that_left_is_not_given_a_stream(
    app: Taker, connection: Connection, error: Exception | None
) -> None:
    app.set_routes = asyncio.Event()
    await connection.receives(GET)
    connection.http.connection_lost(error)
    app.set_routes.set()
    await connection.settle()
    assert app.offers == [None]
    assert connection.state.connections == set()


async def test_a_client_that_leaves_between_the_head_and_the_hand_over_is_noticed(connection: Connection) -> None:
    found: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        socket = detachable_socket(scope)
        assert socket is not None
        await socket.head(send, status=200, headers=sse.SSE_HEADERS)
        found.append(socket.connected())
        connection.http.connection_lost(None)
        found.append(socket.connected())

    connection.http.app = app
    await connection.receives(GET)
    assert found == [True, False]


async def test_a_socket_that_is_full_is_not_given_away(app: Taker, connection: Connection) -> None:
    """The rest of an earlier answer would be counted as this stream's."""
    app.set_routes = asyncio.Event()
    await connection.receives(GET)
    connection.http.pause_writing()
    assert detachable_socket(connection.http.scope) is None
    connection.http.resume_writing()
    assert detachable_socket(connection.http.scope) is not None
    connection.http.connection_lost(None)


async def test_a_response_that_has_begun_keeps_its_socket(connection: Connection) -> None:
    offers: list[DetachableSocket | None] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        offers.append(detachable_socket(scope))
        await send({"type": "http.response.body"})

    connection.http.app = app
    await connection.receives(GET)
    assert offers == [None]


async def test_a_server_without_the_extension_offers_nothing() -> None:
    scope: dict[str, Any] = {"type": "http", "http_version": "1.1", "method": "GET"}
    assert detachable_socket(scope) is None
    assert detachable_socket({**scope, "extensions": {"http.response.pathsend": {}}}) is None


# State of the new protocol


class DetachHarness:
    """A hub, and an application that streams from it to alice."""

    def __init__(self) -> None:
        self.hub = Hub(Ring(head=0), on_work=lambda: None)
        self.encoding = sse.SseEncoding(partial(Cursor, "epoch"))
        self.user = User("alice")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        stream = EventStream(
            StreamContext(hub=self.hub, timer=Timer()),
            Opening(
                feed=Feed(user=self.user, head=0, floor=0),
                extra=(),
                encoding=self.encoding,
                position=self.hub.head,
                preface=b"event: hello\n\n",
            ),
            headers=sse.SSE_HEADERS,
        )
        await stream(scope, receive, send)

    def publish(self, data: bytes) -> None:
        self.hub.publish([Event(seq=self.hub.head + 1, topic=own_topic(self.user), type="t", data=data)])


class Streaming:
    """A connection on which a stream is open."""

    def __init__(self, harness: DetachHarness, connection: Connection) -> None:
        self.harness = harness
        self.state = connection.state
        self.transport = connection.transport
        self.sink: SocketSink = connection.transport.protocol


@pytest.fixture
async def streaming() -> Streaming:
    harness = DetachHarness()
    connection = Connection(harness)
    await connection.receives(GET)
    assert isinstance(connection.transport.protocol, SocketSink)
    return Streaming(harness, connection)


async def test_a_stream_begins_with_its_preface_and_goes_on_with_events(streaming: Streaming) -> None:
    streaming.harness.publish(b"{}")
    head, _, body = streaming.transport.sent.partition(b"\r\n\r\n")
    assert b"\r\ntransfer-encoding: chunked" in head
    assert body == b"e\r\nevent: hello\n\n\r\n" + b"1f\r\nid: epoch-1\nevent: t\ndata: {}\n\n\r\n"
    assert streaming.harness.hub.connections(streaming.harness.user) == 1


async def test_shutdown_closes_the_stream(streaming: Streaming) -> None:
    """uvicorn calls it on every connection when it stops."""
    for connection in list(streaming.state.connections):
        connection.shutdown()
    assert streaming.transport.closed == "closed"
    streaming.sink.connection_lost(None)
    assert streaming.state.connections == set()
    assert streaming.harness.hub.readers() == []


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
async def test_a_lost_connection_leaves_nothing(streaming: Streaming, error: Exception | None) -> None:
    hub = streaming.harness.hub
    streaming.sink.connection_lost(error)
    assert streaming.state.connections == set()
    assert (hub.readers(), hub.topics, hub.connections(streaming.harness.user), hub.open.total()) == ([], 0, 0, 0)
    streaming.harness.publish(b"{}")
    streaming.sink.connection_lost(error)  # twice does no harm
    streaming.sink = streaming.transport.protocol = None  # type: ignore[assignment]
    gc.collect()
    assert [thing for thing in gc.get_objects() if isinstance(thing, SocketSink) and thing.hub is hub] == []


async def test_a_full_socket_gets_nothing_more_until_it_drains(streaming: Streaming) -> None:
    assert streaming.transport.high == HIGH_WATER
    streaming.sink.pause_writing()
    before = streaming.transport.sent
    streaming.harness.publish(b"1")
    streaming.harness.publish(b"2")
    assert streaming.transport.sent == before
    streaming.sink.resume_writing()
    hub = streaming.harness.hub
    while hub.catch_up_queue:
        reader = hub.catch_up_queue.popleft()
        reader.in_queue = False
        assert hub.serve_from_ring(reader)
    assert streaming.transport.sent.removeprefix(before).count(b"data: ") == 2
    streaming.harness.publish(b"3")
    assert streaming.transport.sent.endswith(b"data: 3\n\n\r\n")


async def test_closing_says_the_last_word_first_and_leaves_the_hub_at_once(streaming: Streaming) -> None:
    streaming.sink.close()
    assert streaming.transport.sent.endswith(b"\r\n0\r\n\r\n")
    assert streaming.transport.closed == "closed"
    assert streaming.harness.hub.readers() == []
    streaming.harness.publish(b"{}")  # nothing is written to a closed socket
    streaming.sink.pause_writing()
    streaming.sink.resume_writing()


async def test_aborting_drops_what_was_not_sent(streaming: Streaming) -> None:
    streaming.sink.abort()
    assert not streaming.transport.sent.endswith(b"0\r\n\r\n")  # else the client would take it for the end
    assert streaming.transport.closed == "aborted"
    assert streaming.harness.hub.readers() == []


async def test_a_client_of_a_stream_has_nothing_to_say(streaming: Streaming) -> None:
    """A little is ignored; who sends much is not a client of ours."""
    streaming.sink.data_received(b"x" * 1000)
    assert not streaming.transport.is_closing()
    streaming.sink.data_received(b"x" * 100_000)
    assert streaming.transport.closed == "aborted"


# An ordinary response


async def test_a_response_is_one_write(connection: Connection) -> None:
    for number in (1, 2):
        await connection.receives(b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.transport.sent.count(b"\r\n\r\nok") == number
        assert connection.transport.writes == number


async def test_a_head_waits_for_its_body_one_turn_and_no_longer() -> None:
    more = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        for part in (b"ab", b"cd"):
            await more.wait()
            await send({"type": "http.response.body", "body": part, "more_body": part == b"ab"})

    connection = Connection(app)
    await connection.receives(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert connection.transport.sent.endswith(b"\r\n\r\n")
    more.set()
    await connection.settle()
    assert connection.transport.sent.endswith(b"\r\n\r\nabcd")


@pytest.mark.parametrize("close", [b"", b"Connection: close\r\n"])
async def test_a_head_without_a_body_is_sent_before_the_next_answer_or_the_close(close: bytes) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-path", scope["path"].encode())]})
        await send({"type": "http.response.body"})

    connection = Connection(app)
    await connection.receives(b"HEAD /1 HTTP/1.1\r\nHost: x\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: x\r\n" + close + b"\r\n")
    await connection.settle()
    assert [part.split(b"\r\n")[0] for part in connection.transport.sent.split(b"x-path: ")[1:]] == [b"/1", b"/2"]
    assert connection.transport.closed == ("closed" if close else "")


async def test_a_client_that_left_before_its_answer_is_not_written_to() -> None:
    opened: list[Connection] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        opened[0].transport.close()

    opened.append(Connection(app))
    await opened[0].receives(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert opened[0].transport.sent == b""


async def test_the_request_that_is_being_answered_is_told_that_its_client_left() -> None:
    """uvicorn tells the last one that it has read, which may wait behind it."""
    heard: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        heard.append((await receive())["type"])

    connection = Connection(app)
    await connection.receives(b"GET /one HTTP/1.1\r\nHost: x\r\n\r\nGET /two HTTP/1.1\r\nHost: x\r\n\r\n")
    assert heard == []
    connection.transport.abort()
    connection.http.connection_lost(ConnectionResetError())
    await connection.settle()
    assert heard == ["http.disconnect"]


# Input of a client


class Echo:
    """An application that answers with what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []
        self.set_routes: asyncio.Event | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.set_routes is not None:
            await self.set_routes.wait()
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                break
        self.asked.append((scope["path"], body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"


@pytest.mark.parametrize("cut", [0, 10, 170, 190])
@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_a_body_is_read_though_its_request_asks_for_an_upgrade(cut: int, framing: str) -> None:
    """A body that were taken for the next request would be lost, or worse: done."""
    echo = Echo()
    connection = Connection(echo)
    body = b"DELETE /all HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST /one HTTP/1.1\r\nHost: x\r\n" + UPGRADE
    if framing == "length":
        sent = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    else:
        sent = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    for part in (sent[:cut], sent[cut:] + b"GET /two HTTP/1.1\r\nHost: x\r\n\r\n"):
        if part:
            await connection.receives(part)
    await connection.settle()
    assert echo.asked == [("/one", body), ("/two", b"")]
    assert not connection.transport.closed


async def test_request_after_one_that_asked_for_an_upgrade_is_read_too() -> None:
    echo = Echo()
    connection = Connection(echo)
    await connection.receives(
        b"GET /one HTTP/1.1\r\nHost: x\r\n" + UPGRADE + b"\r\nGET /two HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    await connection.settle()
    assert echo.asked == [("/one", b""), ("/two", b"")]


async def test_a_client_that_asks_faster_than_it_is_answered_is_not_read_from() -> None:
    echo = Echo()
    echo.set_routes = asyncio.Event()
    connection = Connection(echo)
    await connection.receives(b"GET /one HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
    assert not connection.transport.reading
    echo.set_routes.set()
    for _ in range(200):
        assert not (connection.http.pipeline and connection.transport.reading)
        await asyncio.sleep(0)
    assert len(echo.asked) == 50
    assert connection.transport.reading


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"GET /one HTTP/1.1\r\nHost: x\r\n\r\n" * 200, "100 requests"),
        (b"GET /one HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 300 + b"\r\n", "200 header fields"),
        (b"GET /one HTTP/1.1\r\nx: ", "32768 bytes"),
        (b"GET /one HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n", "not a request"),
    ],
    ids=["too many at once", "too many headers", "a head without an end", "no HTTP"],
)
async def test_head_that_grows_without_end_is_refused_in_words(sent: bytes, why: str) -> None:
    connection = Connection(Echo())
    await connection.receives(sent)
    for _ in range(200):
        if not connection.transport.ended:
            await connection.receives(b"a" * 64 * 1024 if sent.endswith(b"x: ") else b"")
    answer = connection.transport.sent
    status = b"431 Request Header Fields Too Large" if "32768" in why or "fields" in why else b"400 Bad Request"
    assert b"HTTP/1.1 %b\r\n" % status in answer
    assert b"content-type: application/problem+json\r\n" in answer
    assert why.encode() in answer.rpartition(b"\r\n\r\n")[2]
    assert connection.transport.ended
    assert connection.http.eof_received() is False  # the client has read it, and the transport closes
