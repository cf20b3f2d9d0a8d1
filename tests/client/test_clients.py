"""Both clients over real sockets, one text for both."""

import asyncio
import contextlib
import gc
import inspect
import json
import pydoc
import socket
import subprocess
import sys
import threading
import time
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.client.client_adapters import ADAPTERS, MakeAdapter, adapters
from tests.client.fake_server import Exchange, FakeServer
from tidings.client import AsyncClient, Client, NotTidings, Published, Status, TidingsProblem, Unreachable


@pytest.fixture(params=ADAPTERS, ids=lambda connect: str(connect.name))
def connect(request: pytest.FixtureRequest) -> Iterator[MakeAdapter]:
    yield from adapters(request.param)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconnect at once: how long to wait is tested where no time passes."""
    monkeypatch.setattr("random.random", lambda: 0.0)


def test_publish_sends_the_text_and_returns_the_answer(connect: MakeAdapter, server: FakeServer) -> None:
    async def published(exchange: Exchange) -> None:
        await exchange.answer(201, {"id": "n1", "echo": json.loads(exchange.body)})

    server.always["/v1/notifications"] = published
    client = connect(server.url)
    answer = client.call("publish", to={"user": "bob"}, type="like", title="Grüße \u2028")
    assert answer["echo"] == {"to": {"user": "bob"}, "type": "like", "title": "Grüße \u2028"}


def test_path_before_the_api_is_kept(connect: MakeAdapter, server: FakeServer) -> None:
    async def counters(exchange: Exchange) -> None:
        await exchange.answer(200, {"unread": 1})

    server.always["/apps/tidings/v1/inbox/counters"] = counters
    assert connect(f"{server.url}/apps/tidings/", user="a").call("counters") == {"unread": 1}


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://h", "http://", "http://h/?x=1", ""])
def test_url_that_is_none_is_refused_at_once(connect: MakeAdapter, url: str) -> None:
    with pytest.raises(ValueError, match="not the url of a server"):
        connect(url)


def test_pages_are_fetched_as_they_are_used(connect: MakeAdapter, server: FakeServer) -> None:
    async def inbox(exchange: Exchange) -> None:
        at = int(exchange.one("after") or 0)
        page = {"data": [{"id": at}], "next": str(at + 1) if at < 2 else None, "cursor": "e1-0"}
        await exchange.answer(200, page)

    server.always["/v1/inbox"] = inbox
    client = connect(server.url, user="alice")
    assert client.items("inbox", limit=1) == [{"id": 0}, {"id": 1}, {"id": 2}]
    assert [page.next for page in client.pages("inbox", limit=1)] == ["1", "2", None]


@pytest.mark.parametrize("transport", ["sse", "poll"])
def test_stream_replays_goes_live_and_survives_cuts(connect: MakeAdapter, server: FakeServer, transport: str) -> None:
    server.log += [("e", n) for n in range(1, 4)]
    events = connect(server.url, user="alice").stream(cursor="start", transports=transport)
    assert [event.data for event in events.take(3)] == [1, 2, 3]
    for n in range(4, 8):
        server.publish(("e", n))
        assert [(event.id, event.data) for event in events.take(1)] == [(f"e1-{n}", n)]
        server.cut()
    assert {request.one("user") for request in server.requests} == {"alice"}


def test_event_larger_than_any_buffer_arrives_whole(connect: MakeAdapter, server: FakeServer) -> None:
    server.log += [("e", "ü\u2028" * 300_000), ("e", 2)]
    big, small = connect(server.url).stream(cursor="start").take(2)
    assert (big.data, small.data) == ("ü\u2028" * 300_000, 2)


def when_open(event: threading.Event) -> Callable[[Status], None]:
    def told(status: Status) -> None:
        if status.state == "open":
            event.set()

    return told


async def hold_back(exchange: Exchange) -> None:
    """A proxy that waits for the end of an answer that has none."""
    await asyncio.sleep(60)


async def head_only(exchange: Exchange) -> None:
    """A proxy that lets the head pass and keeps the body."""
    await exchange.begin_stream()
    await asyncio.sleep(60)


@pytest.mark.parametrize("proxy", [hold_back, head_only])
def test_proxy_that_buffers_leads_to_polls(
    connect: MakeAdapter, server: FakeServer, proxy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidings.client._connection.HELLO_WITHIN", 0.2)
    server.always["/v1/stream"] = proxy
    server.log += [("e", 1)]
    told: list[Status] = []
    events = connect(server.url).stream(cursor="start", on_status=told.append)
    assert [event.data for event in events.take(1)] == [1]
    server.publish(("e", 2))
    assert [event.data for event in events.take(1)] == [2]
    assert [f"{status.state} {status.transport}" for status in told] == [
        "connecting sse",
        "connecting poll",
        "open poll",
    ]


def test_stream_that_falls_silent_is_left(connect: MakeAdapter, server: FakeServer) -> None:
    server.heartbeat = 0.08

    async def dead(exchange: Exchange) -> None:
        await server.hello(exchange, 0)
        await asyncio.sleep(60)

    server.instead("/v1/stream", dead)
    server.log += [("e", 1)]
    told: list[Status] = []
    started = time.monotonic()
    events = connect(server.url).stream(cursor="start", transports="sse", on_status=told.append)
    assert [event.data for event in events.take(1)] == [1]
    assert 2.5 * 0.08 <= time.monotonic() - started < 20
    assert "nothing came in time" in [status.reason for status in told]


def test_quiet_stream_with_heartbeats_is_not_left(connect: MakeAdapter, server: FakeServer) -> None:
    server.heartbeat = 0.1
    events = connect(server.url).stream(transports="sse")
    threading.Timer(1.0, server.publish, [("e", 1)]).start()
    assert [event.data for event in events.take(1)] == [1]
    assert len(server.at("/v1/stream")) == 1


def test_stream_may_be_quiet_for_longer_than_its_head_may_take(
    connect: MakeAdapter, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timeout of the head is not the timeout of the body."""
    monkeypatch.setattr("tidings.client._connection.HELLO_WITHIN", 0.3)
    events = connect(server.url).stream(transports="sse")
    threading.Timer(0.8, server.publish, [("e", 1)]).start()
    assert [event.data for event in events.take(1)] == [1]
    assert len(server.at("/v1/stream")) == 1


