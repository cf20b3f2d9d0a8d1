"""HTTP by the letter (RFC 9110, 9112, 6585), as a client sees it on the socket."""

import json
import re
import socket
from typing import Any

import pytest

from tests.conftest import Name
from tests.servers import PATIENCE, Server

HOST = b"Host: localhost\r\n"
DRAFT = b'{"to":{"user":"%b"},"body":"b"}'


def exchange(server: Server, data: bytes, *, shut: bool = False) -> bytes:
    """Everything that comes back until the server ends the connection."""
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as client:
        client.sendall(data)
        if shut:
            client.shutdown(socket.SHUT_WR)
        found = b""
        while part := client.recv(65536):
            found += part
        return found


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def problem(answer: bytes) -> Any:
    return json.loads(answer.rpartition(b"\r\n\r\n")[2])


def post(user: str, *fields: bytes) -> bytes:
    body = DRAFT % user.encode()
    head = b"POST /v1/notifications HTTP/1.1\r\n" + HOST + b"".join(field + b"\r\n" for field in fields)
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def test_request_before_junk_is_answered_first(server: Server, name: Name) -> None:
    answer = exchange(server, post(name("x")) + b"}")
    assert statuses(answer) == [201, 400]
    assert problem(answer)["code"] == "invalid_http"


def test_pipelined_requests_before_junk_are_all_answered(server: Server, name: Name) -> None:
    assert statuses(exchange(server, post(name("x")) * 3 + b"\0\0")) == [201, 201, 201, 400]


def test_request_before_junk_and_the_end_is_answered_first(server: Server, name: Name) -> None:
    assert statuses(exchange(server, post(name("x")) + b"}", shut=True)) == [201, 400]


def test_white_space_after_a_value_is_no_part_of_it(server: Server, name: Name) -> None:
    key = f"Idempotency-Key: {name('k')}".encode()
    answer = exchange(server, post(name("x"), key + b" \t") + post(name("x"), key) + b"\0")
    assert statuses(answer)[:2] == [201, 201]
    assert b"idempotent-replayed: true" in answer


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: \r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a@b\r\n\r\n",
    ],
    ids=["none", "two", "a space", "empty", "a user"],
)
def test_request_without_one_good_host_is_refused(server: Server, head: bytes) -> None:
    answer = exchange(server, head)
    assert statuses(answer) == [400]
    assert "Host" in problem(answer)["detail"]


def test_request_of_http_1_0_needs_no_host_and_gets_no_100(server: Server, name: Name) -> None:
    body = DRAFT % name("x").encode()
    head = b"POST /v1/notifications HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert statuses(exchange(server, head + body)) == [201]


def test_refusal_that_leaves_a_body_unread_says_close_and_arrives(server: Server) -> None:
    """To go on would take the body for the next request; to hang up on it would reset the answer away."""
    head = b"POST /v1/notifications HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999\r\n\r\n"
    answer = exchange(server, head + b"x" * 500_000, shut=True)
    assert statuses(answer) == [413]
    assert b"\r\nconnection: close\r\n" in answer


@pytest.mark.parametrize(
    ("fields", "status"),
    [(b"", 426), (b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", 400)],
)
def test_refused_handshake_says_what_to_upgrade_to(server: Server, fields: bytes, status: int) -> None:
    answer = exchange(server, b"GET /v1/ws?user=a HTTP/1.1\r\n" + HOST + fields + b"\r\n", shut=True).lower()
    assert statuses(answer.replace(b"http/1.1", b"HTTP/1.1")) == [status]
    assert b"\r\nupgrade: websocket\r\n" in answer
    assert b"\r\nconnection: upgrade\r\n" in answer


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /v1/poll?user=dated&wait=1 HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n",
        b"nonsense\r\n\r\n",
    ],
    ids=["200", "404", "a poll that waited", "400"],
)
def test_every_answer_has_one_date(server: Server, head: bytes) -> None:
    answer = exchange(server, head, shut=b"healthz" in head or b"nowhere" in head)
    assert len(re.findall(rb"(?i)\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n", answer)) == 1


@pytest.mark.parametrize("method", [b"BREW", b"PROPFIND", b"get", b"CONNECT"])
def test_unknown_method_is_not_implemented(server: Server, method: bytes) -> None:
    answer = exchange(server, method + b" /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
    assert statuses(answer) in ([501], [400] if method == b"CONNECT" else [501])


def test_options_of_the_server_lists_its_methods(server: Server) -> None:
    answer = exchange(server, b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", shut=True)
    assert statuses(answer) == [204]
    assert b"\r\nallow: DELETE, GET, HEAD" in answer


@pytest.mark.parametrize(
    ("head", "status", "said"),
    [
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, "8192"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"a: " + b"b" * 33_000 + b"\r\n\r\n", 431, "32768"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"a: b\r\n" * 201 + b"\r\n", 431, "200"),
    ],
    ids=["target", "head", "fields"],
)
def test_limit_is_named(server: Server, head: bytes, status: int, said: str) -> None:
    answer = exchange(server, head)
    assert statuses(answer) == [status]
    assert said in problem(answer)["detail"]


def test_raw_utf_8_in_a_query_is_told_so(server: Server) -> None:
    answer = exchange(server, "GET /v1/poll?user=é HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert statuses(answer) == [400]
    assert problem(answer)["code"] == "invalid_target"


def test_compressed_body_is_refused_by_what_is_read(shared: Server) -> None:
    answer = shared.request("POST", "/v1/notifications", body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    assert (answer.status, answer.json["code"]) == (415, "unsupported_encoding")
    assert answer.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("method", "path", "cache"),
    [
        ("GET", "/v1/inbox?user=a", "private, no-cache"),
        ("GET", "/v1/inbox/counters?user=a", "private, no-"),
        ("GET", "/v1/poll?user=a", "private, no-cache"),
        ("GET", "/v1/poll?user=a&wait=1", "private, no-store"),
        ("GET", "/v1/follows?user=a", "private, no-"),
        ("GET", "/v1/preferences?user=a", "private, no-"),
        ("POST", "/v1/tickets?user=a", "private, no-store"),
        ("GET", "/v1/users/a/presence", "private, no-store"),
        ("GET", "/v1/poll", "private, no-store"),
        ("GET", "/v1/stream?user=a&cursor=junk", "private, no-store"),
        ("DELETE", "/v1/session", "private, no-store"),
        ("DELETE", "/v1/notifications?entity=nothing/1", "private, no-store"),
        ("GET", "/nowhere", "private, no-store"),
        ("PUT", "/v1/poll", "private, no-store"),
        ("POST", "/v1/notifications", "private, no-store"),
    ],
)
def test_no_cache_keeps_what_is_personal_or_an_error(shared: Server, method: str, path: str, cache: str) -> None:
    answer = shared.request(method, path)
    assert answer.headers["cache-control"].startswith(cache)
    assert ("etag" in answer.headers) == answer.headers["cache-control"].endswith("no-cache")
