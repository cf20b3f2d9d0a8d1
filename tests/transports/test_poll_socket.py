"""A long poll on a socket: it waits without HTTP, is answered once, and HTTP goes on where it was."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from tests.transports.fake_transport import EPOCH, Connection, TransportHarness
from tidings.domain.cursor import Cursor
from tidings.domain.topics import User
from tidings.server.http_protocol import HttpProtocol
from tidings.transports.poll import MAX_PIPELINED, LongPoll, PollContext, PollSocket
from tidings.transports.poll_frames import PollEncoding

pytestmark = pytest.mark.anyio

WAIT = b"GET /v1/poll HTTP/1.1\r\nHost: x\r\n\r\n"
ECHO = b"GET /echo?%b HTTP/1.1\r\nHost: x\r\n\r\n"


class Client:
    """A connection to an application of two paths: one waits, the other answers with its query."""

    def __init__(self) -> None:
        self.harness = TransportHarness()
        self.context = PollContext(
            hub=self.harness.hub, timer=self.harness.timer, encoding=PollEncoding(partial(Cursor, EPOCH))
        )
        self.limit = 100
        self.before: Callable[[], Awaitable[None]] | None = None  # what a poll waits for before it looks
        self.connection = Connection(self.app)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        async def with_header(message: Any) -> None:
            """As a middleware would."""
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"vary", b"Origin")]
            await send(message)

        if scope["path"] == "/v1/poll":
            if self.before is not None:
                await self.before()
            head = self.harness.hub.head
            membership = self.harness.hub.memberships.cache(self.harness.feed())
            waiting = LongPoll(
                self.context,
                membership=membership,
                extra=(),
                position=head,
                head=head,
                wait=30,
                limit=self.limit,
                expires=0,
            )
            await waiting(scope, receive, with_header)
        else:
            body = scope["query_string"]
            headers = [(b"content-length", str(len(body)).encode())]
            await with_header({"type": "http.response.start", "status": 200, "headers": headers})
            await with_header({"type": "http.response.body", "body": body})

    async def sends(self, data: bytes) -> bytes:
        return await self.connection.receives(data)

    async def answers(self) -> list[tuple[dict[bytes, bytes], bytes]]:
        """The responses that were written since the last time: headers and body of each."""
        data = self.connection.transport.taken()
        while more := await self.connection.receives(b""):
            data += more
        found = []
        while data:
            head, _, data = data.partition(b"\r\n\r\n")
            status, *lines = head.split(b"\r\n")
            assert status == b"HTTP/1.1 200 OK"
            headers = dict(line.split(b": ", 1) for line in lines)
            assert len(headers) == len(lines), "a header twice"
            size = int(headers[b"content-length"])
            found.append((headers, data[:size]))
            data = data[size:]
        return found

    async def answer(self) -> tuple[dict[bytes, bytes], Any]:
        [(headers, body)] = await self.answers()
        return headers, json.loads(body)

    @property
    def waiting(self) -> int:
        return self.harness.hub.open["poll"]

    @property
    def protocol(self) -> Any:
        return self.connection.transport.protocol


@pytest.fixture
async def client() -> Client:
    return Client()


async def test_it_waits_as_a_reader_and_is_answered_with_the_event(client: Client) -> None:
    assert await client.sends(WAIT) == b""
    assert client.waiting == 1
    assert isinstance(client.protocol, PollSocket)
    client.harness.tell(b"1", b"2")
    headers, page = await client.answer()
    assert [event["data"] for event in page["events"]] == [1, 2]
    assert (page["cursor"], page["more"]) == ("ep0ch-2", False)
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"vary"] == b"Origin"  # what a middleware adds is there, though it came later
    assert client.waiting == 0


async def test_after_its_answer_the_connection_is_https_again(client: Client) -> None:
    for n in range(1, 4):
        await client.sends(WAIT)
        client.harness.tell(b"%d" % n)
        _, page = await client.answer()
        assert page["cursor"] == f"ep0ch-{n}"
        assert (await client.sends(ECHO % b"hello")).endswith(b"hello")
    assert isinstance(client.protocol, HttpProtocol)
    assert client.connection.state.connections == {client.protocol}
    assert not client.connection.transport.closed


async def test_nothing_is_said_twice_to_who_was_answered(client: Client) -> None:
    await client.sends(WAIT)
    waiting = client.protocol
    client.harness.tell(b"1")
    await client.answers()
    client.harness.tell(b"2")
    client.harness.timer.passes()
    for late in (waiting.expire, waiting.close):
        late()
    assert await client.answers() == []


async def test_a_batch_over_the_limit_is_cut_and_the_cursor_with_it(client: Client) -> None:
    client.limit = 2
    await client.sends(WAIT)
    client.harness.tell(b"1", b"2", b"3")
    _, page = await client.answer()
    assert [event["id"] for event in page["events"]] == ["ep0ch-1", "ep0ch-2"]
    assert (page["cursor"], page["more"]) == ("ep0ch-2", True)


async def test_when_its_time_is_up_the_answer_is_empty_and_the_cursor_the_same(client: Client) -> None:
    client.harness.tell(b"1")
    await client.sends(WAIT)
    client.harness.timer.passes()
    _, page = await client.answer()
    assert page == {"events": [], "cursor": "ep0ch-1", "more": False}
    assert (await client.sends(ECHO % b"on")).endswith(b"on")


async def test_the_same_cursor_moves_on_before_it_wears_off_the_memory(client: Client) -> None:
    await client.sends(WAIT)
    client.harness.tell(*[b"1"] * 40, user=User("bob"))
    client.harness.timer.passes()
    _, page = await client.answer()
    assert page == {"events": [], "cursor": "ep0ch-40", "more": False}


async def test_lost_connection_frees_its_reader(client: Client) -> None:
    await client.sends(WAIT)
    client.connection.lost()
    client.harness.tell(b"1")
    assert (client.waiting, client.harness.timer.due, client.connection.state.connections) == (0, [], set())


async def test_requests_that_came_meanwhile_are_answered_after_it(client: Client) -> None:
    await client.sends(WAIT)
    first, second = ECHO % b"first", ECHO % b"second"
    await client.sends(first + second[:10])
    await client.sends(second[10:])
    client.harness.tell(b"1")
    (_, page), (_, one), (_, two) = await client.answers()
    assert json.loads(page)["cursor"] == "ep0ch-1"
    assert (one, two) == (b"first", b"second")


async def test_two_polls_at_once_on_one_connection_are_answered_in_their_order(client: Client) -> None:
    await client.sends(WAIT)
    await client.sends(WAIT)
    assert client.waiting == 1
    client.harness.tell(b"1")
    assert client.waiting == 0  # no reader joins the hub while it is writing
    await client.answers()
    assert client.waiting == 1
    client.harness.tell(b"2")
    _, page = await client.answer()
    assert page["cursor"] == "ep0ch-2"


async def test_of_what_comes_meanwhile_no_more_is_held_than_a_little(client: Client) -> None:
    await client.sends(WAIT)
    many = (ECHO % (b"x" * 1000)) * (MAX_PIPELINED // 1000 + 1)
    await client.sends(many)
    held = not client.connection.transport.reading
    client.harness.tell(b"1")
    answers = await client.answers()
    assert (held, client.connection.transport.reading) == (True, True)
    assert len(answers) == 1 + MAX_PIPELINED // 1000 + 1


async def test_a_client_that_wants_the_connection_closed_gets_it_closed(client: Client) -> None:
    await client.sends(WAIT.replace(b"Host: x", b"Host: x\r\nConnection: close"))
    client.harness.tell(b"1")
    headers, page = await client.answer()
    assert (headers[b"connection"], page["cursor"]) == (b"close", "ep0ch-1")
    assert client.connection.transport.closed == "closed"


@pytest.mark.parametrize("expired", [False, True])
async def test_a_server_that_stops_answers_empty_and_closes(client: Client, expired: bool) -> None:
    await client.sends(WAIT)
    client.protocol.write(client.context.encoding.control("goaway", b"{}", retry=1))
    client.protocol.close(expired=expired)
    headers, page = await client.answer()
    assert page == {"events": [], "cursor": "ep0ch-0", "more": False}
    assert headers[b"connection"] == b"close"
    assert client.connection.transport.closed == "closed"


async def test_client_that_has_not_taken_its_answer_gets_no_second_one(client: Client) -> None:
    client.connection.transport.capacity = 100
    await client.sends(WAIT)
    client.harness.tell(b"1")
    await client.sends(ECHO % b"later")
    assert client.protocol.flow.write_paused  # the protocol that goes on was told
    assert b"later" not in b"".join(body for _, body in await client.answers())
    client.connection.transport.drain()
    [(_, body)] = await client.answers()
    assert body == b"later"


async def test_idle_connection_is_closed_after_the_keep_alive_time(client: Client) -> None:
    await client.sends(WAIT)
    client.harness.tell(b"1")
    await client.answers()
    assert [seconds for seconds, _ in client.harness.timer.due] == [5]  # uvicorn's keep-alive, as it is set here
    client.harness.timer.passes()
    assert client.connection.transport.closed == "closed"


async def test_keep_alive_timer_ends_with_the_next_request_or_the_connection(client: Client) -> None:
    await polled_once(client)
    assert client.harness.timer.due
    await client.sends(ECHO % b"on")
    assert client.harness.timer.due == []

    await polled_once(client)
    client.connection.lost()
    assert (client.harness.timer.due, client.connection.state.connections) == ([], set())


async def test_a_server_that_stops_closes_who_has_an_answer(client: Client) -> None:
    await client.sends(WAIT)
    client.harness.tell(b"1")
    for connection in list(client.connection.state.connections):
        connection.shutdown()
    assert client.connection.transport.closed == "closed"


async def polled_once(client: Client) -> None:
    await client.sends(WAIT)
    client.harness.tell(b"1")
    await client.answers()


async def test_repeat_poll_waits_without_a_task(client: Client) -> None:
    await polled_once(client)
    client.protocol.data_received(WAIT)
    assert (client.waiting, client.connection.state.tasks) == (1, set())
    client.harness.tell(b"2")
    _, page = await client.answer()
    assert page["cursor"] == "ep0ch-2"


@pytest.mark.parametrize("path", [b"/v1/poll2", b"/v1/pol", b"/"])
async def test_another_request_has_a_task_of_its_own(client: Client, path: bytes) -> None:
    await polled_once(client)
    client.protocol.data_received(WAIT.replace(b"/v1/poll", path))
    assert len(client.connection.state.tasks) == 1
    assert len(await client.answers()) == 1


@pytest.mark.parametrize("seconds", [0, 0.001])
async def test_a_poll_that_has_to_wait_for_the_store_goes_on_as_a_task(client: Client, seconds: float) -> None:
    await polled_once(client)
    client.before = lambda: asyncio.sleep(seconds)
    client.protocol.data_received(WAIT)
    [task] = client.connection.state.tasks
    await task
    assert (client.waiting, client.connection.state.tasks) == (1, set())
    client.harness.tell(b"2")
    _, page = await client.answer()
    assert page["cursor"] == "ep0ch-2"


async def test_such_a_task_can_be_cancelled_and_ends_in_its_own_way(client: Client) -> None:
    seen: list[str] = []

    async def stubborn() -> None:
        for _ in range(2):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                seen.append("cancelled")

    await polled_once(client)
    client.before = stubborn
    client.protocol.data_received(WAIT)
    [task] = client.connection.state.tasks
    for count in (1, 2):
        task.cancel()
        await asyncio.sleep(0)
        assert seen == ["cancelled"] * count
    await task
    assert client.waiting == 1


async def test_request_pipelined_behind_the_next_poll_is_answered_after_it(client: Client) -> None:
    await polled_once(client)
    client.protocol.data_received(WAIT + ECHO % b"more")
    client.harness.tell(b"2")
    (_, page), (_, more) = await client.answers()
    assert (json.loads(page)["cursor"], more) == ("ep0ch-2", b"more")


async def test_poll_with_rubbish_behind_it_is_answered_before_the_connection_ends(client: Client) -> None:
    await polled_once(client)
    client.protocol.data_received(WAIT + b"\0\0\0")
    await asyncio.sleep(0)
    assert client.connection.transport.taken() == b""
    client.harness.tell(b"2")
    for _ in range(5):
        await asyncio.sleep(0)
    answers = client.connection.transport.taken().split(b"HTTP/1.1 ")
    assert [answer[:3] for answer in answers[1:]] == [b"200", b"400"]
    assert client.connection.transport.ended
