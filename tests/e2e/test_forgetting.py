"""A user is forgotten on every process, by the API and the command line, and can see before what is kept."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_revocation import admin, bearer
from tests.servers import Server, environment, eventually
from tests.streams import connect

PRIVATE = "Alice is in hospital"


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Server]]:
    """Two processes on one database."""
    made = [Server(db=tmp_path / "tidings.db", mode="serve", settings={"seed": True}) for _ in range(2)]
    try:
        yield [server.start() for server in made]
    finally:
        for server in made:
            server.kill()


def publish(server: Server, to: dict[str, Any], **content: object) -> None:
    assert server.request("POST", "/v1/notifications", {"to": to, **content}, headers=admin()).status == 201


def tidings(server: Server, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tidings", *words, "--db", str(server.db)]
    return subprocess.run(command, env=environment({}), capture_output=True, text=True, timeout=30, check=False)


def everything_of(server: Server, headers: dict[str, str]) -> bytes:
    replayed = server.request("GET", "/v1/poll?cursor=start&limit=1000", headers=headers)
    inbox = server.request("GET", "/v1/inbox", headers=headers)
    assert (replayed.status, inbox.status) == (200, 200)
    return replayed.body + inbox.body


def is_gone(server: Server, headers: dict[str, str]) -> bool:
    return PRIVATE.encode() not in everything_of(server, headers)


def live(server: Server) -> None:
    for _ in range(3):
        publish(server, {"user": "alice"}, body=PRIVATE)
    for name in ("alice", "carol"):
        actor = {"id": name, "name": name.title()}
        publish(server, {"user": "bob"}, type="like", title="liked", group_key="like:post/9", actor=actor)
    assert server.request("GET", "/notification/export-excel?user_email=alice", headers=bearer("alice")).status == 202
    folder = server.db.with_name(f"{server.db.stem}-exports")
    eventually("the workbook is there", lambda: len([*folder.glob("*/*.xlsx")]) == 1)


def is_forgotten(servers: list[Server], old: dict[str, str]) -> None:
    newer = bearer("alice", issued=time.time() + 2)
    for server in servers:
        eventually("dropped", partial(is_gone, server, newer), within=3)
        assert server.request("GET", "/v1/inbox", headers=old).status == 401
        [group] = server.request("GET", "/v1/inbox", headers=bearer("bob")).json["data"]
        assert [actor["id"] for actor in group["group"]["actors"]] == ["carol"]
    folder = servers[0].db.with_name(f"{servers[0].db.stem}-exports")
    assert [*folder.glob("*/*.xlsx")] == []
    for server in servers:
        server.restart()
        assert is_gone(server, newer)


def test_user_is_forgotten_by_the_api_on_every_process(servers: list[Server]) -> None:
    old = bearer("alice")
    live(servers[0])
    there = (servers[1].host, servers[1].port)
    with closing(connect(there, "/v1/stream?cursor=start", headers=bearer("alice").items()).begin()) as stream:
        done = servers[0].request("DELETE", "/v1/users/alice", headers=admin())
        assert done.status == 200
        assert (done.json["notifications"], done.json["groups"], done.json["exports"]) == (4, 1, 1)
        assert [event.type for event in stream.rest()][-1] == "goaway"
    again = servers[1].request("DELETE", "/v1/users/alice", headers=admin())
    assert (again.status, again.json["notifications"]) == (200, 0)
    is_forgotten(servers, old)


def test_user_is_exported_and_forgotten_by_the_command_line(servers: list[Server]) -> None:
    old = bearer("alice")
    live(servers[0])
    kept = json.loads(tidings(servers[0], "export", "alice").stdout)
    assert [item["content"].get("body") for item in kept["notifications"]][:3] == [PRIVATE] * 3
    assert len(kept["events"]) >= 3
    done = tidings(servers[0], "forget", "alice")
    assert (done.returncode, done.stderr) == (0, "")
    assert "notifications: 4\n" in done.stdout and "exports: 1\n" in done.stdout
    is_forgotten(servers, old)
    assert json.loads(tidings(servers[0], "export", "carol").stdout)["notifications"] == []


@pytest.mark.parametrize("command", ["forget", "export"])
def test_text_that_is_no_user_is_refused_in_one_line(servers: list[Server], command: str) -> None:
    done = tidings(servers[0], command, "a/b")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_forgetting_is_for_keys_of_everything(servers: list[Server]) -> None:
    assert servers[0].request("DELETE", "/v1/users/alice", headers=bearer("alice")).status == 403
    assert servers[0].request("DELETE", "/v1/users/a%20b", headers=admin()).status == 400
