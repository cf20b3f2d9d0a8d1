"""Both clients against a real server: the whole contract once, and a stream through its deaths."""

import json
import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.client.client_adapters import ADAPTERS, MakeAdapter, adapters
from tests.client.listen_process import Watch, listen_processes
from tests.conftest import Name, StartServer
from tests.servers import Server, eventually, free_port
from tidings.auth.tokens import issue
from tidings.cli.publish import publish
from tidings.client import Client, Event, Status, TidingsProblem
from tidings.domain.topics import parse_user


@pytest.fixture(params=ADAPTERS, ids=lambda connect: str(connect.name))
def connect(request: pytest.FixtureRequest) -> Iterator[MakeAdapter]:
    yield from adapters(request.param)


ROOT = Path(__file__).resolve().parent.parent.parent

TRANSPORTS = ["sse", "poll", "ws"]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_published_notifications_arrive_and_nothing_else(
    connect: MakeAdapter, server: Server, name: Name, transport: str
) -> None:
    alice, bob = name("alice"), name("bob")
    client = connect(server.url)
    first = client.call("publish", to={"user": alice}, type="like", title="Hi \u2028", data={"n": 1})
    client.call("publish", to={"user": bob}, title="x")  # not hers
    second, third = client.call(
        "publish_batch", [{"to": {"users": [alice, bob]}, "body": "x"}, {"to": {"user": alice}, "body": "x"}]
    )
    events = client.stream(user=alice, cursor="start", transports=transport)
    got = [event for event in take_until(events.take, third["id"]) if event.data["topic"] != "all"]
    assert [event.data["id"] for event in got] == [first["id"], second["id"], third["id"]]
    assert (got[0].type, got[0].id, got[0].data["title"]) == ("notification.created", first["cursor"], "Hi \u2028")
    fourth = client.call("publish", to={"user": alice}, type="live")
    [event] = events.take(1)
    assert event.id == fourth["cursor"]


def take_until(take: Any, last: str) -> list[Event]:
    events: list[Event] = []
    while not events or events[-1].data.get("id") != last:
        events += take(1)
    return events


def test_inbox_is_read_marked_and_counted(connect: MakeAdapter, server: Server, name: Name) -> None:
    alice = name("alice")
    client = connect(server.url, user=alice)
    sent = [client.call("publish", to={"user": alice}, type="t", title=str(n)) for n in range(5)]
    ids = [answer["id"] for answer in sent]
    assert [item["id"] for item in client.items("inbox", limit=2)] == ids[::-1]
    pages = client.pages("inbox", limit=2)
    assert [len(page.data) for page in pages] == [2, 2, 1]
    assert pages[0].cursor is not None
    assert pages[0].counters["unread"] == 5
    client.call("mark_read", up_to=sent[1]["cursor"])
    client.call("mark_read", ids=[ids[4]])
    client.call("mark_unread", ids=[ids[0]])
    assert [item["id"] for item in client.items("inbox", status="unread")] == [ids[3], ids[2], ids[0]]
    assert client.call("counters")["unread"] == 3
    client.call("mark_seen", up_to=sent[4]["cursor"])
    client.call("mark_unseen", ids=[ids[4]])
    assert client.call("counters")["unseen"] == 1
    client.call("archive", ids=[ids[2]])
    assert [item["id"] for item in client.items("inbox", status="archived")] == [ids[2]]
    client.call("unarchive", ids=[ids[2]])
    assert list(client.items("inbox", status="archived")) == []


def test_stream_goes_on_from_where_a_page_was_true(connect: MakeAdapter, server: Server, name: Name) -> None:
    alice = name("alice")
    client = connect(server.url, user=alice)
    client.call("publish", to={"user": alice}, type="t", title="on the page")
    [page] = client.pages("inbox", type="t")
    client.call("publish", to={"user": alice}, type="t", title="in the stream")
    [event] = client.stream(cursor=page.cursor).take(1)
    assert event.data["title"] == "in the stream"


def test_notifications_live_and_die(connect: MakeAdapter, server: Server, name: Name) -> None:
    alice, post = name("alice"), name("post/9")
    client = connect(server.url, user=alice)
    events = client.stream(cursor="start")
    one = client.call("publish", to={"user": alice}, type="export", progress=0.0)["id"]
    two = client.call("publish", to={"user": alice}, type="like", entity=post)["id"]
    client.call("update", one, progress=0.5, title="Half")
    client.call("retract", one)
    client.call("retract", entity=post)
    got = [event for event in events.take(5) if event.type != "notification.created"]
    assert [(event.type, event.data["id"]) for event in got] == [
        ("notification.updated", one),
        ("notification.deleted", one),
        ("notification.deleted", two),
    ]
    assert (got[0].data["progress"], got[0].data["title"]) == (0.5, "Half")
    with pytest.raises(TidingsProblem, match="404 not_found"):
        client.call("update", one, title="gone")


