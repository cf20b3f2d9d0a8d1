"""The commands on the database file, as a shell runs them, beside a server that runs."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import Listen, StartServer


def tidings(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tidings", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_backup_of_a_running_server_is_checked_and_restored(
    start_server: StartServer, listen: Listen, tmp_path: Path
) -> None:
    server = start_server(db=tmp_path / "tidings.db")
    old = server.publish({"user": "alice"}, body="kept")
    kept = old["cursor"]
    copy = tmp_path / "copy.db"
    made = tidings("backup", copy, "--db", server.db)
    assert (made.returncode, made.stdout) == (0, f"{copy}: {copy.stat().st_size} bytes, up to {kept}\n")
    lost = server.publish({"user": "alice"}, body="lost")["cursor"]

    refused = tidings("restore", copy, "--db", server.db)
    assert refused.returncode == 1
    assert "stop the server first" in refused.stderr

    server.stop()
    restored = tidings("restore", copy, "--db", f"sqlite:///{server.db}")
    assert (restored.returncode, restored.stdout) == (0, f"{server.db}: restored up to {kept}\n")
    assert tidings("check", "--db", server.db).stdout.startswith(f"{server.db}: whole, up to ")

    server = start_server(db=server.db)
    new = server.publish({"user": "alice"}, body="new")["cursor"]
    assert new.rpartition("-")[2] == lost.rpartition("-")[2]
    assert new != lost
    behind = listen(server, "alice", last_event_id=lost)
    reset = behind.next()
    assert (reset.type, reset.json) == ("reset", {"reason": "forked", "cursor": kept})
    assert behind.next().id == new

    # Items from before the fork are marked, changed and retracted by their ids.
    marked = server.request("POST", "/v1/inbox/read?user=alice", {"ids": [old["id"]]})
    assert marked.json["counters"]["unread"] == 1
    assert server.request("PATCH", f"/v1/notifications/{old['id']}", {"title": "changed"}).status == 200
    assert server.request("DELETE", f"/v1/notifications/{old['id']}").status == 204
    assert [item["body"] for item in server.request("GET", "/v1/inbox?user=alice").json["data"]] == ["new"]


def test_commands_on_a_database_that_is_not_there_are_one_line_and_make_nothing(tmp_path: Path) -> None:
    for command in (["backup", tmp_path / "copy.db"], ["check"], ["compact"], ["restore", tmp_path / "copy.db"]):
        done = tidings(*command, "--db", tmp_path / "missing.db")
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "there is no database" in done.stderr
    assert list(tmp_path.iterdir()) == []
