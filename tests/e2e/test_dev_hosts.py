"""`tidings dev` has no authentication, so it answers this machine's own names and pages only."""

import pytest

from tests.conftest import Name, StartServer
from tests.servers import HttpResponse, Server


@pytest.fixture
def server(start_server: StartServer) -> Server:
    return start_server(cors_origins="")


def asked(server: Server, host: str, path: str = "/v1/inbox?user=alice", **headers: str) -> HttpResponse:
    return server.request("GET", path, headers={"Host": host, **headers})


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "app.localhost:3000", "127.0.0.1:8000", "127.9.8.7", "[::1]", "[::1]:8000"]
)
def test_names_of_this_machine_are_answered(server: Server, host: str) -> None:
    assert asked(server, host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "localhost.evil.example", "evil-localhost", "127.0.0.1.evil.example", "128.0.0.1", "0.0.0.0",
        "[::2]", "127.1", "127.0.0.01", "2130706433", "xlocalhost",
        "169.254.169.254", "[::ffff:127.0.0.1]", ".localhost",
    ],
)  # fmt: skip
def test_other_names_are_misdirected(server: Server, host: str) -> None:
    for path in ("/v1/inbox?user=alice", "/", "/healthz", "/nowhere", "/js/define.js"):
        answer = asked(server, host, path)
        assert (answer.status, answer.json["code"]) == (421, "misdirected")


@pytest.mark.parametrize("host", ["localhost", "evil.example"])
def test_host_of_an_absolute_target_replaces_the_header(server: Server, host: str) -> None:
    """RFC 9112, section 3.2.2."""
    expected = {
        "http://localhost/v1/inbox?user=alice": 200,
        "HTTP://127.0.0.1:80/v1/inbox?user=alice": 200,
        "http://localhost": 200,
        "http://evil.example/v1/inbox?user=alice": 421,
        "http://evil.example?user=alice": 421,
        "http://evil.example": 421,
        "http://localhost@evil.example/v1/inbox?user=alice": 400,
        "http:///v1/inbox?user=alice": 400,
        "ftp://localhost/v1/inbox?user=alice": 400,
        "localhost:80": 400,
    }
    assert {target: asked(server, host, target).status for target in expected} == expected


@pytest.mark.parametrize("host", ["::1", "localhost:80:80", "a@localhost"])
def test_host_header_without_a_host_and_port_is_not_http(server: Server, host: str) -> None:
    answer = asked(server, host)
    assert (answer.status, answer.json["code"]) == (400, "invalid_http")


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "http://127.0.0.1", "https://app.localhost:8443", "http://[::1]:5173"]
)
def test_front_end_on_this_machine_reads_and_writes_without_a_setting(server: Server, origin: str, name: Name) -> None:
    user = name("alice")
    page = {"Origin": origin}
    sent = server.request("POST", "/v1/notifications", {"to": {"user": user}, "body": "b"}, headers=page)
    assert (sent.status, sent.headers["access-control-allow-origin"]) == (201, origin)
    read = server.request("GET", f"/v1/inbox?user={user}", headers=page)
    assert (read.status, read.headers["access-control-allow-origin"]) == (200, origin)
    assert "origin" in read.headers["vary"].lower()
    asked = {**page, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    assert server.request("OPTIONS", "/v1/notifications", headers=asked).status == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://localhost.evil.example", "file://"])
def test_other_pages_neither_read_nor_write(server: Server, origin: str, name: Name) -> None:
    user = name("alice")
    simple = {"Origin": origin, "Content-Type": "text/plain"}
    sent = server.request("POST", "/v1/notifications", {"to": {"user": user}, "body": "b"}, headers=simple)
    assert (sent.status, sent.json["code"]) == (403, "origin_forbidden")
    for path in (f"/v1/inbox?user={user}", f"/v1/poll?user={user}", f"/notification/export-excel?user_email={user}"):
        answer = server.request("GET", path, headers={"Origin": origin})
        assert (answer.status, "access-control-allow-origin" in answer.headers) == (403, False)
    assert server.request("GET", f"/v1/inbox?user={user}").json["data"] == []


def test_picture_in_a_foreign_page_has_no_effect(server: Server, name: Name) -> None:
    """No Origin comes with it; the browser says that it is from elsewhere."""
    picture = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    for path in (f"/notification/export-excel?user_email={name('a')}", f"/v1/poll?user={name('a')}"):
        assert server.request("GET", path, headers=picture).status == 403
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert server.request("GET", "/", headers=link).status == 200
    assert server.request("GET", f"/notification/export-excel?user_email={name('a')}", headers=link).status == 403


def test_listed_origin_reads_and_writes(start_server: StartServer, name: Name) -> None:
    server = start_server(cors_origins="https://app.example")
    page = {"Origin": "https://app.example"}
    answer = server.request("POST", "/v1/notifications", {"to": {"user": name("a")}, "body": "b"}, headers=page)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (201, "https://app.example")
    assert server.request("GET", "/v1/inbox?user=a", headers={"Origin": "http://localhost:3000"}).status == 200


def test_serve_answers_every_name_or_those_that_are_listed(start_server: StartServer) -> None:
    open_ = start_server("serve")
    assert asked(open_, "any.example").status == 401
    server = start_server("serve", hosts="app.example, *.app.example,127.0.0.1")
    for host in ("app.example", "APP.example:443", "a.app.example", "127.0.0.1:8000"):
        assert asked(server, host).status == 401, host
    for host in ("evil.example", "app.example.evil.example", "notapp.example", "localhost"):
        assert asked(server, host).status == 421, host
    assert asked(server, "10.0.0.7", "/readyz").status == 200  # a load balancer asks by address