def test_topics_are_followed_by_oneself_and_by_publishers(connect: MakeAdapter, server: Server, name: Name) -> None:
    alice, author = name("alice"), name("author/42")
    client = connect(server.url, user=alice)
    events = client.stream()
    threading.Timer(0.3, client_follow, [server.url, author, alice]).start()
    assert [(event.type, event.data["topic"]) for event in events.take(1)] == [("follow.created", author)]
    assert [item["topic"] for item in client.items("follows")] == [author]
    assert list(client.items("followers", topic=author)) == [alice]
    assert client.call("presence", alice)["online"] is True
    client.call("publish", to={"topic": author}, type="post", title="new")
    assert [event.data["title"] for event in events.take(1)] == ["new"]
    client.call("unfollow", author)
    assert [event.type for event in events.take(1)] == ["follow.deleted"]
    client.call("follow", author)
    client.call("unfollow", author, alice)
    client.call("follow_many", author, [alice, name("bob")])
    assert sorted(client.items("followers", topic=author)) == sorted([alice, name("bob")])


def client_follow(url: str, topic: str, user: str) -> None:
    with Client(url) as client:
        client.follow(topic, user)


def test_mutes_are_set_and_kept(connect: MakeAdapter, server: Server, name: Name) -> None:
    client = connect(server.url, user=name("alice"))
    assert client.call("mutes") == []
    assert client.call("set_mutes", ["type:like"]) == ["type:like"]
    assert sorted(client.call("mute", "topic:author/42")) == ["topic:author/42", "type:like"]
    assert client.call("unmute", "type:like") == ["topic:author/42"]
    assert client.call("mutes") == ["topic:author/42"]


def test_contribution_of_one_actor_is_taken_back(connect: MakeAdapter, server: Server, name: Name) -> None:
    alice, key = name("alice"), name("like:post/9")
    client = connect(server.url, user=alice)
    for actor in ("ada", "bea"):
        client.call("publish", to={"user": alice}, group_key=key, actor={"id": actor, "name": actor.title()})
    client.call("retract", group_key=key, actor="bea")
    [notification] = client.items("inbox")
    assert [actor["id"] for actor in notification["group"]["actors"]] == ["ada"]


def test_batch_of_more_rows_than_a_transaction_takes_is_stored_in_parts(
    connect: MakeAdapter, server: Server, name: Name
) -> None:
    alice, key = name("alice"), str(uuid.uuid4())
    client = connect(server.url, user=alice)
    batch = [{"to": {"user": alice}, "title": str(n)} for n in range(1001)]
    first = client.call("publish_batch", batch, idempotency_key=key)
    assert len({one["id"] for one in first}) == 1001
    assert client.call("publish_batch", batch, idempotency_key=key) == first
    assert client.call("counters")["unread"] == 1000, "the cap, and no repetition"


def test_half_a_surrogate_pair_arrives_replaced(connect: MakeAdapter, server: Server, name: Name) -> None:
    alice = name("alice")
    client = connect(server.url, user=alice)
    client.call("publish", to={"user": alice}, title="great \ud83d", data={"x": "\ude00"})
    [notification] = client.items("inbox")
    assert (notification["title"], notification["data"]) == ("great \ufffd", {"x": "\ufffd"})


def test_key_makes_a_publish_safe_to_repeat(connect: MakeAdapter, server: Server, name: Name) -> None:
    client, key = connect(server.url), str(uuid.uuid4())
    first = client.call("publish", to={"user": name("a")}, type="t", idempotency_key=key)
    assert client.call("publish", to={"user": name("a")}, type="t", idempotency_key=key) == first
    with pytest.raises(TidingsProblem, match="422 idempotency_key_reused"):
        client.call("publish", to={"user": name("b")}, type="t", idempotency_key=key)


def test_refusals_carry_their_code(connect: MakeAdapter, server: Server) -> None:
    client = connect(server.url)
    with pytest.raises(TidingsProblem, match="400 invalid_to"):
        client.call("publish", to={}, type="t")
    with pytest.raises(TidingsProblem, match="400 invalid_cursor"):
        client.stream(user="alice", cursor="nonsense").take(1)
    with pytest.raises(TidingsProblem, match="401 not_identified"):
        client.stream().take(1)


