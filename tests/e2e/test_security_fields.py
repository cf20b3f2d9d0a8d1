"""No answer of the server is taken for a page by a browser, whichever layer gives it."""

import re
import socket
from collections.abc import Iterator

import pytest

from tests.servers import PATIENCE, Server

UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
UPGRADE += b"A" * 22 + b"==\r\n\r\n"
ASKED = {
    "another host": b"GET /v1/poll HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "no HTTP": b"junk\r\n\r\n",
    "a long target": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a method that is none": b"FOO / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path that is none": b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "another method": b"DELETE /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no credential": b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no credential for a WebSocket": b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\n" + UPGRADE,
    "the server's options": b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a preflight that is refused": (
        b"OPTIONS /v1/poll HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n"
        b"Access-Control-Request-Method: GET\r\n\r\n"
    ),
    "a preflight": (
        b"OPTIONS /v1/poll HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\r\n"
        b"Access-Control-Request-Method: GET\r\n\r\n"
    ),
    "the page": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a module": b"GET /js/define.js HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "the problems": b"GET /problems HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"hosts": "localhost", "cors_origins": "https://app.example"}
    server = Server(db=tmp_path_factory.mktemp("fields") / "tidings.db", mode="serve", settings=settings).start()
    yield server
    server.kill()


@pytest.mark.parametrize("name", ASKED)
def test_every_answer_is_sniffed_by_no_browser_and_runs_nothing_in_it(server: Server, name: str) -> None:
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as connection:
        connection.sendall(ASKED[name])
        head = b""
        while b"\r\n\r\n" not in head:
            part = connection.recv(65536)
            assert part, head
            head += part
    head = head.partition(b"\r\n\r\n")[0].lower()
    assert head.count(b"\r\nx-content-type-options: nosniff") == 1, head
    assert len(re.findall(rb"\r\ncontent-security-policy: [^\r]*default-src '(none|self)'", head)) == 1, head
