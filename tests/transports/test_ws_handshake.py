"""Opening of a WebSocket: the handshake of RFC 6455, pages of known origins, tokens and tickets."""

import http.client
import json
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.servers import HOST, HttpResponse, Server, free_port
from tidings.auth.tokens import issue
from tidings.domain.topics import User

SECRET = "a secret of the tests, long enough to sign with"
APP = "https://app.example"
UPGRADE = {
    "Connection": "keep-alive, Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def serve(folder: Path, **settings: object) -> Iterator[Server]:
    port = free_port()
    given = {"mode": "serve", "secret": SECRET, "port": port, "heartbeat": 1, "cors_origins": APP, **settings}
    argv = [sys.executable, "-m", "tidings", "serve"]
    server = Server(db=folder / "tidings.db", port=port, settings=given, argv=argv).start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Pages of one origin may call, and their browsers keep the cookies to themselves."""
    yield from serve(tmp_path_factory.mktemp("strict"))


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The same, with cookies."""
    yield from serve(tmp_path_factory.mktemp("lenient"), cors_credentials="true")


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Any page may call, without cookies."""
    yield from serve(tmp_path_factory.mktemp("public"), cors_origins="*")


def token(user: str = "alice", *, lifetime: int = 24 * 3600) -> str:
    return issue(SECRET, user=User(user), publish=True, topics=(), now=int(time.time()), lifetime=lifetime)


def bearer(user: str = "alice") -> dict[str, str]:
    return {"Authorization": f"Bearer {token(user)}"}


def cookie() -> dict[str, str]:
    return {"Cookie": f"tidings_token={token()}"}


def refusal(server: Server, headers: Mapping[str, str], path: str = "/v1/ws", method: str = "GET") -> HttpResponse:
    return server.request(method, path, headers=headers)


def opened(server: Server, headers: Mapping[str, str], path: str = "/v1/ws") -> int:
    """The status that a handshake gets: 101, or a problem that says the same."""
    lines = [
        f"GET {path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in ({"Host": host(server)} | UPGRADE | dict(headers)).items()),
    ]
    with socket.create_connection((HOST, server.port), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return int(connection.recv(4096).split(b" ")[1])


def host(server: Server) -> str:
    return f"{server.host}:{server.port}"


# The handshake


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"Upgrade": "h2c"}, 426, "upgrade_required"),
        ({"Connection": "keep-alive"}, 426, "upgrade_required"),
        ({"Sec-WebSocket-Key": ""}, 400, "invalid_handshake"),
        ({"Sec-WebSocket-Key": "c2hvcnQ="}, 400, "invalid_handshake"),
        ({"Sec-WebSocket-Key": "not base64 \xff"}, 400, "invalid_handshake"),
        ({"Sec-WebSocket-Version": "8"}, 400, "invalid_handshake"),
    ],
)
def test_bad_handshake_is_refused_with_the_reason(
    strict: Server, wrong: dict[str, str], status: int, code: str
) -> None:
    answer = refusal(strict, UPGRADE | wrong | bearer())
    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.headers["upgrade"], answer.headers["sec-websocket-version"]) == ("websocket", "13")


def test_a_plain_get_is_told_what_is_required(strict: Server) -> None:
    answer = refusal(strict, {})
    assert (answer.status, answer.headers["upgrade"]) == (426, "websocket")


def test_the_connection_of_a_refusal_goes_on(strict: Server) -> None:
    with closing(http.client.HTTPConnection(HOST, strict.port, timeout=10)) as connection:
        connection.connect()
        before = connection.sock
        for headers in ({}, UPGRADE, {}):  # the second lacks a token
            connection.request("GET", "/v1/ws", headers=headers)
            response = connection.getresponse()
            response.read()
            assert response.status == (401 if headers else 426)
        assert connection.sock is before


def test_where_the_server_has_no_websockets_another_transport_is_named(tmp_path: Path) -> None:
    server = Server(db=tmp_path / "tidings.db", mode="uvicorn").start()
    try:
        answer = refusal(server, UPGRADE, "/v1/ws?user=alice")
        assert (answer.status, answer.json["code"]) == (501, "upgrade_unavailable")
    finally:
        server.kill()


# Pages


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 101),  # no browser
        (APP, 101),
        ("https://app.example.evil.example", 403),
        ("https://evil.example", 403),
        ("http://app.example", 403),
        ("https://app.example:8443", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_a_page_may_connect_if_cors_would_let_it_read(strict: Server, origin: str | None, status: int) -> None:
    assert opened(strict, bearer() | ({"Origin": origin} if origin is not None else {})) == status


def test_a_page_of_the_same_origin_may_always_connect(strict: Server) -> None:
    assert opened(strict, cookie() | {"Origin": f"http://{host(strict)}"}) == 101
    assert opened(strict, cookie() | {"Origin": f"http://{host(strict)}0"}) == 403


def test_a_cookie_is_not_enough_for_a_page_that_may_not_send_it(
    strict: Server, lenient: Server, public: Server
) -> None:
    page = {"Origin": APP}
    assert [opened(server, cookie() | page) for server in (strict, lenient, public)] == [403, 101, 403]
    assert [opened(server, bearer() | page) for server in (strict, lenient, public)] == [101, 101, 101]
    assert [opened(server, cookie()) for server in (strict, lenient, public)] == [403, 403, 403]


def test_a_refused_page_is_told_why(strict: Server) -> None:
    answer = refusal(strict, UPGRADE | bearer() | {"Origin": "https://evil.example"})
    assert (answer.status, answer.json["code"]) == (403, "origin_forbidden")


# Tokens


def socket_of(server: Server, headers: Mapping[str, str], query: str = "") -> ClientConnection:
    return connect(f"ws://{host(server)}/v1/ws{query}", additional_headers=headers)


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({}, "", 401),
        ({}, "?user=alice", 401),
        ({"Authorization": "Bearer nonsense"}, "", 401),
        ({}, "?ticket=nonsense", 401),
        (bearer(), "?topic=user/bob", 403),
        (bearer(), "?topic=author/42", 403),
        (bearer(), "?cursor=nonsense", 400),
    ],
)
def test_caller_without_a_grant_is_refused_before_anything_is_sent(
    strict: Server, headers: dict[str, str], query: str, status: int
) -> None:
    with pytest.raises(InvalidStatus) as refused, socket_of(strict, headers, query):
        pass
    assert refused.value.response.status_code == status


def test_a_ticket_opens_one_socket_and_no_second(strict: Server) -> None:
    ticket = strict.request("POST", "/v1/tickets", headers=bearer()).json["ticket"]
    assert opened(strict, {"Origin": APP}, f"/v1/ws?ticket={ticket}") == 101
    assert opened(strict, {"Origin": APP}, f"/v1/ws?ticket={ticket}") == 401


def test_a_socket_ends_with_its_token_and_says_so(strict: Server) -> None:
    until = int(time.time()) + 4
    with socket_of(strict, {"Authorization": f"Bearer {token(lifetime=4)}"}) as alice:
        said = [json.loads(alice.recv(timeout=10))["type"] for _ in range(3)]
        with pytest.raises(ConnectionClosed) as closed:
            alice.recv(timeout=10)
    assert said == ["hello", "expiring", "goaway"]
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401
    assert time.time() <= until


def test_a_waiting_poll_ends_with_its_token(strict: Server) -> None:
    until = int(time.time()) + 3
    answer = strict.request("GET", "/v1/poll?wait=30", headers={"Authorization": f"Bearer {token(lifetime=3)}"})
    assert (answer.status, answer.json["events"], answer.headers["connection"]) == (200, [], "close")
    assert time.time() <= until
