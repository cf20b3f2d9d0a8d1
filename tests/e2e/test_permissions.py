"""Permissions: every operation, by every kind of caller and credential, on its own data, another user's, forbidden."""

import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from starlette.routing import Route

from tests.servers import SECRET, Server, environment
from tidings.app import create_app
from tidings.settings import Settings

UPGRADE = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}  # fmt: skip
ONE = {"to": {"topic": "author/4"}, "body": "b"}

# Each operation with a request (on the caller's own data, if it is about a user), and its plane.
PUBLIC, RECEIVE, LISTEN, TOPIC, PRESENCE, EVERYTHING = "public", "receive", "listen", "topic", "presence", "everything"
OPERATIONS: dict[tuple[str, str], tuple[str, str, Any]] = {
    ("get", "/healthz"): (PUBLIC, "/healthz", None),
    ("get", "/readyz"): (PUBLIC, "/readyz", None),
    ("get", "/metrics"): (PUBLIC, "/metrics", None),
    ("get", "/openapi.json"): (PUBLIC, "/openapi.json", None),
    ("get", "/problems"): (PUBLIC, "/problems", None),
    ("get", "/v1/stream"): (LISTEN, "/v1/stream", None),
    ("get", "/v1/ws"): (LISTEN, "/v1/ws", None),
    ("get", "/v1/poll"): (LISTEN, "/v1/poll", None),
    ("get", "/notification/socket-connection"): (LISTEN, "/notification/socket-connection?user_email=alice", None),
    ("get", "/notification/export-excel"): (RECEIVE, "/notification/export-excel?user_email=alice", None),
    ("get", "/v1/exports/{id}.xlsx"): (RECEIVE, "/v1/exports/x.xlsx", None),
    ("delete", "/v1/exports/{id}"): (RECEIVE, "/v1/exports/x", None),
    ("get", "/v1/inbox"): (RECEIVE, "/v1/inbox", None),
    ("get", "/v1/inbox/counters"): (RECEIVE, "/v1/inbox/counters", None),
    **{
        ("post", f"/v1/inbox/{verb}"): (RECEIVE, f"/v1/inbox/{verb}", {"ids": []})
        for verb in ("read", "unread", "seen", "unseen", "archive", "unarchive")
    },
    ("get", "/v1/follows"): (RECEIVE, "/v1/follows", None),
    ("put", "/v1/follows/{topic}"): (RECEIVE, "/v1/follows/author/4", None),
    ("delete", "/v1/follows/{topic}"): (RECEIVE, "/v1/follows/author/4", None),
    ("get", "/v1/preferences"): (RECEIVE, "/v1/preferences", None),
    ("put", "/v1/preferences"): (RECEIVE, "/v1/preferences", {"mutes": []}),
    ("put", "/v1/preferences/mutes/{mute}"): (RECEIVE, "/v1/preferences/mutes/type:like", None),
    ("delete", "/v1/preferences/mutes/{mute}"): (RECEIVE, "/v1/preferences/mutes/type:like", None),
    ("post", "/v1/tickets"): (RECEIVE, "/v1/tickets", None),
    ("post", "/v1/notifications"): (TOPIC, "/v1/notifications", ONE),
    ("post", "/v1/notifications:batch"): (TOPIC, "/v1/notifications:batch", [ONE]),
    ("patch", "/v1/notifications/{id}"): (EVERYTHING, "/v1/notifications/1", {"body": "c"}),
    ("delete", "/v1/notifications/{id}"): (EVERYTHING, "/v1/notifications/1", None),
    ("delete", "/v1/notifications"): (EVERYTHING, "/v1/notifications?entity=post/9", None),
    ("get", "/v1/topics/{topic}/followers"): (TOPIC, "/v1/topics/author/4/followers", None),
    ("post", "/v1/topics/{topic}/followers"): (TOPIC, "/v1/topics/author/4/followers", {"users": ["bob"]}),
    ("put", "/v1/topics/{topic}/followers/{user}"): (TOPIC, "/v1/topics/author/4/followers/bob", None),
    ("delete", "/v1/topics/{topic}/followers/{user}"): (TOPIC, "/v1/topics/author/4/followers/bob", None),
    ("get", "/v1/users/{user}/presence"): (PRESENCE, "/v1/users/alice/presence", None),
    ("delete", "/v1/users/{user}"): (EVERYTHING, "/v1/users/nobody-here", None),
    ("post", "/v1/revocations"): (EVERYTHING, "/v1/revocations", {"jti": "nobody's"}),
}
# A session begins with a token in the header and ends without one: see test_revocation.py.
ELSEWHERE = {("post", "/v1/session"), ("delete", "/v1/session")}

