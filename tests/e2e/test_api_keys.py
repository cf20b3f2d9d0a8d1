"""API keys: they have a name and grants, may be two at once, and are refused everywhere a second after a revocation."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.servers import HttpResponse, Server, environment, eventually


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Server]]:
    """Two processes on one database."""
    made = [Server(db=tmp_path / "tidings.db", mode="serve") for _ in range(2)]
    try:
        yield [server.start() for server in made]
    finally:
        for server in made:
            server.kill()


def tidings_key(server: Server, *words: str, status: int = 0) -> str:
    command = [sys.executable, "-m", "tidings", "key", "--db", str(server.db), *words]
    done = subprocess.run(command, env=environment({}), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout.strip() if not status else done.stderr.strip()


def publish(server: Server, key: str, to: object, **headers: str) -> HttpResponse:
    return server.request(
        "POST", "/v1/notifications", {"to": to, "body": "b"}, headers={"Authorization": f"Bearer {key}", **headers}
    )


def becomes(server: Server, key: str, status: int) -> None:
    eventually(f"{status}", lambda: publish(server, key, {"topic": "author/4"}).status == status, within=1.5)


def test_key_publishes_where_its_grants_say_and_is_revoked_everywhere(servers: list[Server]) -> None:
    key = tidings_key(servers[0], "create", "blog", "--topic", "author/*", "--topic", "user/ada")
    for server in servers:
        becomes(server, key, 201)
        assert publish(server, key, {"user": "ada"}).status == 201
        for to in ({"user": "bob"}, {"all": True}, {"topic": "authors/4"}, {"users": ["ada", "bob"]}):
            answer = publish(server, key, to)
            assert (answer.status, answer.json["code"]) == (403, "publish_forbidden")
        held = {"Authorization": f"Bearer {key}"}
        assert server.request("PUT", "/v1/topics/author/4/followers/bob", headers=held).status == 204
        assert server.request("PUT", "/v1/topics/other/4/followers/bob", headers=held).status == 403
        assert server.request("GET", "/v1/users/ada/presence", headers=held).status == 200
        assert server.request("GET", "/v1/users/bob/presence", headers=held).status == 403
        assert server.request("DELETE", "/v1/notifications?entity=x", headers=held).status == 403
        assert server.request("POST", "/v1/revocations", {"user": "ada"}, headers=held).status == 403
        assert server.request("GET", "/v1/inbox", headers=held).status == 401
    tidings_key(servers[0], "revoke", "blog")
    for server in servers:
        becomes(server, key, 401)
        assert publish(server.restart(), key, {"topic": "author/4"}).status == 401


def test_two_secrets_of_a_key_are_valid_and_share_its_idempotency(servers: list[Server]) -> None:
    old, new = (tidings_key(servers[0], "create", "blog", "--topic", "*") for _ in range(2))
    assert "revoke one first" in tidings_key(servers[0], "create", "blog", "--topic", "*", status=2)
    becomes(servers[0], new, 201)
    first = publish(servers[0], old, {"user": "ada"}, **{"Idempotency-Key": "k"})
    again = publish(servers[0], new, {"user": "ada"}, **{"Idempotency-Key": "k"})
    assert (first.body, again.headers["idempotent-replayed"]) == (again.body, "true")
    other = tidings_key(servers[0], "create", "shop", "--topic", "*")
    becomes(servers[0], other, 201)
    assert "idempotent-replayed" not in publish(servers[0], other, {"user": "ada"}, **{"Idempotency-Key": "k"}).headers
    rows = [line.split("  ")[:3] for line in tidings_key(servers[0], "list").splitlines()]
    assert [row[1:] for row in rows] == [["blog", "*"], ["blog", "*"], ["shop", "*"]]
    tidings_key(servers[0], "revoke", "blog", "--only", rows[0][0])
    eventually(
        "one is gone",
        lambda: sorted(publish(servers[0], key, {"topic": "author/4"}).status for key in (old, new)) == [201, 401],
        within=1.5,
    )


def test_no_secret_is_stored_or_logged_and_an_audit_line_says_who_sent_what(servers: list[Server]) -> None:
    server = servers[0]
    key = tidings_key(server, "create", "blog", "--topic", "*")
    becomes(server, key, 201)
    sent = publish(server, key, {"user": "ada"}).json
    said = server.log_text()
    [line] = [line for line in said.splitlines() if f'id="{sent["id"]}"' in line]
    assert "tidings.audit" in line and 'key="blog"' in line
    server.stop()
    for file in server.db.parent.iterdir():
        if file.is_file():
            assert key.encode() not in file.read_bytes(), file.name


@pytest.mark.parametrize(
    "words",
    [["create", "k"], ["create", "", "--topic", "*"], ["create", "k", "--topic", "a b"],
     ["create", "k", "--topic", "/*"], ["create", "x" * 65, "--topic", "*"],
     ["create", "k", "--topic", "user"], ["revoke", "nobody"]],
)  # fmt: skip
def test_key_that_makes_no_sense_is_refused(tmp_path: Path, words: list[str]) -> None:
    server = Server(db=tmp_path / "tidings.db")
    assert tidings_key(server, *words, status=2).startswith("Error: ")


@pytest.mark.parametrize("key", ["tdk_", "tdk_x", "tdk_" + "a" * 43, "tdk_" + "a" * 9000])
def test_key_that_is_none_is_refused(servers: list[Server], key: str) -> None:
    assert publish(servers[0], key, {"user": "ada"}).status == 401


def test_tables_hold_digests_only(servers: list[Server]) -> None:
    key = tidings_key(servers[0], "create", "blog", "--topic", "*")
    with closing(apsw.Connection(str(servers[0].db))) as connection:
        rows = connection.execute("SELECT * FROM api_keys").fetchall()
    assert len(rows) == 1 and key not in str(rows) and key.removeprefix("tdk_") not in str(rows)
    assert os.environ.get("TIDINGS_SECRET") is None
