"""`tidings publish` and `tidings listen`: what they send, print and say, and how they end."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from tests.client.fake_server import Exchange, FakeServer
from tests.client.listen_process import Watch, listen_processes
from tidings.cli.listen import line_of, listen, printable
from tidings.cli.publish import publish
from tidings.client import Event


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:

        async def published(exchange: Exchange) -> None:
            await exchange.answer(201, {"id": "n1", "cursor": "e1-1", "live": 0})

        async def batch(exchange: Exchange) -> None:
            results = [{"id": f"n{n}"} for n in range(len(json.loads(exchange.body)))]
            await exchange.answer(200, {"results": results})

        server.always["/v1/notifications"] = published
        server.always["/v1/notifications:batch"] = batch
        yield server


@pytest.fixture(autouse=True)
def _no_settings_of_mine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TIDINGS_URL", "TIDINGS_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def watch() -> Iterator[Watch]:
    yield from listen_processes()


def run(command: click.Command, *arguments: str, input: str | bytes | None = None, **env: str) -> Result:
    return CliRunner().invoke(command, list(arguments), input=input, env=env)


def unused_url() -> str:
    """The url of a server that is not there."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (("--to-user", "a@x.io"), {"to": {"user": "a@x.io"}, "type": "message"}),
        (("--to-users", "a, b"), {"to": {"users": ["a", "b"]}, "type": "message"}),
        (("--topic", "author/42", "--type", "post"), {"to": {"topic": "author/42"}, "type": "post"}),
        (("--all", "--title", "T", "--body", "B"), {"to": {"all": True}, "type": "message", "title": "T", "body": "B"}),
        (
            ("--all", "--data", '{"n": [1]}', "--actor", '{"id": "bob"}', "--progress", "0.5", "--priority", "high"),
            {
                "to": {"all": True},
                "type": "message",
                "data": {"n": [1]},
                "actor": {"id": "bob"},
                "progress": 0.5,
                "priority": "high",
            },
        ),
        (
            ("--all", "--action-url", "/p", "--entity", "post/9", "--group-key", "g", "--expire-time", "T"),
            {
                "to": {"all": True},
                "type": "message",
                "action_url": "/p",
                "entity": "post/9",
                "group_key": "g",
                "expire_time": "T",
            },
        ),
    ],
)
def test_publish_sends_what_it_is_told(server: FakeServer, arguments: tuple[str, ...], body: Any) -> None:
    result = run(publish, *arguments, "--url", server.url)
    assert (result.exit_code, json.loads(result.stdout)["id"]) == (0, "n1")
    [request] = server.requests
    assert json.loads(request.body) == body
    assert "idempotency-key" not in request.headers


def test_publish_takes_the_server_and_the_token_from_the_environment(server: FakeServer) -> None:
    result = run(publish, "--all", "--idempotency-key", "k", TIDINGS_URL=server.url, TIDINGS_TOKEN="t")
    assert result.exit_code == 0
    [request] = server.requests
    assert (request.headers["authorization"], request.headers["idempotency-key"]) == ("Bearer t", "k")