# By caller and plane: None for may, else the refusal.
ANONYMOUS = dict.fromkeys((RECEIVE, LISTEN, TOPIC, PRESENCE, EVERYTHING), (401, "not_identified"))
INVALID = dict.fromkeys((RECEIVE, LISTEN, TOPIC, PRESENCE, EVERYTHING), (401, "invalid_token"))
NO_USER = dict.fromkeys((RECEIVE, LISTEN), (401, "not_identified"))
NO_PUBLISHER = dict.fromkeys((TOPIC, PRESENCE, EVERYTHING), (403, "publish_forbidden"))
FOREIGN = dict.fromkeys((TOPIC, PRESENCE, EVERYTHING), (403, "publish_forbidden"))
CALLERS: dict[str, dict[str, tuple[int, str]]] = {
    "anonymous": ANONYMOUS,
    "user": NO_PUBLISHER,
    "publisher": NO_USER,
    "user who publishes": {},
    "cookie of a page of ours": NO_PUBLISHER,
    "cookie of one who publishes": NO_PUBLISHER,
    "ticket": {plane: refusal for plane, refusal in INVALID.items() if plane != LISTEN},
    "key for everything": NO_USER,
    "key for author/*": NO_USER | {PRESENCE: (403, "publish_forbidden"), EVERYTHING: (403, "publish_forbidden")},
    "key for others": NO_USER | FOREIGN,
    "expired token": INVALID,
    "token of another secret": INVALID,
    "revoked token": INVALID,
    "key that is none": INVALID,
    "empty Authorization": INVALID,
    "Basic Authorization and a cookie": INVALID,
    "empty ticket and a cookie": INVALID,
}


def signed(secret: str = SECRET, lifetime: int = 3600, **claims: Any) -> str:
    now = int(time.time())
    return jwt.encode({"iat": now, "exp": now + lifetime, **claims}, secret, algorithm="HS256")


class Callers:
    """A server and every kind of caller."""

    def __init__(self, server: Server) -> None:
        self.server = server
        alice = signed(sub="alice", topics=["author/4"])
        both = signed(sub="alice", topics=["author/4"], publish=True)
        cookie = {"Cookie": f"tidings_token={alice}"}
        ours = {"Origin": server.url}
        revoked = signed(sub="alice", publish=True, jti="lost")
        self.headers: dict[str, dict[str, str]] = {
            "anonymous": {},
            "user": bearer(alice),
            "publisher": bearer(signed(publish=True)),
            "user who publishes": bearer(both),
            "cookie of a page of ours": cookie | ours,
            "cookie of one who publishes": {"Cookie": f"tidings_token={both}"} | ours,
            "ticket": {},
            "key for everything": bearer(self._key("all", "*")),
            "key for author/*": bearer(self._key("blog", "author/*")),
            "key for others": bearer(self._key("shop", "shop/*")),
            "expired token": bearer(signed(sub="alice", publish=True, lifetime=-1)),
            "token of another secret": bearer(signed("another secret of 32 characters..", sub="alice", publish=True)),
            "revoked token": bearer(revoked),
            "key that is none": bearer("tdk_" + "a" * 43),
            "empty Authorization": {"Authorization": "", **cookie, **ours},
            "Basic Authorization and a cookie": {"Authorization": "Basic YTpi", **cookie, **ours},
            "empty ticket and a cookie": cookie | ours,
        }
        self.ask("POST", "/v1/revocations", {"jti": "lost"}, self.headers["publisher"])

    def _key(self, name: str, topic: str) -> str:
        command = [
            sys.executable,
            "-m",
            "tidings",
            "key",
            "--db",
            str(self.server.db),
            "create",
            name,
            "--topic",
            topic,
        ]
        return subprocess.run(command, env=environment({}), capture_output=True, text=True, check=True).stdout.strip()

    def ask(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, str]:
        """The status, and the code of a problem."""
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=30)
        data = None if body is None else json.dumps(body)
        kind = {} if body is None else {"Content-Type": "application/json"}
        try:
            connection.request(method, path, data, kind | headers)
            response = connection.getresponse()
            said = b"" if response.status == 101 else response.read()
            problem = response.getheader("content-type", "").startswith("application/problem")
            return response.status, json.loads(said)["code"] if said and problem else ""
        finally:
            connection.close()

    def call(self, caller: str, method: str, path: str, body: Any) -> tuple[int, str]:
        headers = self.headers[caller]
        if path == "/v1/ws":
            headers = UPGRADE | {"Origin": self.server.url} | headers
        elif path.startswith(("/v1/stream", "/notification/socket")):
            method = "HEAD"  # asks for the same, and ends
        mark = "&" if "?" in path else "?"
        if caller == "ticket":
            made = self.server.request(
                "POST", "/v1/tickets", headers=self.headers["user who publishes"] | {"Origin": self.server.url}
            )
            path += f"{mark}ticket={made.json['ticket']}"
        elif caller == "empty ticket and a cookie":
            path += f"{mark}ticket="
        return self.ask(method.upper(), path, body, headers)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    folder = tmp_path_factory.mktemp("permissions")
    server = Server(db=folder / "tidings.db", mode="serve", settings={"seed": True, "heartbeat": 1}).start()
    try:
        made = Callers(server)
        deadline = time.monotonic() + 10
        while made.call("key for others", "get", "/v1/users/x/presence", None)[0] != 403:
            assert time.monotonic() < deadline, "the keys are known within a second"
            time.sleep(0.05)
        yield made
    finally:
        server.kill()


