"""Requests whose sockets cannot be handed over get the same stream in the ordinary way; others do not suffer."""

import http.client
import json
import socket

import pytest

from tests.conftest import Listen, Name
from tests.servers import PATIENCE, Server, eventually
from tests.streams import Stream

NEXT = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "rest", "given_away"),
    [
        pytest.param(b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"", True, id="an ordinary request"),
        pytest.param(b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab", b"cde", False,
                     id="a body still coming"),
        pytest.param(b" HTTP/1.1\r\nHost: localhost\r\n\r\n" + NEXT, b"", False, id="pipelined"),
        pytest.param(b" HTTP/1.1\r\nHost: localhost\r\n\r\n" + NEXT[:9], NEXT[9:], False, id="half a request"),
        pytest.param(b" HTTP/1.0\r\n\r\n", b"", False, id="HTTP/1.0"),
        pytest.param(b" HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                     b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n", b"", True, id="curl --http2"),
        pytest.param(b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}", b"", True, id="a whole body"),
        pytest.param(b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"", True, id="Connection: close"),
    ],
)  # fmt: skip
def test_every_request_gets_its_stream(server: Server, name: Name, head: bytes, rest: bytes, given_away: bool) -> None:
    user = name("alice")
    connection = socket.create_connection((server.host, server.port), timeout=PATIENCE)
    stream = Stream(connection, b"GET /v1/stream?user=" + user.encode() + head)
    try:
        stream.begin()
        assert (stream.response.headers.get("connection") == "close") == (
            given_away or b"HTTP/1.0" in head or bool(rest and b"Content-Length" in head)
        )
        stream.socket.sendall(rest)
        server.publish({"user": user}, body="here")
        assert stream.next().json["body"] == "here"
    finally:
        stream.close()
    path = f"/v1/users/{user}/presence"
    eventually("it is forgotten", lambda: server.request("GET", path).json["connections"] == 0)


def test_a_stream_after_other_requests_on_the_same_connection(server: Server, name: Name) -> None:
    """The keep-alive timer of the requests before does not end the stream."""
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as connection:
        for _ in range(3):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            response = http.client.HTTPResponse(connection)
            response.begin()
            assert json.loads(response.read()) == {"status": "ok"}
        stream = Stream(connection, f"GET /v1/stream?user={name('alice')} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        stream.begin()
        server.publish({"user": name("alice")}, body="here")
        assert stream.next().json["body"] == "here"


def test_a_refused_stream_leaves_its_connection_usable(server: Server) -> None:
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as connection:
        for target, status in [("/v1/stream", 401), ("/v1/stream?user=a&cursor=x", 400), ("/healthz", 200)]:
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            response = http.client.HTTPResponse(connection)
            response.begin()
            response.read()
            assert response.status == status


def test_bytes_sent_on_an_open_stream_are_ignored(server: Server, listen: Listen, name: Name) -> None:
    stream = listen(server, name("alice"))
    stream.socket.sendall(b"POST /v1/notifications HTTP/1.1\r\nContent-Length: 20\r\n\r\n" + b'{"to":{"all": true}}')
    server.publish({"user": name("alice")}, body="here")
    assert stream.next().json["body"] == "here"


def said_and_done(server: Server, *parts: bytes) -> bytes:
    """All that comes back to a client that sends this, closes its sending side at once, and listens to the end."""
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as connection:
        for part in parts:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_half_closed_connection_still_gets_its_responses(server: Server, name: Name) -> None:
    """`printf 'GET ...' | nc -N`"""
    assert said_and_done(server, NEXT).startswith(b"HTTP/1.1 200 OK\r\n")
    assert said_and_done(server, NEXT * 3).count(b"HTTP/1.1 200 OK\r\n") == 3
    body = json.dumps({"to": {"user": name("alice")}, "body": "x" * 30_000}).encode()
    head = b"POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert said_and_done(server, head, body).startswith(b"HTTP/1.1 201 Created\r\n")
    poll = f"GET /v1/poll?cursor=start&wait=30&user={name('alice')} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    assert b"notification.created" in said_and_done(server, poll)


HALF = b"POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab"


@pytest.mark.parametrize("request_bytes", [b"", NEXT[:9], NEXT[:-2], HALF])
def test_request_cut_in_the_middle_gets_no_response(server: Server, request_bytes: bytes) -> None:
    assert said_and_done(server, request_bytes) == b""


@pytest.mark.parametrize("path", ["/v1/stream?", "/v1/poll?wait=30&", "/notification/socket-connection?user_email=a&"])
def test_half_closed_connection_gets_no_stream(server: Server, name: Name, path: str) -> None:
    """To be heard to leave is how one's place is given up."""
    said_and_done(server, f"GET {path}user={name('alice')} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    online = f"/v1/users/{name('alice')}/presence"
    eventually("the user is gone", lambda: server.request("GET", online).json["connections"] == 0)
