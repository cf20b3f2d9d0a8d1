"""One caller cannot stop the others: what it causes is counted, and refused beyond its budget."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from tests.conftest import StartServer
from tests.servers import HttpResponse, Server
from tests.streams import connect
from tests.tokens import bearer


@pytest.fixture
def server(start_server: StartServer) -> Server:
    return start_server("serve", max_user_streams=3, user_writes=2, user_writes_burst=10)


def mute(server: Server, user: str, n: int) -> HttpResponse:
    return server.request("PUT", f"/v1/preferences/mutes/type:t{n}", headers=bearer(user))


def test_user_opens_some_streams_and_leaves_room_for_others(server: Server) -> None:
    address = (server.host, server.port)
    with ExitStack() as open_streams:
        for _ in range(3):
            stream = connect(address, "/v1/stream", headers=bearer("mallory").items()).begin()
            open_streams.enter_context(closing(stream))
        for path in ("/v1/stream", "/v1/poll?wait=30"):
            answer = server.request("GET", path, headers=bearer("mallory"))
            assert (answer.status, answer.json["code"]) == (429, "too_many_streams")
            assert int(answer.headers["retry-after"]) >= 1
        assert server.request("GET", "/v1/poll", headers=bearer("mallory")).status == 200  # it waits for nothing
        open_streams.enter_context(closing(connect(address, "/v1/stream", headers=bearer("alice").items()).begin()))
        assert server.gauges()['tidings_limited_total{limit="user_streams"}'] == 2


def test_only_the_user_that_writes_without_end_is_told_to_wait(server: Server) -> None:
    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(lambda n: mute(server, "mallory", n), range(60)))
    refused = [answer for answer in answers if answer.status == 429]
    assert 60 - 10 - 20 <= len(refused) <= 50
    assert {answer.json["code"] for answer in refused} == {"rate_limited"}
    assert all(1 <= int(answer.headers["retry-after"]) <= 60 for answer in refused)
    assert mute(server, "alice", 1).status == 200
    for _ in range(20):  # publishers have a budget of their own
        sent = server.request(
            "POST", "/v1/notifications", {"to": {"user": "mallory"}, "body": "b"}, headers=bearer(None, publish=True)
        )
        assert sent.status == 201
    assert server.gauges()['tidings_limited_total{limit="user_writes"}'] == len(refused)


def send(server: Server, publisher: dict[str, str], users: list[str]) -> HttpResponse:
    return server.request("POST", "/v1/notifications", {"to": {"users": users}, "body": "b"}, headers=publisher)


def test_publisher_that_writes_without_end_is_told_to_wait_and_no_other_caller(start_server: StartServer) -> None:
    """A publisher has a budget of rows: a recipient is one. Another publisher, and a user, have their own."""
    server = start_server("serve", publisher_writes=5, publisher_writes_burst=100)
    tokens = bearer(None, publish=True)
    assert send(server, tokens, [f"u{n}" for n in range(300)]).status == 201  # it had budget left, and owes the rest
    refused = [send(server, tokens, ["alice"]) for _ in range(5)]
    assert {(answer.status, answer.json["code"]) for answer in refused} == {(429, "rate_limited")}
    assert all(30 <= int(answer.headers["retry-after"]) <= 90 for answer in refused)
    assert mute(server, "alice", 1).status == 200
    assert send(server, bearer("shop", publish=True), ["alice"]).status == 201
    assert server.gauges()['tidings_limited_total{limit="publisher_writes"}'] == 5


def test_user_that_reads_the_log_again_without_end_is_told_to_wait_and_nobody_else(start_server: StartServer) -> None:
    """Pages that come from the database are counted in bytes; what is in memory, and live delivery, cost nothing."""
    server = start_server("serve", user_replay_bytes=2000, user_replay_bytes_burst=50_000)
    address, publisher = (server.host, server.port), bearer(None, publish=True)
    for _ in range(9):  # more than the ring holds
        batch: list[object] = [{"to": {"topic": "all"}, "body": "b" * 100} for _ in range(1000)]
        assert server.request("POST", "/v1/notifications:batch", batch, headers=publisher).status == 200
    with closing(connect(address, "/v1/stream?cursor=start", headers=bearer("mallory").items()).begin()) as stream:
        assert len(stream.take(9000)) == 9000  # it had budget left, and owes the rest
        for path in ("/v1/stream?cursor=start", "/v1/poll?cursor=start"):
            refused = server.request("GET", path, headers=bearer("mallory"))
            assert (refused.status, refused.json["code"]) == (429, "rate_limited")
            assert int(refused.headers["retry-after"]) > 10
        assert server.request("GET", "/v1/poll", headers=bearer("mallory")).status == 200
        assert server.request("GET", "/v1/poll?cursor=start", headers=bearer("alice")).status == 200
        assert send(server, publisher, ["mallory"]).status == 201
        assert [event.type for event in stream.take(1)] == ["notification.created"]
    assert server.gauges()['tidings_limited_total{limit="user_replay_bytes"}'] == 2


def test_developers_have_room(start_server: StartServer) -> None:
    server = start_server()
    with ExitStack() as open_streams:
        for _ in range(40):
            stream = connect((server.host, server.port), "/v1/stream?user=a").begin()
            open_streams.enter_context(closing(stream))
