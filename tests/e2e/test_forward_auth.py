"""`TIDINGS_AUTH_URL`: the application's own session opens streams and inboxes, and ends them."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.conftest import StartServer
from tests.servers import HOST, Server
from tests.streams import connect
from tidings.background.session_check import EVERY


class Application(ThreadingHTTPServer):
    """An application with a session for each `sid`: the user is what it says, or the answer is its status."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), Handler)
        self.over: set[str] = set()
        self.asked: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}/whoami?from=tidings"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Application

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append({**headers, "path": self.path})
        sid = headers.get("cookie", "").partition("sid=")[2] or headers.get("authorization", "").partition(" ")[2]
        if sid == "slow":
            time.sleep(4)
        status = int(sid) if sid.isdecimal() else 401 if sid in self.server.over or not sid else 200
        self.send_response(status)
        if status in (200, 302):
            self.send_header("Tidings-User", sid)
        if status == 302:
            self.send_header("Location", f"http://{HOST}:{self.server.server_port}/elsewhere")
        self.send_header("Set-Cookie", f"sid={sid}; Path=/")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def application() -> Iterator[Application]:
    with Application() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def server(start_server: StartServer, application: Application) -> Server:
    return start_server("serve", auth_url=application.url, secret="")


def cookie(sid: str) -> dict[str, str]:
    return {"Cookie": f"sid={sid}"}


def test_session_of_the_application_is_the_credential(server: Server, application: Application) -> None:
    sent = {**cookie("alice"), "Authorization": "Bearer opaque", "X-Secret": "1", "User-Agent": "somebody"}
    answer = server.request("GET", "/v1/inbox/counters", headers=sent)
    assert answer.status == 200
    [asked] = application.asked
    assert (asked["cookie"], asked["authorization"]) == ("sid=alice", "Bearer opaque")
    assert (asked["path"], "x-secret" in asked) == ("/whoami?from=tidings", False)
    for _ in range(5):
        server.request("GET", "/v1/inbox", headers=sent)
    assert len(application.asked) == 1
    # A cookie that the application sets with its answer about one user is not sent with the next question.
    assert server.request("GET", "/v1/inbox", headers={"Authorization": "Bearer bob"}).status == 200
    assert "cookie" not in application.asked[1]


@pytest.mark.parametrize(
    ("sid", "status", "code"),
    [
        ("401", 401, "not_identified"),
        ("403", 403, "session_forbidden"),
        ("302", 503, "session_unavailable"),
        ("204", 503, "session_unavailable"),
        ("500", 503, "session_unavailable"),
        ("slow", 503, "session_unavailable"),
    ],
)
def test_session_is_refused_or_unknown_in_time(
    server: Server, application: Application, sid: str, status: int, code: str
) -> None:
    began = time.monotonic()
    answer = server.request("GET", "/v1/inbox", headers=cookie(sid))
    assert (answer.status, answer.json["code"]) == (status, code)
    assert time.monotonic() - began < 3.5
    assert [asked["path"] for asked in application.asked] == ["/whoami?from=tidings"]  # no redirect is followed


def test_request_without_a_session_asks_nobody(server: Server, application: Application) -> None:
    assert server.request("GET", "/v1/inbox").json["code"] == "not_identified"
    assert server.request("POST", "/v1/session", headers={"Authorization": "Bearer alice"}).status == 400
    evil = {**cookie("alice"), "Origin": "https://evil.example", "Content-Type": "application/json"}
    assert server.request("POST", "/v1/inbox/read", {"ids": []}, headers=evil).json["code"] == "origin_forbidden"
    assert application.asked == []


def test_ticket_of_a_session_opens_a_stream_for_a_minute(server: Server) -> None:
    own = {**cookie("alice"), "Origin": server.url}
    ticket = server.request("POST", "/v1/tickets", headers=own).json["ticket"]
    with closing(connect((server.host, server.port), f"/v1/stream?ticket={ticket}").begin()) as stream:
        [expiring] = stream.take(1)
        assert expiring.type == "expiring"
    assert b"sid=alice" not in b"".join(path.read_bytes() for path in server.db.parent.glob(f"{server.db.name}*"))


@pytest.mark.timeout(200)
def test_open_stream_ends_within_a_minute_of_its_session(server: Server, application: Application) -> None:
    address = (server.host, server.port)
    with (
        closing(connect(address, "/v1/stream", headers=cookie("alice").items()).begin()) as over,
        closing(connect(address, "/v1/stream", headers=cookie("bob").items()).begin()) as well,
    ):
        application.over.add("alice")
        began = time.monotonic()
        [goaway] = over.rest(within=EVERY + 15)
        assert (goaway.type, goaway.json["reason"]) == ("goaway", "token_expired")
        assert time.monotonic() - began < EVERY + 10
        assert server.request("GET", "/v1/inbox", headers=cookie("alice")).status == 401
        assert server.connections() == 1
        assert well is not None