def test_unreachable_server_is_one_clear_error(connect: MakeAdapter) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        client = connect(url, retries=0)
        with pytest.raises(Unreachable, match=f"cannot reach {url}: .*refused"):
            client.call("counters")
        with pytest.raises(Unreachable, match="refused"):
            client.stream(insist=False).take(1)


def test_server_that_never_answers_is_unreachable(connect: MakeAdapter, server: FakeServer) -> None:
    server.always["/v1/inbox/counters"] = hold_back
    with pytest.raises(Unreachable, match="nothing came in time"):
        connect(server.url, timeout=0.1, retries=0).call("counters")


def test_website_is_not_listened_to_for_ever(connect: MakeAdapter, server: FakeServer) -> None:
    async def website(exchange: Exchange) -> None:
        await exchange.answer(200, b"<html>", content_type="text/html")

    server.always["/v1/stream"] = server.always["/v1/poll"] = website
    with pytest.raises(NotTidings):
        connect(server.url).stream().take(1)


def test_stale_token_is_replaced_in_streams_and_requests(connect: MakeAdapter, server: FakeServer) -> None:
    server.token = "new"
    server.log += [("e", 1)]
    tokens = iter(["old", "new"])
    client = connect(server.url, token=lambda: next(tokens))
    assert [event.data for event in client.stream(cursor="start").take(1)] == [1]
    with pytest.raises(TidingsProblem, match="not_found"):
        client.call("counters")
    assert [request.headers["authorization"] for request in server.requests] == [
        "Bearer old",
        "Bearer new",
        "Bearer new",
    ]


