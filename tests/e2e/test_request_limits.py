"""Limits on the cost of a request before its caller is known."""

import re
import socket
import time
from collections.abc import Iterator

import pytest

from tests.servers import PATIENCE, Server

LINE, HEAD = 8 * 1024, 32 * 1024


def answer(server: Server, *parts: bytes) -> tuple[int, bytes]:
    """The status and the body of the first answer."""
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(0.05)  # so that each comes as a packet of its own
        data = b""
        while part := connection.recv(65536):
            data += part
        match = re.match(rb"HTTP/1\.1 (\d{3}) ", data)
        assert match is not None, data
        return int(match[1]), data.partition(b"\r\n\r\n")[2]


END = b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def test_target_of_8_kb_is_read_and_a_longer_one_is_not(server: Server) -> None:
    start = b"GET /healthz?"
    fits = start + b"a" * (LINE - len("/healthz?"))
    assert answer(server, fits + END)[0] == 200
    status, body = answer(server, fits + b"a" + END)
    assert (status, b"8192" in body, b"uri_too_long" in body) == (414, True, True)
    assert answer(server, start + b"%41&" * 15_000 + END)[0] == 414
    assert answer(server, fits[:5000], fits[5000:] + b"a" * 70_000)[0] == 414


def test_head_of_32_kb_is_read_and_a_larger_one_is_not(server: Server) -> None:
    def request(size: int) -> bytes:
        fields = b"".join(b"X-%04d: %b\r\n" % (n, b"v" * 1000) for n in range(size // 1010))
        return b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + fields + b"Connection: close\r\n\r\n"

    assert answer(server, request(30 * 1024))[0] == 200
    status, body = answer(server, request(34 * 1024))
    assert (status, b"32768" in body, b"headers_too_large" in body) == (431, True, True)
    endless = [b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: ", *[b"a" * 11_000] * 3]
    assert answer(server, *endless)[0] == 431
    assert answer(server, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 300 + b"\r\n")[0] == 431


def test_limit_is_that_of_one_request_and_not_of_a_connection(server: Server) -> None:
    field = b"X: " + b"v" * 20_000 + b"\r\n"
    one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + field
    assert answer(server, (one + b"\r\n") * 5 + one + b"Connection: close\r\n\r\n")[0] == 200


def test_token_is_at_most_8_kb(server: Server) -> None:
    got = server.request("GET", f"/v1/poll?user=a&ticket={'a' * 8000}")
    assert (got.status, got.json["code"]) == (401, "invalid_token")


@pytest.mark.parametrize("attack", [b"GET /v1/poll?" + b"%41&" * 15_000 + END])
def test_absurd_query_costs_a_moment(server: Server, attack: bytes) -> None:
    began = time.process_time()
    assert answer(server, attack)[0] == 414
    assert time.process_time() - began < 1


def test_body_is_not_awaited_before_its_caller_is_known(serving: Server) -> None:
    for line in (
        b"POST /v1/notifications", b"POST /v1/notifications:batch", b"POST /v1/inbox/read", b"PUT /v1/preferences",
        b"PATCH /v1/notifications/x", b"POST /v1/tickets", b"POST /v1/topics/author/4/followers",
        b"GET /notification/socket-connection", b"GET /notification/export-excel",
    ):  # fmt: skip
        head = line + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nConnection: close\r\n\r\n"
        assert answer(serving, head)[0] == 401, line


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(db=tmp_path_factory.mktemp("serving") / "tidings.db", mode="serve", settings={"seed": True}).start()
    yield server
    server.kill()
