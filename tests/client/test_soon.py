"""`notify_soon`: a request that notifies is neither delayed nor failed by it."""

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.client.fake_server import Exchange, FakeServer
from tidings.client import AsyncClient, Client, SoonStatus


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.01)


class Batches:
    """The batch endpoint of a server, with a note of what came."""

    def __init__(self, *, refused: str = "") -> None:
        self.refused = refused  # a title that is not taken
        self.titles: list[list[str]] = []
        self.keys: list[str] = []

    async def __call__(self, exchange: Exchange) -> None:
        titles = [one["title"] for one in json.loads(exchange.body)]
        if self.refused in titles:
            await exchange.problem(400, "invalid_request")
            return
        self.titles.append(titles)
        self.keys.append(exchange.headers["idempotency-key"])
        await exchange.answer(200, {"results": [{"id": title} for title in titles]})


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_notify_soon_publishes_from_a_thread_in_the_background(server: FakeServer) -> None:
    batches = Batches()
    server.always["/v1/notifications:batch"] = batches
    with Client(server.url) as client:
        data = {"n": 1}
        assert client.notify_soon(to={"user": 7}, title="one", data=data)
        data["n"] = 2  # is the caller's again
        until(lambda: client.soon.published == 1)
    [request] = server.at("/v1/notifications:batch")
    assert json.loads(request.body) == [{"to": {"user": "7"}, "title": "one", "data": {"n": 1}}]


def test_notify_soon_publishes_from_a_task_in_the_background(server: FakeServer) -> None:
    batches = Batches()
    server.always["/v1/notifications:batch"] = batches

    async def run() -> SoonStatus:
        async with AsyncClient(server.url) as client:
            for n in range(3):
                assert client.notify_soon(to={"user": "a"}, title=str(n))
        return client.soon

    assert asyncio.run(run()) == SoonStatus(waiting=0, published=3, dropped=0)
    assert batches.titles == [["0", "1", "2"]], "what came together is one batch"


def test_closing_publishes_the_rest_of_the_queue(server: FakeServer) -> None:
    batches = Batches()
    server.always["/v1/notifications:batch"] = batches
    with Client(server.url) as client:
        for n in range(1500):
            client.notify_soon(to={"user": "a"}, title=str(n))
    assert [title for titles in batches.titles for title in titles] == [str(n) for n in range(1500)]
    assert client.soon == SoonStatus(waiting=0, published=1500, dropped=0)
    assert not client.notify_soon(to={"user": "a"}), "a closed client takes no more, and does not fail"


def test_notify_soon_takes_all_while_the_server_is_away_and_publishes_once_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}", retries=0) as client:
        for n in range(100):
            assert client.notify_soon(to={"user": "a"}, title=str(n))
        until(lambda: any(record.message == "notifications_wait" for record in caplog.records))
        assert client.soon.waiting == 100
        batches = Batches()
        with FakeServer(port=port) as server:
            server.always["/v1/notifications:batch"] = batches
            until(lambda: client.soon.published == 100)
    assert len(set(batches.keys)) == len(batches.keys)


def test_notification_without_room_in_the_queue_is_dropped_counted_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, server: FakeServer
) -> None:
    monkeypatch.setattr("tidings.client._sync.soon.QUEUE_LIMIT", 2)
    monkeypatch.setattr("tidings.client._sync.soon.CLOSE_WITHIN", 0.1)
    asked = threading.Event()

    async def hold_back(exchange: Exchange) -> None:
        asked.set()
        await asyncio.sleep(60)

    server.always["/v1/notifications:batch"] = hold_back
    with caplog.at_level(logging.WARNING), Client(server.url, timeout=0.3, retries=0) as client:
        assert client.notify_soon(to={"user": "a"})
        assert asked.wait(20)
        assert [client.notify_soon(to={"user": "a"}) for _ in range(5)] == [True, True, False, False, False]
        assert client.soon.dropped == 3
        drops: list[Any] = [record for record in caplog.records if record.message == "notification_dropped"]
        assert [record.reason for record in drops] == ["the queue is full"], "one line for many"
    assert client.soon == SoonStatus(waiting=0, published=0, dropped=6), "closing drops what is left"


@pytest.mark.parametrize("to", ["alice", {"user": None}, {"user": "\ud83d"}])
def test_invalid_notification_does_not_fail_the_request(to: Any, caplog: pytest.LogCaptureFixture) -> None:
    with Client("http://127.0.0.1:9") as client:
        assert not client.notify_soon(to=to)
        assert client.soon == SoonStatus(waiting=0, published=0, dropped=1)
    assert "notification_dropped" in caplog.messages


def test_refused_notification_takes_no_other_of_its_batch_with_it(server: FakeServer) -> None:
    batches = Batches(refused="b")
    server.always["/v1/notifications:batch"] = batches

    async def run() -> SoonStatus:
        async with AsyncClient(server.url) as client:
            for title in "abc":
                client.notify_soon(to={"user": "a"}, title=title)
        return client.soon

    assert asyncio.run(run()) == SoonStatus(waiting=0, published=2, dropped=1)
    assert batches.titles == [["a"], ["c"]]
