"""The examples of the README, as a newcomer types them: three terminals, curl, and `tidings dev`."""

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.servers import PATIENCE, Server, environment, free_port
from tests.streams import Event, Parser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """As a newcomer starts it: with every setting as it comes."""
    server = Server(db=tmp_path_factory.mktemp("curls") / "0.db").start()
    try:
        yield server
    finally:
        server.kill()


class Terminal:
    """A terminal in which `curl -N` runs. Its output is read as a stream of events."""

    def __init__(self, server: Server, command: str, printed: Path) -> None:
        self._printed = printed
        self._parser = Parser()
        self._read = 0
        self._events: list[Event] = []
        with printed.open("wb") as out:
            self.process = subprocess.Popen(words(server, command), stdout=out, stderr=subprocess.STDOUT)

    def next(self) -> Event:
        deadline = time.monotonic() + PATIENCE
        while not self._events:
            assert time.monotonic() < deadline and self.process.poll() is None, self._printed.read_text()
            with self._printed.open("rb") as printed:
                printed.seek(self._read)
                data = printed.read()
            self._read += len(data)
            self._events += self._parser.feed(data)
            time.sleep(0.01)
        return self._events.pop(0)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def words(server: Server, command: str) -> list[str]:
    """A command as it is printed, for a server that is not on port 8000."""
    found = shlex.split(command.replace("localhost:8000", f"localhost:{server.port}"))
    return [found[0], "--no-progress-meter", *found[1:]]


def curl(server: Server, command: str) -> Any:
    done = subprocess.run(words(server, command), capture_output=True, text=True, timeout=PATIENCE, check=True)
    return json.loads(done.stdout) if done.stdout else None


@pytest.fixture
def terminals(server: Server, tmp_path: Path) -> Iterator[list[Terminal]]:
    """Alice's and Bob's, past their `hello`."""
    with ExitStack() as stack:
        opened = []
        for user in ("alice", "bob"):
            terminal = Terminal(server, f"curl -N 'localhost:8000/v1/stream?user={user}'", tmp_path / user)
            stack.callback(terminal.close)
            opened.append(terminal)
        for terminal in opened:
            assert terminal.next().type == "hello"
        yield opened


POST = "curl -X POST localhost:8000/v1/notifications -d "


def test_alice_gets_a_notification_at_once_and_bob_does_not(server: Server, terminals: list[Terminal]) -> None:
    alice, bob = terminals
    to_alice = '\'{"to":{"user":"alice"},"type":"like","body":"Bob liked your post"}\''
    answer = curl(server, POST + to_alice)
    assert answer["live"] == 1
    seen = alice.next()
    assert (seen.type, seen.id) == ("notification.created", answer["cursor"])
    assert (seen.json["type"], seen.json["body"]) == ("like", "Bob liked your post")

    curl(server, POST + '\'{"to":{"all":true},"body":"to both"}\'')
    assert (alice.next().json["body"], bob.next().json["body"]) == ("to both", "to both")  # bob's first


def test_topic_reaches_a_follower_from_the_follow_on(server: Server, terminals: list[Terminal]) -> None:
    alice, bob = terminals
    to_topic = '\'{"to":{"topic":"author/42"},"body":"a new post"}\''
    assert curl(server, POST + to_topic)["live"] == 0
    curl(server, "curl -X PUT localhost:8000/v1/topics/author/42/followers/alice")
    assert alice.next().type == "follow.created"
    assert curl(server, POST + to_topic)["live"] == 1
    assert alice.next().json["body"] == "a new post"
    curl(server, POST + '\'{"to":{"users":["alice","bob"]},"body":"to each"}\'')
    assert (alice.next().json["body"], bob.next().json["body"]) == ("to each", "to each")


def test_second_tab_gets_it_too(server: Server, terminals: list[Terminal], tmp_path: Path) -> None:
    alice, _ = terminals
    second = Terminal(server, "curl -N 'localhost:8000/v1/stream?user=alice'", tmp_path / "second")
    try:
        assert second.next().type == "hello"
        assert curl(server, POST + '\'{"to":{"user":"alice"},"body":"on both"}\'')["live"] == 2
        assert alice.next().id == second.next().id
    finally:
        second.close()


def test_lines_for_production_work_when_they_are_pasted(tmp_path: Path) -> None:
    """The secret that the server has is the one that tokens are made with."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    [block] = re.findall(r"with a secret that your backend signs them with:\n\n```sh\n(.*?)```", readme, re.DOTALL)
    port = free_port()
    tidings = f"{sys.executable} -m tidings"
    script = block.replace(".venv/bin/tidings", tidings).replace(f"&& {tidings} serve", f"&& exec {tidings} serve")
    env = environment({"port": port})
    with subprocess.Popen(["bash", "-ec", script], cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout is not None
            assert [serving.stdout.readline()[:16] for _ in range(2)] == ["The settings mak", "Tidings is at ht"]
            assert (tmp_path / "tidings.secret").stat().st_mode & 0o777 == 0o600
            env["TIDINGS_SECRET_FILE"] = str(tmp_path / "tidings.secret")
            made = subprocess.run(
                [*tidings.split(), "token", "--user", "alice"], check=True, env=env, capture_output=True, text=True
            )
            request = Request(
                f"http://127.0.0.1:{port}/v1/inbox", headers={"Authorization": f"Bearer {made.stdout.strip()}"}
            )
            with urlopen(request, timeout=PATIENCE) as answer:
                assert answer.status == 200
        finally:
            serving.terminate()
