"""`tidings serve`: who may do what is in the token, and nothing outlives it."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as websocket

from tests.servers import Server, eventually, free_port
from tests.streams import Stream, connect
from tidings.auth.tokens import issue
from tidings.domain.topics import Topic, User

SECRET = "a secret of the tests, long enough to sign with"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    port = free_port()
    served = Server(
        db=tmp_path / "tidings.db",
        port=port,
        settings={
            "mode": "serve",
            "secret": SECRET,
            "port": port,
            "heartbeat": 1,
            "cors_origins": "https://app.example",
        },
        argv=[sys.executable, "-m", "tidings", "serve"],
    )
    yield served.start()
    served.kill()


def bearer(
    user: str | None = None, *, publish: bool = False, topics: tuple[str, ...] = (), lifetime: int = 600
) -> dict[str, str]:
    token = issue(
        SECRET,
        user=None if user is None else User(user),
        publish=publish,
        topics=[Topic(topic) for topic in topics],
        now=int(time.time()),
        lifetime=lifetime,
    )
    return {"Authorization": f"Bearer {token}"}


def publish(server: Server, topic: str) -> int:
    return server.request(
        "POST", "/v1/notifications", {"to": {"topic": topic}, "body": "x"}, headers=bearer(publish=True)
    ).status


def test_request_without_a_token_has_no_identity(server: Server) -> None:
    for path in ("/v1/stream?user=alice", "/v1/inbox?user=alice", "/v1/poll?user=alice"):
        answer = server.request("GET", path)
        assert (answer.status, answer.json["code"]) == (401, "not_identified")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", ""])
def test_a_broken_token_is_refused(server: Server, token: str) -> None:
    answer = server.request("GET", "/v1/inbox", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 401


def test_an_old_token_is_refused(server: Server) -> None:
    answer = server.request("GET", "/v1/inbox", headers=bearer("alice", lifetime=-1))
    assert (answer.status, answer.json["code"]) == (401, "invalid_token")


def test_idempotency_key_belongs_to_its_user_also_for_publishers(server: Server) -> None:
    callers = [bearer(user, publish=True) for user in ("alice", "bob")]
    for caller in callers:
        server.request("GET", "/v1/inbox", headers=caller)
    sent = server.request(
        "POST", "/v1/notifications", {"to": {"users": ["alice", "bob"]}, "body": "x"}, headers=callers[0]
    ).json
    for caller in callers:
        read = {**caller, "Idempotency-Key": "read-1"}
        answer = server.request("POST", "/v1/inbox/read", {"up_to": sent["cursor"]}, headers=read)
        assert (answer.status, "idempotent-replayed" in answer.headers) == (200, False)
        assert server.request("GET", "/v1/inbox/counters", headers=caller).json["unread"] == 0


def test_a_reader_may_not_publish(server: Server) -> None:
    answer = server.request("POST", "/v1/notifications", {"to": {"all": True}, "body": "x"}, headers=bearer("alice"))
    assert (answer.status, answer.json["code"]) == (403, "publish_forbidden")


@pytest.mark.parametrize("topic", ["user/bob", "user/alice2", "author/42", "author/4/2"])
def test_a_topic_that_is_not_granted_is_refused_not_filtered(server: Server, topic: str) -> None:
    token = bearer("alice", topics=("author/4",))
    answer = server.request("GET", f"/v1/stream?topic={topic}", headers=token)
    assert (answer.status, answer.json["code"]) == (403, "topic_forbidden")
    if not topic.startswith("user/"):
        assert server.request("PUT", f"/v1/follows/{topic}", headers=token).status == 403


def streaming(server: Server, target: str, headers: dict[str, str] | None = None) -> closing[Stream]:
    return closing(connect((server.host, server.port), target, headers=(headers or {}).items()).begin())


def test_a_granted_topic_and_ones_own_arrive(server: Server) -> None:
    with streaming(server, "/v1/stream?topic=author/4", bearer("alice", topics=("author/4",))) as stream:
        assert publish(server, "author/42") == 201
        assert publish(server, "user/alice") == 201
        assert publish(server, "author/4") == 201
        assert [event.json["topic"] for event in stream.take(2)] == ["user/alice", "author/4"]


def test_a_ticket_opens_one_stream_and_no_second(server: Server) -> None:
    ticket = server.request("POST", "/v1/tickets", headers=bearer("alice")).json["ticket"]
    with streaming(server, f"/v1/stream?ticket={ticket}"):
        assert server.request("GET", f"/v1/stream?ticket={ticket}").status == 401


def test_a_stream_is_warned_and_ends_no_later_than_its_token(server: Server) -> None:
    until = int(time.time()) + 4
    with streaming(server, "/v1/stream", bearer("alice", lifetime=4)) as stream:
        warned, goaway = stream.rest()
        assert time.time() <= until
        assert (warned.type, goaway.type) == ("expiring", "goaway")
        assert goaway.json == {"reason": "token_expired", "retry": 0, "action": "new_token"}
        assert stream.parser.retry == 2000  # 0 would last: libraries then ask without a pause, and are refused
    eventually("nothing of it is left", lambda: not server.left_behind())


FACTORY = ["uvicorn", "--factory", "tidings.asgi:app", "--ws", "websockets-sansio", "--log-level", "warning"]


@pytest.mark.parametrize("argv", [["tidings", "serve"], FACTORY], ids=["serve", "uvicorn"])
def test_at_the_usual_heartbeat_a_short_token_is_told_of_and_kept_to_the_second(
    tmp_path: Path, argv: list[str]
) -> None:
    port = free_port()
    server = Server(
        db=tmp_path / "tidings.db",
        port=port,
        settings={"mode": "serve", "secret": SECRET, "port": port, "heartbeat": 20, "seed": True},
        argv=[sys.executable, "-m", *argv, *(["--port", str(port)] if argv is FACTORY else [])],
    )
    try:
        server.start()
        ways: list[Callable[[Server, dict[str, str]], list[str]]] = [sse_told, ws_told, poll_told, seed_told]
        with ThreadPoolExecutor(2 * len(ways)) as crowd:
            began = int(time.time())
            ends = [began + lifetime for lifetime in (2, 8) for _ in ways]
            tokens = [bearer("alice", lifetime=end - int(time.time())) for end in ends]
            told = list(crowd.map(until_the_end, 2 * ways, [server] * len(ends), tokens))
        for end, (words, ended) in zip(ends, told, strict=True):
            assert end - 1.5 <= ended <= end + 0.1, f"{words} {ended - end:+.2f} s from the end of its token"
        for n in (0, 4):
            assert [words for words, _ in told[n : n + 4]] == [
                ["expiring", "goaway"],
                ["hello", "expiring", "goaway", "4401"],
                ["[]", "close"],
                [],
            ]
        eventually("nothing of them is left", lambda: not server.left_behind())
    finally:
        server.kill()


def until_the_end(
    way: Callable[[Server, dict[str, str]], list[str]], server: Server, token: dict[str, str]
) -> tuple[list[str], float]:
    """The text of a stream, and the time of its end."""
    return way(server, token), time.time()


def sse_told(server: Server, token: dict[str, str]) -> list[str]:
    with streaming(server, "/v1/stream", token) as stream:
        return [event.type for event in stream.rest()]


def seed_told(server: Server, token: dict[str, str]) -> list[str]:
    """The seed's clients know no such words: it just ends."""
    target = "/notification/socket-connection?user_email=alice"
    with closing(connect((server.host, server.port), target, headers=token.items())) as stream:
        return [event.type for event in stream.rest()]


def ws_told(server: Server, token: dict[str, str]) -> list[str]:
    words: list[str] = []
    with websocket(f"ws://{server.host}:{server.port}/v1/ws", additional_headers=token) as connection:
        with suppress(ConnectionClosed):
            while True:
                words.append(json.loads(connection.recv(timeout=30))["type"])
        return [*words, str(connection.close_code)]


def poll_told(server: Server, token: dict[str, str]) -> list[str]:
    answer = server.request("GET", "/v1/poll?wait=30", headers=token)
    return [str(answer.json["events"]), answer.headers.get("connection", "")]
