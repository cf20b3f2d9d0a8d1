"""Clients that other people wrote receive, resume, are told what is wrong, and part properly."""

import json
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlencode

import aiohttp
import httpx2
import pytest
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.conftest import Name
from tests.servers import Server

pytestmark = pytest.mark.anyio


def url(server: Server, path: str, scheme: str = "http", **query: str) -> str:
    return f"{scheme}://{server.host}:{server.port}{path}?{urlencode(query)}"


def test_websockets_blocking(shared: Server, name: Name) -> None:
    where = url(shared, "/v1/ws", "ws", user=name("alice"))
    with connect(where) as socket:
        hello = json.loads(socket.recv())
        sent = shared.publish({"user": name("alice")}, body="one")
        assert json.loads(socket.recv())["id"] == sent["cursor"]
        assert socket.ping().wait(10)
        socket.send(json.dumps({"type": "read", "up_to": sent["cursor"]}))
        assert json.loads(socket.recv())["type"] == "inbox.read"
    assert socket.close_code == 1000
    with connect(f"{where}&cursor={hello['id']}") as socket:
        assert [json.loads(socket.recv())["type"] for _ in range(3)] == ["hello", "notification.created", "inbox.read"]


async def test_websockets_asynchronous(shared: Server, name: Name) -> None:
    async with connect_async(url(shared, "/v1/ws", "ws", user=name("alice"))) as socket:
        assert json.loads(await socket.recv())["type"] == "hello"
        sent = [
            shared.publish({"user": name("alice")}, body="x" * 31_000 if n == 1 else "x")["cursor"] for n in range(3)
        ]
        assert [json.loads(await socket.recv())["id"] for _ in range(3)] == sent
        await socket.send(b"binary")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1003, "text frames only")


def test_compression_is_offered_and_not_taken(server: Server) -> None:
    with connect(url(server, "/v1/ws", "ws", user="alice"), compression="deflate") as socket:
        assert socket.request is not None
        assert socket.response is not None
        assert "permessage-deflate" in socket.request.headers["sec-websocket-extensions"]
        assert "sec-websocket-extensions" not in socket.response.headers


def test_websockets_is_told_why_it_may_not_connect(server: Server) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(url(server, "/v1/ws", "ws", user="alice", cursor="!")):
        pass
    response = refused.value.response
    assert response.status_code == 400
    assert response.body is not None
    assert json.loads(bytes(response.body))["code"] == "invalid_cursor"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


async def test_aiohttp_websocket(shared: Server, name: Name, session: aiohttp.ClientSession) -> None:
    where = url(shared, "/v1/ws", user=name("alice"))
    async with session.ws_connect(where, heartbeat=1, compress=15) as socket:
        assert (await socket.receive_json())["type"] == "hello"
        sent = shared.publish({"user": name("alice")}, body="one")
        assert (await socket.receive_json())["id"] == sent["cursor"]
        await socket.send_json({"type": "ping"})
        assert await socket.receive_json() == {"type": "pong"}
        await socket.send_str("[]")
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 4400


async def test_aiohttp_polls(shared: Server, name: Name, session: aiohttp.ClientSession) -> None:
    cursor = (await (await session.get(url(shared, "/v1/poll", user=name("alice")))).json())["cursor"]
    for n in range(3):
        shared.publish({"user": name("alice")}, body=str(n))
        async with session.get(url(shared, "/v1/poll", user=name("alice"), cursor=cursor, wait="10")) as response:
            page = await response.json()
        assert [event["data"]["body"] for event in page["events"]] == [str(n)]
        cursor = page["cursor"]


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client() as made:
        yield made


def test_httpx2_streams(shared: Server, name: Name, http: httpx2.Client) -> None:
    with http.stream("GET", url(shared, "/v1/stream", user=name("alice"))) as response:
        lines = response.iter_lines()
        cursor = next(lines).removeprefix("id: ")
        sent = shared.publish({"user": name("alice")}, body="one")
        assert f"id: {sent['cursor']}" in lines
    with http.stream("GET", url(shared, "/v1/stream", user=name("alice"), cursor=cursor)) as response:
        assert f"id: {sent['cursor']}" in response.iter_lines()


def test_httpx2_polls_and_is_told_that_nothing_changed(shared: Server, name: Name, http: httpx2.Client) -> None:
    first = http.get(url(shared, "/v1/poll", user=name("alice")))
    assert first.json()["events"] == []
    where = url(shared, "/v1/poll", user=name("alice"), cursor=first.json()["cursor"])
    again = http.get(where)
    known = {"If-None-Match": again.headers["etag"]}
    shared.publish({"user": name("bob")}, body="not hers")
    unchanged = http.get(where, headers=known)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["etag"] == known["If-None-Match"]
    assert int(unchanged.headers["x-poll-interval"]) >= 1
    sent = shared.publish({"user": name("alice")}, body="hers")
    changed = http.get(where, headers=known)
    assert changed.status_code == 200
    assert changed.json()["cursor"] == sent["cursor"]


def test_a_poll_from_another_origin_is_one_that_its_page_may_read(
    shared: Server, name: Name, http: httpx2.Client
) -> None:
    page = {"Origin": "https://app.example"}
    cursor = http.get(url(shared, "/v1/poll", user=name("alice")), headers=page).json()["cursor"]
    shared.publish({"user": name("alice")})
    for wait in ("0", "1"):  # at once, and after a wait
        at = cursor if wait == "0" else "start"
        answer = http.get(url(shared, "/v1/poll", user=name(f"alice{wait}"), cursor=at, wait=wait), headers=page)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "X-Poll-Interval" in answer.headers["access-control-expose-headers"]