def test_publish_sends_a_file_of_notifications_in_one_go(server: FakeServer, tmp_path: Path) -> None:
    lines = '{"to": {"user": "a"}, "title": "\u2028"}\n\n{"to": {"all": true}}'
    file = tmp_path / "n.ndjson"
    file.write_text(lines, encoding="utf-8")
    for result in (
        run(publish, "--batch", str(file), "--url", server.url),
        run(
            publish, "--batch", "-", "--url", server.url, "--idempotency-key", "k", "--token", "t", input=lines.encode()
        ),
    ):
        assert json.loads(result.stdout) == [{"id": "n0"}, {"id": "n1"}]
    for request in server.requests:
        assert json.loads(request.body) == [{"to": {"user": "a"}, "title": "\u2028"}, {"to": {"all": True}}]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "Error: name the recipients: one of --to-user, --to-users, --topic, --all (or --batch FILE)"),
        (("--to-user", "a", "--all"), "name the recipients"),
        (("--all", "--data", "{"), "'--data': not JSON"),
        (("--all", "--data", "[" * 100_000), "'--data': not JSON"),
        (("--all", "--data", "NaN"), "'--data': not JSON"),
        (("--all", "--data", '{"n": [1e999]}'), "'--data': not JSON"),
        (("--all", "--actor", '{"n": -Infinity}'), "'--actor': not JSON"),
        (("--all", "--progress", "nan"), "'--progress': nan is not a number from 0 to 1"),
        (("--all", "--progress", "inf"), "'--progress'"),
        (("--all", "--token", "a\nb"), "this token is nothing that a header can hold"),
        (("--all", "--token", "ž"), "this token is nothing that a header can hold"),
        (("--all", "--token", ""), "this token is nothing that a header can hold"),
        *[
            (("--all", "--idempotency-key", key), "this idempotency key is nothing that a header can hold")
            for key in ("a\nb", "ž", "", " a")
        ],
        *[
            (("--all", "--url", url), f"not the url of a server: {url!r}")
            for url in ("nope", "http://h:port", "http://h:99999", "http://a..b", "http://[::1", f"http://{'a' * 70}.x")
        ],
        (("--all", "--priority", "huge"), "'huge' is not one of"),
        (("--all", "--title", "\udcff"), "not UTF-8"),
        (("--batch", "no-such-file"), "'no-such-file': No such file"),
        *[
            (("--batch", "-", *words), f"leave {words[0]} out")
            for words in (
                ["--all"],
                ["--to-user", "a"],
                ["--type", "like"],
                ["--type", "message"],
                ["--progress", "0"],
                ["--data", "null"],
                ["--expire-time", ""],
            )
        ],
        (("--batch", "-", "--title", "", "--body", ""), "leave --body, --title out"),
        (("--nonsense",), "--nonsense"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments: tuple[str, ...], line: str) -> None:
    result = run(publish, *arguments, input="")
    assert result.exit_code == 2
    assert line in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"to": {}}\n{', "line 2 is not JSON"),
        ('{"to": "a"}', "line 1: to is {'user': 'alice'}"),
        ('{"n": NaN}', "line 1 is not JSON"),
        ("[1]", "line 1 is not a notif"),
    ],
)
def test_bad_line_of_a_file_is_named(text: str, line: str) -> None:
    result = run(publish, "--batch", "-", input=text)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert line in result.stderr


@pytest.mark.parametrize(("status", "code", "exit_code"), [(400, "invalid_to", 2), (403, "publish_forbidden", 1)])
def test_refusal_is_one_line(server: FakeServer, status: int, code: str, exit_code: int) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.problem(status, code)

    server.always["/v1/notifications"] = refuse
    result = run(publish, "--all", "--url", server.url)
    assert (result.exit_code, result.stderr) == (exit_code, f"Error: because of {code} ({code})\n")


def test_listen_refuses_a_token_that_no_header_holds() -> None:
    result = run(listen, "--token", "a\nb")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "nothing that a header can hold" in result.stderr


@pytest.mark.parametrize("command", [publish, listen], ids=["publish", "listen"])
def test_server_that_is_not_there_is_one_line_with_its_url(command: click.Command) -> None:
    url = unused_url()
    result = run(command, *(["--all"] if command is publish else ["--user", "alice"]), "--url", url)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == f"Error: cannot reach {url}: Connection refused"


def test_listen_asks_who_is_listening() -> None:
    result = run(listen)
    assert result.exit_code == 2
    assert result.stderr == "Error: say who is listening: --user alice (tidings dev) or --token ...\n"