def test_cursor_of_another_log_is_a_reset_and_then_everything(connect: MakeAdapter, server: Server, name: Name) -> None:
    alice = name("alice")
    client = connect(server.url, user=alice)
    client.call("publish", to={"user": alice}, type="t")
    for transport in TRANSPORTS:
        reset, *_ = client.stream(cursor="zz-5", transports=transport).take(2)
        assert (reset.type, reset.data["reason"]) == ("reset", "unknown_epoch")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_stream_survives_kills_and_restarts_without_a_gap(
    connect: MakeAdapter, start_server: StartServer, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)
    server = start_server(heartbeat=1)
    client = connect(server.url, user="alice", retries=0)
    told: list[Status] = []
    events = client.stream(cursor="start", transports=transport, on_status=told.append)
    sent, got = [], []
    for life in range(2):
        for n in range(5):
            sent.append(server.publish({"user": "alice"}, title=f"{life}.{n}")["cursor"])
        got += [event.id for event in events.take(3)]  # and two are on their way when it dies
        if life % 2:
            server.restart()
        else:
            server.kill()
            server.start()
    sent.append(server.publish({"user": "alice"}, title="the last")["cursor"])
    got += [event.id for event in events.take(len(sent) - len(got))]
    assert got == sent
    if transport != "poll":
        assert any("going away" in status.reason for status in told)


def test_stream_that_is_closed_is_gone_from_the_server(connect: MakeAdapter, start_server: StartServer) -> None:
    server = start_server(heartbeat=1)
    client = connect(server.url, user="alice")
    server.publish({"user": "alice"})
    streams = [client.stream(cursor="start", transports="sse") for _ in range(5)]
    for stream in streams:
        stream.take(1)
    assert server.connections() == 5
    for stream in streams:
        stream.close()
    eventually("the server lets them go", lambda: server.connections() == 0)


@pytest.fixture
def watch() -> Iterator[Watch]:
    yield from listen_processes()


def test_two_verbs_of_the_command_line_meet(watch: Watch, server: Server, name: Name) -> None:
    alice = name("alice")
    watching = watch("--user", alice, "--url", server.url)
    assert watching.note().startswith("listening to")
    arguments = ["--to-user", alice, "--type", "like", "--body", "Bob liked your post"]
    result = CliRunner().invoke(publish, arguments, env={"TIDINGS_URL": server.url})
    assert json.loads(result.stdout)["live"] == 1
    assert watching.line().endswith(f"notification.created  [like] Bob liked your post (user/{alice})")
    assert watching.end() == (0, "", "")


EXAMPLES = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "docs/python-client.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example).splitlines()[-1].strip())
def test_examples_of_the_docs_run(server: Server, name: Name, example: str) -> None:
    code = example.replace("http://127.0.0.1:8000", server.url).replace("alice", name("alice"))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=False, capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


SECRET = "a secret of the tests, which is long enough"


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Server]:
    """A server that believes tokens only."""
    port = free_port()
    argv = [sys.executable, "-m", "tidings", "serve", "--port", str(port)]
    settings = {"mode": "serve", "secret": SECRET, "heartbeat": 1}
    server = Server(db=tmp_path / "serve.db", port=port, argv=argv, settings=settings)
    try:
        yield server.start()
    finally:
        server.kill()


def token_for(user: str, *, lifetime: int, now: float | None = None) -> str:
    now = time.time() if now is None else now
    return issue(SECRET, user=parse_user(user), publish=True, topics=[], now=int(now), lifetime=lifetime)


@pytest.mark.parametrize("transport", ["sse", "ws"])
def test_stream_outlives_its_tokens(connect: MakeAdapter, serving: Server, transport: str) -> None:
    """Theirs end within the minute before which a stream is warned, so each is warned at the next look."""
    fetched: list[str] = []

    def token() -> str:
        fetched.append(token_for("alice", lifetime=8 + len(fetched)))  # no two are the same
        return fetched[-1]

    client = connect(serving.url, token=token)
    told: list[Status] = []
    events = client.stream(cursor="start", transports=transport, on_status=told.append)
    deadline = time.monotonic() + 30
    while len(fetched) < 3:
        assert time.monotonic() < deadline
        cursor = client.call("publish", to={"user": "alice"}, type="t")["cursor"]
        assert [event.id for event in events.take(1)] == [cursor]
    assert {status.reason for status in told} <= {"", "the token is about to end"}


def test_token_that_has_ended_is_an_error_when_there_is_no_other(connect: MakeAdapter, serving: Server) -> None:
    client = connect(serving.url, token=token_for("alice", lifetime=10, now=time.time() - 60))
    with pytest.raises(TidingsProblem, match="401 invalid_token"):
        client.call("counters")
    with pytest.raises(TidingsProblem, match="401 invalid_token"):
        client.stream().take(1)


def test_ticket_is_given(connect: MakeAdapter, serving: Server) -> None:
    client = connect(serving.url, token=token_for("alice", lifetime=60))
    assert client.call("ticket")["ticket"]
