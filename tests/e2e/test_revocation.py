"""Revocation: within a second on every process, and after a restart; open streams of the credential end."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import jwt
import pytest

from tests.servers import SECRET, Server, environment, eventually
from tests.streams import connect


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Server]]:
    """Two processes on one database."""
    made = [Server(db=tmp_path / "tidings.db", mode="serve") for _ in range(2)]
    try:
        yield [server.start() for server in made]
    finally:
        for server in made:
            server.kill()


def bearer(user: str | None, *, publish: bool = False, issued: float | None = None, **claims: object) -> dict[str, str]:
    now = int(time.time())
    said = {"exp": now + 600, "iat": issued if issued is not None else now, "publish": publish, **claims}
    if user is not None:
        said["sub"] = user
    return {"Authorization": f"Bearer {jwt.encode(said, SECRET, algorithm='HS256')}"}


def admin() -> dict[str, str]:
    return bearer(None, publish=True)


def status(server: Server, headers: dict[str, str]) -> int:
    return server.request("GET", "/v1/inbox/counters", headers=headers).status


def revoke(server: Server, body: object) -> None:
    assert server.request("POST", "/v1/revocations", body, headers=admin()).status == 200


def refused_within_a_second(server: Server, headers: dict[str, str]) -> None:
    eventually("refused", lambda: status(server, headers) == 401, within=1.5)


def test_user_is_revoked_everywhere_and_comes_back_with_a_newer_token(servers: list[Server]) -> None:
    old, ageless = bearer("alice"), bearer("alice", issued=0)
    other = bearer("bob")
    for server in servers:
        assert [status(server, token) for token in (old, ageless, other)] == [200, 200, 200]
    revoke(servers[0], {"user": "alice"})
    for server in servers:
        for token in (old, ageless):
            refused_within_a_second(server, token)
        assert status(server, other) == 200
    newer = bearer("alice", issued=time.time() + 2)
    for server in servers:
        assert status(server.restart(), newer) == 200
        assert status(server, old) == 401


def tidings_revoke(server: Server, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tidings", "revoke", "--db", str(server.db), *words]
    return subprocess.run(command, env=environment({}), capture_output=True, text=True, timeout=30, check=False)


def test_operator_revokes_a_user_or_a_token_from_the_command_line(servers: list[Server]) -> None:
    alice, lost, kept = bearer("alice"), bearer("bob", jti="lost"), bearer("bob", jti="kept")
    for words in (["alice"], ["--jti", "lost"]):
        done = tidings_revoke(servers[0], *words)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for server in servers:
        refused_within_a_second(server, alice)
        refused_within_a_second(server, lost)
        assert status(server, kept) == 200


@pytest.mark.parametrize("words", [[], ["alice", "--jti", "lost"], ["no user"]])
def test_revoke_command_names_what_it_was_not_told(servers: list[Server], words: list[str]) -> None:
    done = tidings_revoke(servers[0], *words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_one_token_is_revoked_and_the_users_others_are_not(servers: list[Server]) -> None:
    lost, kept = bearer("alice", jti="lost"), bearer("alice", jti="kept")
    for server in servers:
        assert (status(server, lost), status(server, kept)) == (200, 200)
    revoke(servers[1], {"jti": "lost"})
    for server in servers:
        refused_within_a_second(server, lost)
        assert status(server, kept) == 200
        assert status(server.restart(), lost) == 401


def test_open_streams_end_on_every_process(servers: list[Server]) -> None:
    with (
        closing(connect((servers[0].host, servers[0].port), "/v1/stream", headers=bearer("alice").items())) as here,
        closing(connect((servers[1].host, servers[1].port), "/v1/stream", headers=bearer("alice").items())) as there,
    ):
        for stream in (here, there):
            stream.begin()
        began = time.monotonic()
        revoke(servers[0], {"user": "alice"})
        for stream in (here, there):
            assert [event.type for event in stream.rest()][-1] == "goaway"
        assert time.monotonic() - began < 2


def test_waiting_polls_are_answered_at_once_on_every_process(servers: list[Server]) -> None:
    with ThreadPoolExecutor(len(servers)) as threads:
        polls = [
            threads.submit(server.request, "GET", "/v1/poll?wait=30", headers=bearer("alice")) for server in servers
        ]
        eventually("both wait", lambda: [server.connections() for server in servers] == [1, 1])
        began = time.monotonic()
        revoke(servers[0], {"user": "alice"})
        assert [poll.result().json["events"] for poll in polls] == [[], []]
        assert time.monotonic() - began < 2


def test_streams_of_one_token_end_on_every_process_and_the_users_others_stay(servers: list[Server]) -> None:
    lost, kept = bearer("alice", jti="lost"), bearer("alice", jti="kept")
    with ExitStack() as open_streams:
        ending, staying = [], []
        for server in servers:
            ticket = servers[0].request("POST", "/v1/tickets", headers=lost).json["ticket"]
            address = (server.host, server.port)
            ending += [
                connect(address, "/v1/stream", headers=lost.items()),
                connect(address, f"/v1/stream?ticket={ticket}"),
            ]
            staying.append(connect(address, "/v1/stream", headers=kept.items()))
        for stream in (*ending, *staying):
            open_streams.enter_context(closing(stream.begin()))
        revoke(servers[0], {"jti": "lost"})
        for stream in ending:
            assert [event.type for event in stream.rest()][-1] == "goaway"
        body = {"to": {"user": "alice"}, "body": "still here"}
        assert servers[0].request("POST", "/v1/notifications", body, headers=admin()).status == 201
        for stream in staying:
            assert [event.type for event in stream.take(1)] == ["notification.created"]


def test_ticket_of_a_revoked_token_opens_nothing(servers: list[Server]) -> None:
    ticket = servers[0].request("POST", "/v1/tickets", headers=bearer("alice")).json["ticket"]
    revoke(servers[0], {"user": "alice"})
    assert servers[0].request("GET", f"/v1/poll?ticket={ticket}").status == 401


def test_ticket_is_known_to_every_process_and_good_once(servers: list[Server]) -> None:
    ticket = servers[0].request("POST", "/v1/tickets", headers=bearer("alice")).json["ticket"]
    answers = [server.request("GET", f"/v1/poll?ticket={ticket}").status for server in (servers[1], *servers)]
    assert answers == [200, 401, 401]


@pytest.mark.parametrize("body", [{}, {"user": "a", "jti": "b"}, {"user": "a b"}, {"other": 1}, []])
def test_revocation_that_names_nothing_is_refused(servers: list[Server], body: object) -> None:
    assert servers[0].request("POST", "/v1/revocations", body, headers=admin()).status == 400
    assert servers[0].request("POST", "/v1/revocations", {"user": "a"}, headers=bearer("a")).status == 403


# A session: the token in a cookie


def test_session_is_a_cookie_that_ends_with_its_token(servers: list[Server]) -> None:
    server = servers[0]
    answer = server.request("POST", "/v1/session", headers=bearer("alice"))
    name, _, rest = answer.headers["set-cookie"].partition("=")
    value, *attributes = rest.split("; ")
    assert (answer.status, name) == (204, "tidings_token")
    assert {"Path=/", "HttpOnly", "SameSite=Lax"} < set(attributes)
    [age] = [int(one.removeprefix("Max-Age=")) for one in attributes if one.startswith("Max-Age=")]
    assert 590 <= age <= 600
    cookie = {"Cookie": f"{name}={value}"}
    assert status(server, cookie) == 200
    assert server.request("POST", "/v1/session", headers=cookie | {"Origin": server.url}).status == 401
    out = server.request("DELETE", "/v1/session", headers=cookie | {"Origin": server.url})
    assert (out.status, out.headers["set-cookie"].startswith("tidings_token=; Path=/; Max-Age=0")) == (204, True)
    assert server.request("DELETE", "/v1/session", headers=cookie | {"Origin": "https://evil.example"}).status == 403


def test_session_over_https_is_bound_to_its_host(servers: list[Server]) -> None:
    secure = servers[0].request("POST", "/v1/session", headers=bearer("alice") | {"Host": "app.example"})
    name, _, rest = secure.headers["set-cookie"].partition("=")
    assert name == "__Host-tidings_token"
    assert {"Secure", "HttpOnly", "Path=/"} < set(rest.split("; "))
    assert "Domain" not in rest
    host = {"Host": "app.example"}
    assert status(servers[0], host | {"Cookie": f"{name}={rest.partition(';')[0]}"}) == 200
    tossed = host | {"Cookie": f"tidings_token={rest.partition(';')[0]}"}
    assert status(servers[0], tossed) == 401  # a neighbour's subdomain can set that name


@pytest.mark.parametrize("path", ["/v1/inbox", "/nowhere", "/healthz", "/openapi.json", "/js/define.js"])
def test_answers_are_no_pages(servers: list[Server], path: str) -> None:
    headers = servers[0].request("GET", path, headers=bearer("alice")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