@pytest.mark.parametrize("transport", ["sse", "poll"])
def test_listen_prints_events_as_they_come_and_ends_quietly(watch: Watch, server: FakeServer, transport: str) -> None:
    server.log += [("notification.created", {"type": "like", "title": "Hi", "topic": "user/alice"})]
    watching = watch("--user", "alice", "--cursor", "start", "--transport", transport, "--url", server.url)
    assert watching.note() == f"listening to {server.url} ({transport}); Ctrl-C ends it"
    assert watching.line() == "e1-1  notification.created  [like] Hi (user/alice)"
    server.publish(("inbox.read", {"up_to": "e1-1", "counters": {"unread": 0}}))
    assert watching.line() == "e1-2  inbox.read  up to e1-1, 0 unread"
    assert watching.end() == (0, "", "")


def test_listen_says_what_it_does_when_the_connection_breaks(watch: Watch, server: FakeServer) -> None:
    watching = watch("--token", "t", "--topic", "author/42", "--json", "--url", server.url)
    assert watching.note().startswith("listening to")
    server.publish(("e", {"n": 1}))
    assert json.loads(watching.line()) == {"id": "e1-1", "type": "e", "data": {"n": 1}}
    server.cut()
    said = watching.note()
    assert "; reconnecting in " in said
    assert said.endswith(" s")
    assert watching.note() == f"connected again to {server.url} (sse); Ctrl-C ends it"
    server.publish(("e", {"n": 2}))
    assert json.loads(watching.line())["id"] == "e1-2"
    assert watching.end() == (0, "", "")
    first, second = server.at("/v1/stream")
    assert (first.one("topic"), first.one("cursor"), second.one("cursor")) == ("author/42", None, "e1-1")


def test_listen_ends_when_its_output_is_closed(watch: Watch, server: FakeServer) -> None:
    server.log += [("e", n) for n in range(3)]
    watching = watch("--user", "alice", "--cursor", "start", "--url", server.url)
    assert watching.line() == "e1-1  e  0"
    assert watching.process.stdout is not None
    watching.process.stdout.close()
    server.publish(*[("e", n) for n in range(100)])
    assert watching.process.wait(10) == 1
    assert watching.process.stderr is not None
    assert watching.process.stderr.read().count("\n") == 1
    watching.process.stderr.close()


@pytest.mark.parametrize(
    ("kind", "data", "line"),
    [
        (
            "notification.updated",
            {"type": "like", "body": "B", "topic": "t", "group": {"count": 3}, "progress": 0.4, "action_url": "/x"},
            "[like] B (x3) 40% -> /x (t)",
        ),
        ("notification.deleted", {"id": "n1", "reason": "retracted"}, "n1 retracted"),
        ("inbox.read", {"ids": ["a", "b"], "counters": {"unread": 4}}, "2 by id, 4 unread"),
        ("follow.created", {"topic": "author/42"}, "author/42"),
        ("reset", {"reason": "pruned", "cursor": "e1-7"}, "cannot go on from there (pruned); going on after e1-7"),
        ("preferences.updated", {"mutes": []}, '{"mutes": []}'),
        ("weather", [1], "[1]"),
        ("notification.created", None, "null"),
    ],
)
def test_event_of_each_kind_reads_as_one_line(kind: str, data: Any, line: str) -> None:
    assert line_of(Event(id="e1-1", type=kind, data=data)) == f"e1-1  {kind}  {line}"


def test_stranger_cannot_write_on_the_terminal() -> None:
    data = {"type": "x", "title": "\x1b[2J\x9b2J\r\nroot#\u202e", "topic": "t"}
    line = line_of(Event(id="e1-1", type="notification.created", data=data))
    assert line == "e1-1  notification.created  [x]  [2J 2J  root#  (t)"


def test_long_event_is_cut_to_a_line() -> None:
    assert len(line_of(Event(id="e1-1", type="weather", data="x" * 10_000))) == 300


@given(st.text())
def test_printed_text_is_printable(text: str) -> None:
    assert printable(text).isprintable()