def test_fixed_token_that_is_refused_is_an_error(connect: MakeAdapter, server: FakeServer) -> None:
    server.token = "new"
    client = connect(server.url, token="old")
    with pytest.raises(TidingsProblem, match="401 invalid_token"):
        client.stream().take(1)
    with pytest.raises(TidingsProblem, match="401 invalid_token"):
        client.call("counters")


def test_closing_a_stream_ends_the_loop_over_it(connect: MakeAdapter, server: FakeServer) -> None:
    opened = threading.Event()
    events = connect(server.url).stream(transports="sse", on_status=when_open(opened))

    def close_when_open() -> None:
        assert opened.wait(20)
        time.sleep(0.1)  # so that it is in the middle of a read, which is what this is about
        events.close()

    closer = threading.Thread(target=close_when_open)
    closer.start()
    started = time.monotonic()
    assert events.rest() == []
    assert time.monotonic() - started < 20
    closer.join()
    assert events.rest() == []


def test_hundred_streams_leave_room_for_requests(server: FakeServer) -> None:
    server.log += [("e", 1)]

    async def run() -> list[Any]:
        async with AsyncClient(server.url, user="alice", timeout=5) as client:
            streams = [client.stream(cursor="start") for _ in range(120)]
            events = await asyncio.gather(*(anext(stream) for stream in streams))
            with contextlib.suppress(TidingsProblem):
                await client.counters()
            return [event.data for event in events]

    assert asyncio.run(run()) == [1] * 120


def test_giving_up_waiting_does_not_break_the_connection(server: FakeServer) -> None:
    async def run() -> None:
        async with AsyncClient(server.url) as client, client.stream() as stream:
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(anext(stream), 0.1)
            await asyncio.to_thread(server.publish, ("e", 1))
            assert (await anext(stream)).data == 1

    asyncio.run(run())
    assert len(server.requests) == 1


@pytest.mark.parametrize("head", [True, False], ids=["heartbeat in the head", "heartbeat in the hello"])
def test_silent_stream_is_ended_by_a_read_timeout_and_needs_no_timer(server: FakeServer, head: bool) -> None:
    server.heartbeat, server.heartbeat_in_head = 0.2, head
    timers: list[int] = []
    before = sum(isinstance(thread, threading.Timer) for thread in threading.enumerate())  # pytest-timeout's

    async def dead(exchange: Exchange) -> None:
        await server.hello(exchange, 0)
        await asyncio.sleep(0.2)
        timers.append(sum(isinstance(thread, threading.Timer) for thread in threading.enumerate()) - before)
        await asyncio.sleep(60)

    server.instead("/v1/stream", dead)
    server.log += [("e", 1)]
    with Client(server.url) as client:
        assert next(client.stream(cursor="start")).data == 1
    assert len(server.at("/v1/stream")) == 2, "the silent one was left"
    assert timers == [0 if head else 1]


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_methods_have_true_signatures_and_documentation(kind: type[Any]) -> None:
    public = {name: value for name, value in vars_of(kind).items() if not name.startswith("_")}
    methods = {name: value for name, value in public.items() if not isinstance(value, property)}
    assert {"publish", "publish_batch", "update", "retract", "inbox", "mute", "mark_read", "stream"} <= methods.keys()
    for name, method in methods.items():
        assert (method.__doc__ or "").strip(), name
        if isinstance(method, property):
            continue
        assert inspect.isfunction(method), name
        assert "self" in inspect.signature(method).parameters, name
    publish = inspect.signature(kind.publish)
    assert list(publish.parameters) == ["self", "to", "idempotency_key", "content"]
    assert publish.parameters["to"].kind is inspect.Parameter.KEYWORD_ONLY
    assert typing.get_type_hints(kind.publish)["return"] is Published
    assert "`to` is" in pydoc.render_doc(kind.publish)


