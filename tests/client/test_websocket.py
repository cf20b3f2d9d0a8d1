"""The same stream over a WebSocket: asked to be alive when it is silent, closed with a reason."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest
from websockets.frames import Close, Opcode

from tests.client.client_adapters import ADAPTERS, MakeAdapter, adapters
from tests.client.fake_server import Exchange, FakeServer, Handler
from tidings.client import Client, Status, TidingsProblem, Unreachable


@pytest.fixture(params=ADAPTERS, ids=lambda connect: str(connect.name))
def connect(request: pytest.FixtureRequest) -> Iterator[MakeAdapter]:
    yield from adapters(request.param)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)


def closing(server: FakeServer, code: int, *, hello: bool = True) -> Handler:
    """A WebSocket that is closed with a code."""

    async def close(exchange: Exchange) -> None:
        at = server.start(exchange)
        await exchange.upgrade()
        if hello:
            await server.ws_hello(exchange, at)
        await exchange.frame(Opcode.CLOSE, Close(code, "because").serialize())
        exchange.writer.close()

    return close


def test_websocket_replays_goes_live_and_survives_cuts(connect: MakeAdapter, server: FakeServer) -> None:
    server.log += [("e", "ü\u2028" * 100_000), ("e", 2)]
    events = connect(server.url, user="alice", token="t").stream(cursor="start", transports="ws", topics=["x/1"])
    assert [event.data for event in events.take(2)] == ["ü\u2028" * 100_000, 2]
    for n in range(3, 6):
        server.publish(("e", n))
        assert [(event.id, event.data) for event in events.take(1)] == [(f"e1-{n}", n)]
        server.cut()
    [first, *_] = server.at("/v1/ws")
    assert (first.one("user"), first.one("topic")) == ("alice", "x/1")
    assert first.headers["authorization"] == "Bearer t"
    assert "sec-websocket-extensions" not in first.headers


def test_quiet_websocket_is_probed_and_kept(connect: MakeAdapter, server: FakeServer) -> None:
    server.heartbeat = 0.1
    events = connect(server.url).stream(transports="ws")
    threading.Timer(0.8, server.publish, [("e", 1)]).start()
    assert [event.data for event in events.take(1)] == [1]
    assert len(server.at("/v1/ws")) == 1
    assert server.pings >= 3


def test_dead_websocket_is_left_after_two_and_a_half_heartbeats(connect: MakeAdapter, server: FakeServer) -> None:
    server.heartbeat = 0.1
    server.log += [("e", 1)]

    async def dead(exchange: Exchange) -> None:
        await exchange.upgrade()
        await server.ws_hello(exchange, 0)
        await asyncio.sleep(60)

    server.instead("/v1/ws", dead)
    told: list[Status] = []
    started = time.monotonic()
    events = connect(server.url).stream(cursor="start", transports="ws", on_status=told.append)
    assert [event.data for event in events.take(1)] == [1]
    assert 0.25 <= time.monotonic() - started < 20
    assert "nothing came in time" in [status.reason for status in told]


def test_closing_one_that_is_being_asked_does_not_wait_for_its_answer(server: FakeServer) -> None:
    server.heartbeat = 4.0
    asked = threading.Event()

    async def mute(exchange: Exchange) -> None:
        await exchange.upgrade()
        await server.ws_hello(exchange, 0)
        await exchange.received()  # the ping
        asked.set()
        await exchange.reader.read()

    server.instead("/v1/ws", mute)
    with Client(server.url) as client:
        stream = client.stream(transports="ws")
        reader = threading.Thread(target=list, args=(stream,))
        reader.start()
        assert asked.wait(20)
        started = time.monotonic()
        stream.close()
        reader.join(20)
        assert time.monotonic() - started < 5
        assert not reader.is_alive()


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 1013])
def test_close_code_of_most_kinds_is_followed_by_a_reconnect(
    connect: MakeAdapter, server: FakeServer, code: int
) -> None:
    server.log += [("e", 1)]
    server.instead("/v1/ws", closing(server, code))
    events = connect(server.url).stream(cursor="start", transports="ws")
    assert [event.data for event in events.take(1)] == [1]


@pytest.mark.parametrize("code", [1002, 1003, 1007, 1009, 4400, 4403])
def test_close_code_that_forbids_it_ends_the_stream(connect: MakeAdapter, server: FakeServer, code: int) -> None:
    server.always["/v1/ws"] = closing(server, code)
    with pytest.raises(TidingsProblem, match=f"websocket_{code}: .*because"):
        connect(server.url).stream(transports="ws").take(1)


@pytest.mark.parametrize("hello", [False, True])
def test_token_that_is_refused_by_a_code_is_replaced(connect: MakeAdapter, server: FakeServer, hello: bool) -> None:
    server.log += [("e", 1)]
    server.instead("/v1/ws", closing(server, 4401, hello=hello))
    tokens = iter(["old", "new"])
    events = connect(server.url, token=lambda: next(tokens)).stream(cursor="start", transports="ws")
    assert [event.data for event in events.take(1)] == [1]
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer old", "Bearer new"]


def test_refused_handshake_says_why(connect: MakeAdapter, server: FakeServer) -> None:
    server.token = "good"
    with pytest.raises(TidingsProblem, match="401 invalid_token: because of invalid_token"):
        connect(server.url, token="bad").stream(transports="ws").take(1)
    server.log += [("e", 1)]
    tokens = iter(["bad", "good"])
    events = connect(server.url, token=lambda: next(tokens)).stream(cursor="start", transports="ws")
    assert [event.data for event in events.take(1)] == [1]


def test_unreachable_server_is_one_clear_error(connect: MakeAdapter) -> None:
    with pytest.raises(Unreachable, match="refused"):
        connect("http://127.0.0.1:9").stream(transports="ws", insist=False).take(1)


def test_where_websockets_do_not_pass_it_streams(connect: MakeAdapter, server: FakeServer) -> None:
    async def proxy(exchange: Exchange) -> None:
        await exchange.answer(400, b"<html>", content_type="text/html")

    server.always["/v1/ws"] = proxy
    server.log += [("e", 1)]
    events = connect(server.url).stream(cursor="start", transports=["ws", "sse"])
    assert [event.data for event in events.take(1)] == [1]


def test_server_without_websockets_is_streamed_from(connect: MakeAdapter, server: FakeServer) -> None:
    async def not_here(exchange: Exchange) -> None:
        await exchange.problem(501, "upgrade_unavailable")

    server.always["/v1/ws"] = not_here
    server.log += [("e", 1)]
    client = connect(server.url)
    assert [event.data for event in client.stream(cursor="start", transports=["ws", "sse"]).take(1)] == [1]
    with pytest.raises(TidingsProblem, match="501 upgrade_unavailable"):
        client.stream(transports="ws").take(1)


def test_closing_it_ends_the_loop_over_it(connect: MakeAdapter, server: FakeServer) -> None:
    opened = threading.Event()

    def told(status: Status) -> None:
        if status.state == "open":
            opened.set()

    events = connect(server.url).stream(transports="ws", on_status=told)

    def close_when_open() -> None:
        assert opened.wait(20)
        events.close()

    closer = threading.Thread(target=close_when_open)
    closer.start()
    assert events.rest() == []
    closer.join()
