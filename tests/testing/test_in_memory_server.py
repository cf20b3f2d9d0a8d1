"""The server for users' tests, used as a user's test would."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidings.client import AsyncClient, Client, Status, TidingsProblem
from tidings.testing import InMemoryServer


@pytest.fixture(scope="module")
def server() -> Iterator[InMemoryServer]:
    with InMemoryServer() as server:
        yield server


def test_notification_of_the_code_under_test_is_seen(server: InMemoryServer) -> None:
    def like(tidings: Client) -> None:
        tidings.publish(to={"user": "alice"}, type="like", title="Bob liked your post", data={"post": 9})

    like(server.client())
    found = server.assert_notified("alice", type="like", data={"post": 9})
    assert found["title"] == "Bob liked your post"
    server.assert_not_notified("alice", type="comment")
    server.assert_not_notified("bob")


def test_missing_notification_fails_with_the_inbox(server: InMemoryServer) -> None:
    server.client().publish(to={"user": "carol"}, type="like", title="Hi")
    with pytest.raises(AssertionError, match=r"'carol' was not notified of .*'comment'.*'title': 'Hi'"):
        server.assert_notified("carol", type="comment")
    with pytest.raises(AssertionError, match="'carol' was notified"):
        server.assert_not_notified("carol", title="Hi")


def test_stream_of_a_blocking_client_receives_live(server: InMemoryServer) -> None:
    opened = threading.Event()

    def told(status: Status) -> None:
        if status.state == "open":
            opened.set()

    stream = server.client(user="dave").stream(on_status=told)
    titles: list[str] = []
    reader = threading.Thread(target=lambda: titles.append(next(stream).data["title"]))
    reader.start()
    assert opened.wait(20)
    server.client().publish(to={"user": "dave"}, title="live")
    reader.join(20)
    assert titles == ["live"]
    stream.close()


def test_closing_a_stream_ends_a_thread_that_waits_for_it(server: InMemoryServer) -> None:
    opened = threading.Event()
    stream = server.client(user="dan").stream(on_status=lambda status: opened.set() if status.hello else None)
    reader = threading.Thread(target=list, args=(stream,))
    reader.start()
    assert opened.wait(20)
    started = time.monotonic()
    stream.close()
    reader.join(20)
    assert not reader.is_alive()
    assert time.monotonic() - started < 20


def test_stream_of_an_asynchronous_client_receives_live(server: InMemoryServer) -> None:
    async def run() -> list[str]:
        async with server.async_client(user="erin") as client, client.stream(cursor="start") as stream:
            await client.publish(to={"user": "erin"}, title="one")
            first = await anext(stream)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(stream), 0.1)
            await client.publish(to={"user": "erin"}, title="two")
            return [first.data["title"], (await anext(stream)).data["title"]]

    assert asyncio.run(run()) == ["one", "two"]


def test_events_of_a_user_are_those_of_the_stream(server: InMemoryServer) -> None:
    client = server.client()
    made = client.publish(to={"user": "frank"}, title="one")
    client.retract(made["id"])
    assert [event.type for event in server.events("frank", 2)] == ["notification.created", "notification.deleted"]


def test_refusal_is_the_same_as_over_a_network(server: InMemoryServer) -> None:
    with pytest.raises(TidingsProblem, match="404 not_found"):
        server.client().update("n-abc-1", title="x")


def test_websocket_transport_is_not_offered_in_process(server: InMemoryServer) -> None:
    client = server.client(user="gina")
    client.publish(to={"user": "gina"}, title="x")
    stream = client.stream(cursor="start", transports=("ws", "sse"))
    assert next(stream).data["title"] == "x"
    assert stream.transport == "sse"


def test_each_server_is_empty_and_leaves_nothing_behind() -> None:
    before, folder = threading.active_count(), ""
    for _ in range(2):
        with InMemoryServer() as server:
            assert server.notifications("alice") == []
            server.client().notify_soon(to={"user": "alice"}, title="soon")
            assert server._folder is not None
            folder = server._folder.name
    assert threading.active_count() <= before
    assert not Path(folder).exists()


def test_server_that_is_not_open_says_so() -> None:
    server = InMemoryServer()
    with pytest.raises(RuntimeError, match="with InMemoryServer"):
        server.notifications("alice")


def test_server_whose_settings_are_wrong_raises() -> None:
    with pytest.raises(ValueError, match="heartbeat"):
        InMemoryServer(heartbeat=1e9).open()


def test_client_kinds_are_those_of_production(server: InMemoryServer) -> None:
    assert isinstance(server.client(), Client)
    assert isinstance(server.async_client(), AsyncClient)
