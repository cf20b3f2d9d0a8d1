"""One caller cannot stop the others: what it causes is counted, and refused beyond its budget."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress

import pytest

from tests.conftest import StartServer
from tests.servers import HttpResponse, Server, eventually
from tests.streams import connect
from tests.tokens import bearer


@pytest.fixture
def server(start_server: StartServer) -> Server:
    return start_server("serve", max_user_streams=3, user_writes=2, user_writes_burst=10, local_allowance=1)


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
    server = start_server("serve", publisher_writes=5, publisher_writes_burst=100, local_allowance=1)
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


def behind_proxy(address: str) -> dict[str, str]:
    """The header field that a proxy on this machine adds."""
    return {"X-Forwarded-For": address}


def test_publisher_that_fills_the_disk_waits_for_another_day(start_server: StartServer) -> None:
    server = start_server("serve", publisher_disk=100_000, local_allowance=1)
    tokens = bearer(None, publish=True)
    large: list[object] = [{"to": {"user": f"u{n}"}, "body": "b" * 10_000} for n in range(20)]
    assert server.request("POST", "/v1/notifications:batch", large, headers=tokens).status == 200
    refused = send(server, tokens, ["alice"])
    assert (refused.status, refused.json["code"]) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) > 3600
    assert send(server, bearer("shop", publish=True), ["alice"]).status == 201
    assert server.gauges()['tidings_limited_total{limit="publisher_disk"}'] == 1


def test_time_of_the_writer_is_counted_by_address_behind_a_proxy(start_server: StartServer) -> None:
    server = start_server("serve", address_writer=0.001, address_writer_burst=0.01)

    def send_as(n: int) -> HttpResponse:
        headers = bearer(f"m{n}", publish=True) | behind_proxy("2001:db8:1:2::1")
        return send(server, headers, [f"u{m}" for m in range(200)])

    answer = next(answer for answer in map(send_as, range(100)) if answer.status == 429)
    assert (answer.status, answer.json["code"]) == (429, "rate_limited")
    assert "address" in answer.json["detail"]
    again = bearer("another", publish=True) | behind_proxy("2001:db8:1:2:ffff::")
    assert send(server, again, ["a"]).status == 429  # another host of the same network
    assert send(server, bearer("another", publish=True) | behind_proxy("2001:db8:1:3::1"), ["a"]).status == 201
    assert send(server, bearer("another", publish=True), ["a"]).status == 201  # this machine
    assert server.gauges()["tidings_writer_seconds_total"] > 0


def unfinished(server: Server, user: str, size: int) -> socket.socket:
    """A connection that has sent all but the end of a body."""
    connection = socket.create_connection((server.host, server.port), timeout=30)
    fields = "".join(f"{name}: {value}\r\n" for name, value in bearer(user, publish=True).items())
    head = f"POST /v1/notifications:batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size + 1}\r\n{fields}\r\n"
    with suppress(OSError):  # refused before it has sent all
        connection.sendall(head.encode() + b" " * size)
    return connection


def test_bodies_that_do_not_end_take_no_more_memory_than_they_may(start_server: StartServer) -> None:
    """Forty of 31 MB took 1.24 GB."""
    server = start_server("serve", body_bytes=100e6, caller_body_bytes=40e6)
    before = server.resident()
    with ExitStack() as open_connections:
        sent = [unfinished(server, f"m{n % 4}", 31_000_000) for n in range(12)]
        for connection in sent:
            open_connections.enter_context(closing(connection))
        eventually("they are held or refused", lambda: server.gauges()["tidings_body_bytes"] > 90e6)
        assert server.gauges()["tidings_body_bytes"] <= 100e6
        assert server.resident() - before < 250e6
        assert server.gauges()['tidings_limited_total{limit="bodies"}'] >= 1
        small = send(server, bearer("alice", publish=True), ["bob"])
        assert small.status in {201, 503}
        if small.status == 503:
            assert (small.json["code"], int(small.headers["retry-after"]) >= 1) == ("overloaded", True)
    eventually("they are let go of", lambda: server.gauges()["tidings_body_bytes"] == 0)
    assert send(server, bearer("alice", publish=True), ["bob"]).status == 201
