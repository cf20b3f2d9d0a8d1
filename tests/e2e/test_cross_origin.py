"""Cross-origin requests: a page of another origin can do nothing with a cookie that its browser sends along."""

import http.client
import json
import time
from collections.abc import Iterator

import pytest

from tests.servers import SECRET, HttpResponse, Server
from tidings.auth.tokens import issue
from tidings.domain.topics import User

APP, EVIL = "https://app.example", "https://evil.example"
JSON = {"Content-Type": "application/json"}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def token(user: str = "alice", *, publish: bool = False) -> str:
    return issue(SECRET, user=User(user), publish=publish, topics=[], now=int(time.time()), lifetime=600)


def cookie(*, publish: bool = False) -> dict[str, str]:
    return {"Cookie": f"tidings_token={token(publish=publish)}"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    server = Server(
        db=folder / "tidings.db", mode="serve", settings={"cors_origins": APP, "cors_credentials": "true"}
    ).start()
    yield server
    server.kill()


def own(server: Server) -> str:
    return f"http://{server.host}:{server.port}"


def mark(server: Server, headers: dict[str, str]) -> HttpResponse:
    return server.request("POST", "/v1/inbox/read", body=b'{"ids":[]}', headers=headers)


@pytest.mark.parametrize(
    "origin", [EVIL, "null", "", f"{APP}.evil.example", "http://app.example", "https://app.example:8443"]
)
@pytest.mark.parametrize("kind", [JSON, {"Content-Type": "text/plain"}], ids=["json", "text"])
def test_foreign_origin_changes_nothing_by_cookie(server: Server, origin: str, kind: dict[str, str]) -> None:
    answer = mark(server, cookie() | kind | {"Origin": origin})
    assert (answer.status, answer.json["code"]) == (403, "origin_forbidden")


def test_own_and_listed_origins_may(server: Server) -> None:
    assert mark(server, cookie() | JSON | {"Origin": own(server)}).status == 200
    assert mark(server, cookie() | JSON | {"Origin": APP}).status == 200


@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 200), ("same-site", 403), ("cross-site", 403), ("none", 403), ("", 403), (None, 403)],
)
def test_request_without_origin_is_ours_by_sec_fetch_site(server: Server, site: str | None, status: int) -> None:
    said = {} if site is None else {"Sec-Fetch-Site": site}
    assert mark(server, cookie() | JSON | said).status == status


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("Application/JSON ; charset=utf-8", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("text/plain; application/json", 415),
        ("application/json-seq", 415),
        (None, 415),
    ],
)
def test_body_by_cookie_is_json(server: Server, kind: str | None, status: int) -> None:
    said = {} if kind is None else {"Content-Type": kind}
    assert mark(server, cookie() | {"Origin": own(server)} | said).status == status


def test_unsafe_methods_without_a_body_need_the_origin_too(server: Server) -> None:
    for method, path in [("PUT", "/v1/follows/author/4"), ("DELETE", "/v1/follows/author/4"), ("POST", "/v1/tickets")]:
        assert server.request(method, path, headers=cookie() | {"Origin": EVIL}).status == 403, path
        assert server.request(method, path, headers=cookie()).status == 403, path
        ours = server.request(method, path, headers=cookie() | {"Origin": own(server)})
        assert ours.status != 403 or ours.json["code"] == "topic_forbidden", path


def test_cookie_never_publishes(server: Server) -> None:
    for method, path, body in [
        ("POST", "/v1/notifications", {"to": {"all": True}, "body": "x"}),
        ("POST", "/v1/notifications:batch", []),
        ("PATCH", "/v1/notifications/x", {"body": "x"}),
        ("DELETE", "/v1/notifications/x", None),
        ("PUT", "/v1/topics/author/4/followers/bob", None),
        ("GET", "/v1/users/bob/presence", None),
    ]:
        headers = cookie(publish=True) | JSON | {"Origin": own(server)}
        answer = server.request(method, path, body, headers=headers)
        assert (answer.status, answer.json["code"]) == (403, "publish_forbidden"), path


def test_token_in_a_header_needs_neither(server: Server) -> None:
    """No browser sends it by itself."""
    assert mark(server, {"Authorization": f"Bearer {token()}"}).status == 200


def opened(server: Server, headers: dict[str, str], query: str = "") -> int:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    try:
        connection.request("GET", f"/v1/ws{query}", headers=UPGRADE | headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("?ticket=", {}),
        ("?ticket=x", {}),
        ("?ticket", {}),
        ("", {"Authorization": "Basic YTpi"}),
        ("", {"Authorization": ""}),
        ("", {"Authorization": "Bearer"}),
        ("", {"Authorization": "Bearer x"}),
    ],
)
def test_a_credential_that_is_none_does_not_make_way_for_the_cookie(
    server: Server, query: str, headers: dict[str, str]
) -> None:
    for origin in (EVIL, own(server)):
        status = opened(server, cookie() | headers | {"Origin": origin}, query)
        assert status in ({401, 403} if origin == EVIL else {401})
        poll = server.request("GET", f"/v1/poll{query}", headers=cookie() | headers | {"Origin": origin})
        assert poll.status == 401


def test_websocket_by_cookie_is_for_own_and_listed_pages(server: Server) -> None:
    assert opened(server, cookie() | {"Origin": EVIL}) == 403
    assert opened(server, cookie() | {"Origin": "null"}) == 403
    assert opened(server, cookie()) == 403  # browsers always say where a WebSocket comes from
    assert opened(server, cookie() | {"Origin": APP}) == 101
    assert opened(server, cookie() | {"Origin": own(server)}) == 101


def test_two_different_cookies_of_ours_are_none(server: Server) -> None:
    """A neighbour's subdomain can set a cookie beside ours, and must not choose the user."""
    two = f"tidings_token={token('alice')}; tidings_token={token('mallory')}"
    assert server.request("GET", "/v1/inbox", headers={"Cookie": two}).status == 401
    same = token("alice")
    twice = f"a=b; tidings_token={same}; tidings_token={same}"
    assert server.request("GET", "/v1/inbox", headers={"Cookie": twice}).status == 200


@pytest.mark.parametrize("junk", ["=;" * 3000, '"\\' * 3000, "a=" * 2500, ";" * 6000, "tidings_token;" * 400])
def test_cookie_header_is_read_in_one_pass(server: Server, junk: str) -> None:
    mine = f"{junk}; tidings_token={token()}"
    began = time.perf_counter()
    assert server.request("GET", "/v1/inbox", headers={"Cookie": mine}).status == 200
    assert time.perf_counter() - began < 1


def test_refusal_by_origin_is_json_like_every_other(server: Server) -> None:
    answer = mark(server, cookie() | JSON | {"Origin": EVIL})
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.body)["status"] == 403