def test_table_has_every_operation(world: Callers) -> None:
    described = world.server.request("GET", "/openapi.json").json["paths"]
    found = {(method, path) for path, methods in described.items() for method in methods}
    assert found == set(OPERATIONS) | ELSEWHERE


PAGES = {("get", "/"), ("get", "/js/{path}")}  # what everybody may read, and no operation


@pytest.mark.anyio
async def test_table_has_every_route_of_the_application(tmp_path: Path) -> None:
    """Described or not, a route without a row fails."""
    app = create_app(Settings(secret=SECRET, db=tmp_path / "routes.db", seed=True))
    async with app.opened():
        routes = [route for route in app.routes if isinstance(route, Route)]
        others = [route for route in app.routes if not isinstance(route, Route)]
    found = {
        (method.lower(), re.sub(r":\w+}", "}", route.path))
        for route in routes
        for method in (route.methods or set()) - {"HEAD"}  # answers as GET does
    }
    assert found == set(OPERATIONS) | ELSEWHERE | PAGES
    assert {getattr(route, "path", None) for route in others} == {"/v1/ws"}  # of servers that frame by themselves


@pytest.mark.parametrize("path", ["/", "/js/define.js"])
@pytest.mark.parametrize("caller", CALLERS)
def test_pages_are_everybodys(world: Callers, caller: str, path: str) -> None:
    assert world.call(caller, "get", path, None)[0] in {200, 302}  # a module's name leads to its version


@pytest.mark.parametrize("caller", CALLERS)
def test_every_operation_is_for_its_callers_and_no_others(world: Callers, caller: str) -> None:
    wrong = []
    for (method, name), (plane, path, body) in OPERATIONS.items():
        status, code = world.call(caller, method, path, body)
        refusal = CALLERS[caller].get(plane)
        if refusal is None:
            if status in {401, 403, 415, 421} or status >= 500:
                wrong.append(f"{method} {name}: {status} {code}, and it is permitted")
        elif status != refusal[0] or code not in {refusal[1], ""}:  # a HEAD has no body to say it in
            wrong.append(f"{method} {name}: {status} {code}, not {refusal}")
    assert wrong == []


OTHERS = [
    ("GET", "/v1/stream?topic=user/bob", None),
    ("GET", "/v1/poll?topic=user/bob", None),
    ("GET", "/v1/poll?topic=author/5", None),
    ("GET", "/v1/poll?topic=author/4/5", None),
    ("PUT", "/v1/follows/author/5", None),
    ("GET", "/notification/export-excel?user_email=bob", None),
    ("GET", "/notification/socket-connection?user_email=bob", None),
]


@pytest.mark.parametrize(("method", "path", "body"), OTHERS, ids=[path for _, path, _ in OTHERS])
@pytest.mark.parametrize("caller", ["user", "user who publishes", "cookie of a page of ours"])
def test_operation_on_another_users_data_is_refused(
    world: Callers, caller: str, method: str, path: str, body: Any
) -> None:
    assert world.call(caller, method, path, body)[0] == 403


@pytest.mark.parametrize(("method", "path", "body"), [
    ("POST", "/v1/notifications", {"to": {"all": True}, "body": "b"}),
    ("POST", "/v1/notifications", {"to": {"user": "bob"}, "body": "b"}),
    ("POST", "/v1/notifications", {"to": {"topic": "author"}, "body": "b"}),
    ("POST", "/v1/notifications", {"to": {"topic": "author2/4"}, "body": "b"}),
    ("POST", "/v1/notifications:batch", [ONE, {"to": {"all": True}, "body": "b"}]),
    ("PUT", "/v1/topics/author2/4/followers/bob", None),
    ("GET", "/v1/topics/shop/4/followers", None),
])  # fmt: skip
def test_operation_that_a_key_does_not_grant_is_refused(world: Callers, method: str, path: str, body: Any) -> None:
    assert world.call("key for author/*", method, path, body) == (403, "publish_forbidden")


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_every_change_by_cookie_is_refused_to_foreign_pages(world: Callers, origin: str) -> None:
    headers = world.headers["cookie of one who publishes"] | {"Origin": origin}
    for (method, name), (plane, path, body) in OPERATIONS.items():
        if plane != PUBLIC and method != "get":
            assert world.ask(method.upper(), path, body, headers) == (403, "origin_forbidden"), name
    assert world.ask("GET", "/v1/ws", None, UPGRADE | headers) == (403, "origin_forbidden")