def vars_of(kind: type[Any]) -> dict[str, Any]:
    return {name: value for base in reversed(kind.__mro__[:-1]) for name, value in vars(base).items()}


def test_blocking_client_is_the_one_that_the_script_makes() -> None:
    script = Path(__file__).parents[2] / "scripts" / "generate_sync_client.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_both_clients_have_the_same_methods() -> None:
    names = {name.removeprefix("a") if name == "aclose" else name for name in vars_of(AsyncClient)}
    assert {name for name in names if name[0] != "_"} == {name for name in vars_of(Client) if name[0] != "_"}


def test_importing_the_client_package_imports_no_client() -> None:
    """And the blocking client neither the other one nor websockets."""
    program = """if True:
        import sys
        import tidings.client
        assert "httpx2" not in sys.modules and "asyncio" not in sys.modules
        from tidings.client import Client
        Client("http://h")
        assert not [name for name in sys.modules if name.startswith(("websockets", "tidings.client._async"))]
    """
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_stream_shows_where_it_is(server: FakeServer) -> None:
    server.log += [("e", 1), ("e", 2)]
    with Client(server.url) as client, client.stream(cursor="start") as stream:
        assert stream.cursor == "start"
        next(stream)
        assert (stream.cursor, stream.transport) == ("e1-1", "sse")
        assert stream.hello["counters"] == {"unread": 0}
        next(stream)
        assert stream.cursor == "e1-2"


def test_token_may_come_from_a_coroutine_and_is_fetched_once_for_all(server: FakeServer) -> None:
    server.token = "t2"
    server.log += [("e", 1)]
    fetched: list[str] = []

    async def token() -> str:
        await asyncio.sleep(0)
        fetched.append(f"t{len(fetched) + 1}")
        return fetched[-1]

    async def run() -> None:
        async with AsyncClient(server.url, token=token) as client:
            streams = [client.stream(cursor="start") for _ in range(10)]
            await asyncio.gather(*(anext(stream) for stream in streams))

    asyncio.run(run())
    assert fetched == ["t1", "t2"]


def test_client_of_yours_is_used_and_left_open(server: FakeServer) -> None:
    with httpx2.Client(headers={"x-mine": "yes"}) as http:
        server.log += [("e", 1)]
        with Client(server.url, http=http) as client:
            next(client.stream(cursor="start"))
        assert not http.is_closed
    assert server.requests[0].headers["x-mine"] == "yes"


def test_two_threads_may_not_share_one_stream(server: FakeServer) -> None:
    with Client(server.url) as client:
        opened = threading.Event()
        stream = client.stream(on_status=when_open(opened))
        reader = threading.Thread(target=list, args=(stream,))
        reader.start()
        assert opened.wait(20)
        with pytest.raises(RuntimeError, match="two threads"):
            next(stream)
        stream.close()
        reader.join(20)
        assert not reader.is_alive()


def test_exception_of_on_status_reaches_the_caller(connect: MakeAdapter, server: FakeServer) -> None:
    def told(status: Status) -> None:
        raise BrokenPipeError("the caller's output is gone")

    with pytest.raises(BrokenPipeError):
        connect(server.url).stream(on_status=told).take(1)


def test_loop_that_is_left_early_closes_its_connection(server: FakeServer) -> None:
    server.heartbeat = 0.05  # the server notices when it writes
    server.log += [("e", 1)]
    with Client(server.url) as client:
        for event in client.stream(cursor="start"):
            assert event.data == 1
            break
        gc.collect()
        deadline = time.monotonic() + 20
        while server.open_connections and time.monotonic() < deadline:
            time.sleep(0.01)
        assert server.open_connections == 0


def test_stream_that_its_own_callback_holds_is_collected(server: FakeServer) -> None:
    server.heartbeat = 0.05
    server.log += [("e", 1)]

    def use(client: Client) -> None:
        held: dict[str, Any] = {}
        held["stream"] = client.stream(cursor="start", on_status=lambda status: held.setdefault("status", status))
        assert next(held["stream"]).data == 1

    with Client(server.url) as client:
        use(client)
        gc.collect()
        deadline = time.monotonic() + 20
        while server.open_connections and time.monotonic() < deadline:
            time.sleep(0.01)
        assert server.open_connections == 0


# Leaving: at once, whatever it waits for, and with nothing left behind.


class Patient:
    """An endpoint that never answers, and notes when its client is gone."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.gone = threading.Event()

    async def __call__(self, exchange: Exchange) -> None:
        self.asked.set()
        await exchange.reader.read()
        self.gone.set()
        raise ConnectionError


async def empty_poll(exchange: Exchange) -> None:
    await exchange.answer(200, {"events": [], "cursor": "e1-0", "more": False})


async def empty_poll_and_close(exchange: Exchange) -> None:
    await exchange.answer(200, {"events": [], "cursor": "e1-0", "more": False}, connection="close")
    exchange.writer.close()


@pytest.mark.parametrize("what", ["stream", "client"])
@pytest.mark.parametrize(
    ("path", "before", "http"),
    [
        ("/v1/poll", [empty_poll], None),
        ("/v1/poll", [empty_poll_and_close], None),
        ("/v1/poll", [empty_poll_and_close], httpx2.Client),
        ("/v1/stream", [], None),
        ("/v1/stream", [], httpx2.Client),
    ],
    ids=["a poll", "a poll on a new connection", "a poll of your client", "a head", "a head of your client"],
)
def test_closing_interrupts_whatever_is_waited_for(
    server: FakeServer, what: str, path: str, before: list[Any], http: Any
) -> None:
    patient = Patient()
    server.instead(path, *before, patient)
    with contextlib.ExitStack() as stack:
        mine = stack.enter_context(http()) if http else None
        client = stack.enter_context(Client(server.url, http=mine))
        stream = client.stream(transports="poll" if path == "/v1/poll" else "sse", insist=False)
        got: list[Any] = []
        reader = threading.Thread(target=lambda: got.extend(stream))
        reader.start()
        assert patient.asked.wait(20)
        time.sleep(0.05)  # so that it is in the middle of a read
        started = time.monotonic()
        (stream if what == "stream" else client).close()
        reader.join(20)
        assert not reader.is_alive()
        assert patient.gone.wait(20)
        assert time.monotonic() - started < 20
        assert got == []
        assert list(stream) == []


def test_closing_one_stream_disturbs_no_other(server: FakeServer) -> None:
    """For any connections of their client."""
    patient = Patient()
    server.instead("/v1/poll", empty_poll, patient)
    server.log += [("e", 1)]
    with Client(server.url) as client, client.stream(transports="sse", cursor="start") as other:
        next(other)
        stream = client.stream(transports="poll")
        reader = threading.Thread(target=list, args=(stream,))
        reader.start()
        assert patient.asked.wait(20)
        stream.close()
        reader.join(20)
        server.publish(("e", 2))
        assert next(other).data == 2
        assert len(server.at("/v1/stream")) == 1


def test_client_that_is_closed_opens_no_stream(server: FakeServer) -> None:
    client, other = Client(server.url), AsyncClient(server.url)
    client.close()
    asyncio.run(other.aclose())
    for closed in (client, other):
        with pytest.raises(RuntimeError, match="closed"):
            closed.stream()
    client.close()
    asyncio.run(other.aclose())


async def until(holds: Callable[[], bool], *, within: float = 20.0) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("transport", ["sse", "ws"])
def test_loop_that_is_left_early_closes_its_connection_while_others_go_on(server: FakeServer, transport: Any) -> None:
    server.heartbeat = 0.05  # the server notices when it writes
    server.log += [("e", 1)]

    async def first(client: AsyncClient) -> Any:
        async for event in client.stream(cursor="start", transports=transport):
            return event.data
        return None

    async def run() -> None:
        async with AsyncClient(server.url) as client:
            for _ in range(10):
                assert await first(client) == 1
            await until(lambda: server.open_connections == 0)
            assert (client._streams.close(), client._reaper._tasks) == ([], set())

    asyncio.run(run())


def test_stream_that_is_dropped_while_it_waits_is_ended_too(server: FakeServer) -> None:
    server.heartbeat = 0.05

    async def run() -> None:
        async with AsyncClient(server.url) as client:
            stream = client.stream()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(stream), 0.1)
            assert server.open_connections == 1
            del stream
            await until(lambda: server.open_connections == 0)
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            assert not tasks

    asyncio.run(run())


def test_leaving_a_loop_and_the_client_at_once_leaves_nothing(server: FakeServer) -> None:
    server.heartbeat = 0.05
    server.log += [("e", 1)]

    async def run() -> None:
        async with AsyncClient(server.url) as client:
            async for _ in client.stream(cursor="start", transports="ws"):
                break

    asyncio.run(run())
    deadline = time.monotonic() + 20
    while server.open_connections:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_stream_that_outlives_its_loop_harms_no_other(server: FakeServer) -> None:
    server.log += [("e", 1)]
    kept: list[Any] = []

    async def run() -> None:
        async with AsyncClient(server.url) as client:
            kept.append(client.stream(cursor="start"))
            assert (await anext(kept[0])).data == 1

    asyncio.run(run())
    kept.clear()
    gc.collect()


# Tokens


def test_token_function_that_fails_is_asked_again(connect: MakeAdapter, server: FakeServer) -> None:
    server.token = "good"
    server.log += [("e", 1)]
    answers: Iterator[str | Exception] = iter([KeyError("nothing yet"), OSError("no route"), "good"])

    def token() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    told: list[Status] = []
    events = connect(server.url, token=token).stream(cursor="start", on_status=told.append)
    assert [event.data for event in events.take(1)] == [1]
    assert [status.reason for status in told if status.state == "waiting"] == [
        "there is no token: KeyError('nothing yet')",
        "there is no token: no route",
    ]


def test_why_there_is_no_token_is_said_by_a_request(connect: MakeAdapter, server: FakeServer) -> None:
    def token() -> str:
        raise KeyError("access_token")

    with pytest.raises(Unreachable, match="there is no token: KeyError") as failed:
        connect(server.url, token=token, retries=0).call("counters")
    cause: BaseException | None = failed.value
    while cause is not None and not isinstance(cause, KeyError):
        cause = cause.__cause__
    assert cause is not None, "the traceback leads to the function"
    assert server.requests == []


def test_token_function_that_is_cancelled_on_its_own_is_asked_again(server: FakeServer) -> None:
    server.log += [("e", 1)]
    asked: list[int] = []

    async def token() -> str:
        asked.append(1)
        if len(asked) == 1:
            raise asyncio.CancelledError
        return "good"

    async def run() -> None:
        async with AsyncClient(server.url, token=token) as client, client.stream(cursor="start") as stream:
            assert (await asyncio.wait_for(anext(stream), 5)).data == 1

    asyncio.run(run())
    assert len(asked) == 2


def test_token_that_never_comes_is_not_waited_for_for_ever(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidings.client._async.executor.TOKEN_WITHIN", 0.1)

    async def token() -> str:
        await asyncio.sleep(60)
        return "late"

    async def run() -> None:
        async with AsyncClient(server.url, token=token, retries=0) as client:
            streams = [client.stream(insist=False) for _ in range(5)]
            started = time.monotonic()
            failed = await asyncio.gather(*map(anext, streams), client.counters(), return_exceptions=True)
            assert {type(one) for one in failed} == {Unreachable}
            assert time.monotonic() - started < 20

    asyncio.run(run())
