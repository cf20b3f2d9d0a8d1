"""Single requests: what is sent, what is repeated and what is not, how answers read."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeVar, cast
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.simulation import SimulatedNetwork
from tidings.client._commands import Emit, GetToken, ProgramRun, Request, Response, Send, Sleep
from tidings.client._endpoints import ApiCall, PagedCall
from tidings.client._exceptions import ConnectionLost, TokenUnavailable
from tidings.client._requests import items, make_call, make_calls, pages
from tidings.client._responses import retry_after
from tidings.client._sync.inbox import Inbox
from tidings.client._sync.publishing import Publishing
from tidings.client.errors import NotTidings, TidingsProblem, Unreachable

T = TypeVar("T")

NOON = datetime(2030, 1, 1, 12, tzinfo=timezone(timedelta(hours=1)))

JSON = {"content-type": "application/json"}
PROBLEM = {"content-type": "application/problem+json"}


def good(value: Any, status: int = 200) -> Response:
    return Response(status=status, headers=JSON, body=json.dumps(value).encode())


def problem(status: int, code: str, **headers: str) -> Response:
    body = json.dumps({"status": status, "code": code, "detail": f"because of {code}"}).encode()
    return Response(status=status, headers={**PROBLEM, **headers}, body=body)


class CallRecorder(Publishing, Inbox):
    """The methods of a client, which return the calls that they would make."""

    def _call(self, call: ApiCall[Any]) -> Any:
        return call

    def _call_each(self, calls: Sequence[ApiCall[Any]]) -> Any:
        return calls[0] if len(calls) == 1 else calls

    def _paginate(self, call: PagedCall[Any]) -> Any:
        return call


calls: Any = CallRecorder("http://h")


class RequestScript:
    """Runs a program with prepared answers."""

    def __init__(
        self, *answers: Response | ConnectionLost, refreshable: bool = False, user: str | None = "alice"
    ) -> None:
        self.network = SimulatedNetwork()
        self.config = self.network.config(refreshable=refreshable, user=user)
        self.answers = list(answers)
        self.sent: list[Request] = []
        self.slept: list[float] = []
        self.replaced: list[str | None] = []
        self.tokenless = 0  # how often the next token cannot be had
        self.emitted: list[Any] = []

    def call(self, call: Any) -> Any:
        run = ProgramRun(make_call(self.config, call))
        self._run(run)
        return run.value

    def list(self, program: Callable[..., Any], listing: PagedCall[Any]) -> list[Any]:
        self._run(ProgramRun(program(self.config, listing)))
        return self.emitted

    def _run(self, run: ProgramRun[Any]) -> None:
        while run.command is not None:
            run.resume(self._perform(run.command))

    def _perform(self, command: object) -> object:
        match command:
            case GetToken(instead_of=old):
                if self.tokenless:
                    self.tokenless -= 1
                    return TokenUnavailable("there is no token: TimeoutError()")
                if old is not None:
                    self.replaced.append(old)
                return f"token-{len(self.replaced)}"
            case Send(request):
                self.sent.append(request)
                return self.answers.pop(0)
            case Sleep(seconds):
                self.slept.append(seconds)
            case Emit(item):
                self.emitted.append(item)
        return None


@pytest.mark.parametrize(
    ("call", "line", "body"),
    [
        (
            calls.publish(to={"user": "a@x.io"}, type="like", title="é", data={"n": 1}),
            "POST /v1/notifications",
            {"to": {"user": "a@x.io"}, "type": "like", "title": "é", "data": {"n": 1}},
        ),
        (calls.publish_batch([{"to": {"all": True}}]), "POST /v1/notifications:batch", [{"to": {"all": True}}]),
        (calls.update("n1", progress=0.5), "PATCH /v1/notifications/n1", {"progress": 0.5}),
        (calls.update("n1", expire_time=NOON), "PATCH /v1/notifications/n1", {"expire_time": "2030-01-01T11:00:00Z"}),
        (calls.publish(to={"user": 42}), "POST /v1/notifications", {"to": {"user": "42"}}),
        (calls.publish(to={"users": (1, "b")}), "POST /v1/notifications", {"to": {"users": ["1", "b"]}}),
        (
            calls.publish_batch([{"to": {"user": 42}, "data": {"at": NOON}}]),
            "POST /v1/notifications:batch",
            [{"to": {"user": "42"}, "data": {"at": "2030-01-01T11:00:00Z"}}],
        ),
        (calls.follow("t", 42), "PUT /v1/topics/t/followers/42", None),
        (calls.unfollow("t", 42), "DELETE /v1/topics/t/followers/42", None),
        (calls.follow_many("t", range(2)), "POST /v1/topics/t/followers", {"users": ["0", "1"]}),
        (calls.presence(42), "GET /v1/users/42/presence", None),
        (calls.revoke(user=42), "POST /v1/revocations", {"user": "42"}),
        (calls.revoke(jti="s1"), "POST /v1/revocations", {"jti": "s1"}),
        (calls.counters(user=0), "GET /v1/inbox/counters?user=0", None),
        (calls.mark_read(up_to="e-7", user=42), "POST /v1/inbox/read?user=42", {"up_to": "e-7"}),
        (calls.retract("n1"), "DELETE /v1/notifications/n1", None),
        (calls.retract(entity="post/9"), "DELETE /v1/notifications?entity=post%2F9", None),
        (
            calls.retract(group_key="likes/9", actor="bea"),
            "DELETE /v1/notifications?group_key=likes%2F9&actor=bea",
            None,
        ),
        (calls.mute("topic:author/42"), "PUT /v1/preferences/mutes/topic%3Aauthor%2F42?user=alice", None),
        (calls.unmute("type:like", user=7), "DELETE /v1/preferences/mutes/type%3Alike?user=7", None),
        (calls.follow("author/42", "bob"), "PUT /v1/topics/author%2F42/followers/bob", None),
        (calls.unfollow("author/42", "a@x.io"), "DELETE /v1/topics/author%2F42/followers/a%40x.io", None),
        (calls.follow("author/42"), "PUT /v1/follows/author%2F42?user=alice", None),
        (calls.follow_many("t", ["a", "b"]), "POST /v1/topics/t/followers", {"users": ["a", "b"]}),
        (calls.presence("bob"), "GET /v1/users/bob/presence", None),
        (calls.counters(), "GET /v1/inbox/counters?user=alice", None),
        (calls.counters(user="bob"), "GET /v1/inbox/counters?user=bob", None),
        (calls.mark_read(up_to="e-7"), "POST /v1/inbox/read?user=alice", {"up_to": "e-7"}),
        (calls.mark_seen(ids=["n1"]), "POST /v1/inbox/seen?user=alice", {"ids": ["n1"]}),
        (calls.mark_unread(ids=["n1"]), "POST /v1/inbox/unread?user=alice", {"ids": ["n1"]}),
        (calls.mark_unseen(ids=["n1"]), "POST /v1/inbox/unseen?user=alice", {"ids": ["n1"]}),
        (calls.archive(ids=["n1"]), "POST /v1/inbox/archive?user=alice", {"ids": ["n1"]}),
        (calls.unarchive(ids=["n1"]), "POST /v1/inbox/unarchive?user=alice", {"ids": ["n1"]}),
        (calls.ticket(), "POST /v1/tickets?user=alice", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_method_is_the_request_of_the_contract(call: ApiCall[Any], line: str, body: object) -> None:
    talk = RequestScript(good({"results": [], "mutes": []}))
    talk.call(call)
    [request] = talk.sent
    assert f"{request.method} {request.url.removeprefix('http://h')}" == line
    assert (json.loads(request.body) if request.body else None) == body
    assert request.headers["authorization"] == "Bearer token-0"


def test_publish_needs_no_more_than_the_server_does() -> None:
    talk = RequestScript(good({}), good({}))
    talk.call(calls.publish(to={"all": True}))
    talk.call(calls.publish(to={"all": True}, type="x", title=None))
    assert [json.loads(request.body or b"") for request in talk.sent] == [
        {"to": {"all": True}},
        {"to": {"all": True}, "type": "x", "title": None},
    ]


def test_publisher_does_not_say_which_user_it_is() -> None:
    talk = RequestScript(good({}))
    talk.call(calls.publish(to={"all": True}, type="x"))
    assert "user" not in talk.sent[0].url


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda name: name not in (".", ".."))


@given(names, names)
def test_path_carries_any_topic_and_user_as_one_piece_each(topic: str, user: str) -> None:
    path = urlsplit("http://h" + calls.follow(topic, user).path).path
    assert [unquote(piece) for piece in path.split("/")] == ["", "v1", "topics", topic, "followers", user]


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_name_that_would_lead_the_request_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        calls.retract(name)


@pytest.mark.parametrize(
    "wrong",
    [
        calls.retract,
        lambda: calls.retract("n1", entity="post/9"),
        lambda: calls.retract(group_key="g"),
        lambda: calls.retract("n1", actor="bea"),
        calls.mark_read,
        lambda: calls.mark_read(up_to="e-1", ids=["n1"]),
    ],
)
def test_call_that_makes_no_sense_is_refused_before_it_is_made(wrong: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"either|an id, or"):
        wrong()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: calls.publish(to="alice"), "to is {'user': 'alice'}, .*, not 'alice'"),
        (lambda: calls.publish(to=["alice"]), "to is .*, not .'alice'."),
        (lambda: calls.publish(to={"users": "alice"}), "a list of user ids, not 'alice'"),
        (lambda: calls.publish(to={"users": ["a", None]}), "a user id is .*, not None"),
        (lambda: calls.publish(to={"user": True}), "a user id is .*, not True"),
        (lambda: calls.publish(to={"user": 1.5}), "a user id is .*, not 1.5"),
        (lambda: calls.publish_batch([{"to": "alice"}]), "to is"),
        (lambda: calls.publish_batch([{"type": "x"}]), "to is .*, not None"),
        (lambda: calls.follow_many("t", "bob"), "a list of user ids, not 'bob'"),
        (lambda: calls.mark_read(ids="n1"), "a list of them, not one: 'n1'"),
        (lambda: calls.set_mutes("type:like"), "a list of them, not one"),
    ],
)
def test_value_of_the_wrong_type_is_a_type_error_that_names_it(wrong: Callable[[], object], says: str) -> None:
    with pytest.raises(TypeError, match=says):
        wrong()


def test_time_without_a_zone_never_leaves() -> None:
    talk = RequestScript()
    with pytest.raises(ValueError, match="has no zone"):
        talk.call(calls.publish(to={"all": True}, expire_time=NOON.replace(tzinfo=None)))
    assert talk.sent == []


def test_value_without_json_form_is_never_sent() -> None:
    talk = RequestScript()
    for wrong in (float("nan"), object()):
        with pytest.raises((ValueError, TypeError)):
            talk.call(calls.publish(to={"all": True}, type="x", data=wrong))
    assert talk.sent == []


@pytest.mark.parametrize("key", ["", "a\nb", "a\r\nx: y", " a", "ž", "\x7f"])
def test_key_that_no_header_holds_never_leaves(key: str) -> None:
    talk = RequestScript()
    with pytest.raises(ValueError, match="idempotency key"):
        talk.call(calls.publish(to={"all": True}, idempotency_key=key))
    assert talk.sent == []


def test_read_is_repeated_while_the_server_is_away() -> None:
    talk = RequestScript(
        ConnectionLost("refused"), problem(503, "shutting_down", **{"retry-after": "5"}), good({"unread": 3})
    )
    assert talk.call(calls.counters())["unread"] == 3
    assert talk.slept == [0.1, 5.2]


def test_publish_without_a_key_is_never_sent_twice() -> None:
    talk = RequestScript(ConnectionLost("the connection was cut"))
    with pytest.raises(Unreachable, match="http://h: the connection was cut"):
        talk.call(calls.publish(to={"all": True}, type="x"))
    assert len(talk.sent) == 1


def test_publish_with_a_key_is_repeated_under_the_same_key() -> None:
    talk = RequestScript(ConnectionLost("cut"), problem(409, "idempotency_key_in_flight"), good({"id": "n1"}, 201))
    answer = talk.call(calls.publish(to={"all": True}, type="x", idempotency_key="k"))
    assert answer["id"] == "n1"
    assert {request.headers["idempotency-key"] for request in talk.sent} == {"k"}
    assert len({request.body for request in talk.sent}) == 1


def test_repeating_ends() -> None:
    talk = RequestScript(ConnectionLost("a"), ConnectionLost("b"), ConnectionLost("c"))
    with pytest.raises(Unreachable, match="c"):
        talk.call(calls.counters())
    busy = RequestScript(*[problem(503, "store_unavailable")] * 3)
    with pytest.raises(TidingsProblem, match="store_unavailable"):
        busy.call(calls.counters())


def test_refusal_says_why() -> None:
    talk = RequestScript(problem(422, "idempotency_key_reused"))
    with pytest.raises(TidingsProblem) as refused:
        talk.call(calls.counters())
    error = refused.value
    assert (error.status, error.code, error.detail) == (
        422,
        "idempotency_key_reused",
        "because of idempotency_key_reused",
    )
    assert error.problem["status"] == 422


def test_refused_token_is_replaced_once_and_for_one_request() -> None:
    talk = RequestScript(problem(401, "invalid_token"), good({}), refreshable=True)
    talk.call(calls.publish(to={"all": True}, type="x"))
    assert talk.replaced == ["token-0"]
    assert [request.headers["authorization"] for request in talk.sent] == ["Bearer token-0", "Bearer token-1"]

    again = RequestScript(problem(401, "invalid_token"), problem(403, "publish_forbidden"), refreshable=True)
    with pytest.raises(TidingsProblem, match="publish_forbidden"):
        again.call(calls.publish(to={"all": True}, type="x"))


def test_server_that_asks_for_more_patience_than_the_caller_has_is_not_waited_for() -> None:
    talk = RequestScript(problem(503, "store_unavailable", **{"retry-after": "3600"}))
    with pytest.raises(TidingsProblem, match="store_unavailable"):
        talk.call(calls.counters())
    assert talk.slept == []


def test_request_without_a_token_is_not_sent_and_tried_again() -> None:
    talk = RequestScript(problem(401, "invalid_token"), good({"id": "n1"}, 201), refreshable=True)
    talk.tokenless = 2
    assert talk.call(calls.publish(to={"all": True}))["id"] == "n1"
    assert (len(talk.sent), len(talk.slept)) == (2, 2)
    again = RequestScript(refreshable=True)
    again.tokenless = 3
    with pytest.raises(Unreachable, match="there is no token"):
        again.call(calls.publish(to={"all": True}))
    assert again.sent == []


@pytest.mark.parametrize(
    "answer",
    [
        Response(status=200, headers={"content-type": "text/html"}, body=b"<html>"),
        Response(status=404, headers={"content-type": "text/html"}, body=b"<html>"),
        Response(status=301, headers={"location": "https://elsewhere/"}),
        Response(status=400, headers=PROBLEM, body=b"nonsense"),
        good([1, 2]),
        good({"no": "list"}),
        good({"data": "no list", "results": "no list", "mutes": 1}),
    ],
)
def test_response_of_something_else_is_not_tidings(answer: Response) -> None:
    wrong: list[ApiCall[Any]] = [calls.inbox().first, calls.publish_batch([]), calls.mutes()]
    for call in wrong:
        with pytest.raises(NotTidings):
            RequestScript(answer).call(call)


@given(st.integers(100, 599), st.sampled_from([JSON, PROBLEM, {}]), st.binary() | st.text().map(str.encode))
def test_response_of_any_kind_is_read_or_refused(status: int, headers: dict[str, str], body: bytes) -> None:
    answer = Response(status=status, headers=headers, body=body)
    try:
        RequestScript(*[answer] * 3).call(calls.counters())
    except (TidingsProblem, NotTidings):
        pass
    else:
        assert isinstance(json.loads(body), dict)


def moved(location: str, status: int = 308) -> Response:
    return Response(status=status, headers={"location": location})


@pytest.mark.parametrize("location", ["/v2/c", "http://h/v2/c", "https://h/v2/c"])
def test_redirect_to_the_same_server_is_followed_with_the_token(location: str) -> None:
    talk = RequestScript(moved(location), good({"unread": 3}))
    assert talk.call(calls.counters())["unread"] == 3
    assert urlsplit(talk.sent[1].url).path == "/v2/c"
    assert talk.sent[1].headers["authorization"] == "Bearer token-0"


@pytest.mark.parametrize("location", ["https://elsewhere/", "http://h:81/", "//evil/", "ftp://h/"])
def test_redirect_to_another_server_is_reported_where_there_is_a_token(location: str) -> None:
    talk = RequestScript(moved(location))
    with pytest.raises(NotTidings, match=location):
        talk.call(calls.counters())
    assert len(talk.sent) == 1


def test_redirect_that_keeps_the_method_keeps_the_body() -> None:
    talk = RequestScript(moved("/there/", 307), good({"id": "n1"}, 201))
    talk.call(calls.publish(to={"all": True}, title="x"))
    assert [request.method for request in talk.sent] == ["POST", "POST"]
    assert talk.sent[0].body == talk.sent[1].body


def test_redirect_that_would_turn_a_post_into_a_get_is_reported() -> None:
    talk = RequestScript(moved("/login", 302))
    with pytest.raises(NotTidings, match="the server is at /login"):
        talk.call(calls.publish(to={"all": True}))


def test_redirects_in_a_circle_end() -> None:
    talk = RequestScript(*[moved("/again")] * 20)
    with pytest.raises(NotTidings, match="/again"):
        talk.call(calls.counters())
    assert len(talk.sent) == 6


def test_rate_limited_publish_is_sent_again_after_the_pause_it_was_told() -> None:
    talk = RequestScript(problem(429, "rate_limited", **{"retry-after": "2"}), good({"id": "n1"}, 201))
    assert talk.call(calls.publish(to={"all": True}))["id"] == "n1"
    assert talk.slept == [2.1], "and a random part"


def test_half_a_surrogate_pair_in_text_is_replaced() -> None:
    talk = RequestScript(good({}))
    talk.call(calls.publish(to={"all": True}, title="great \ud83d", data={"\ude00": ["\ud83d\ude00"]}))
    assert json.loads(talk.sent[0].body or b"") == {
        "to": {"all": True},
        "title": "great \ufffd",
        "data": {"\ufffd": ["\U0001f600"]},
    }


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        (lambda: calls.publish(to={"user": "a\ud83d"}), "a user id"),
        (lambda: calls.publish(to={"users": ["a", "\ud83d"]}), "a user id"),
        (lambda: calls.publish(to={"topic": "\ud83d"}), "a topic"),
        (lambda: calls.publish(to={"all": True}, actor={"id": "\ud83d"}), "actor.id"),
        (lambda: calls.publish(to={"all": True}, group_key="\ud83d"), "group_key"),
        (lambda: calls.publish_batch([{"to": {"all": True}, "entity": "\ud83d"}]), "entity"),
        (lambda: calls.update("n1", type="\ud83d"), "type"),
        (lambda: calls.follow("\ud83d"), "a name"),
        (lambda: calls.mute("type:\ud83d"), "a name"),
    ],
)
def test_half_a_surrogate_pair_in_an_identifier_is_refused_by_name(wrong: Callable[[], object], names: str) -> None:
    with pytest.raises(ValueError, match=f"{names} has half a surrogate pair"):
        wrong()


def rows(call: ApiCall[Any]) -> list[int]:
    return [len(one["to"].get("users", "1")) for one in cast(list[Any], call.body)]


def test_batch_is_split_at_a_thousand_rows_with_a_key_for_each_part() -> None:
    crowd = [str(n) for n in range(600)]
    batch = [{"to": {"users": crowd}}, {"to": {"users": crowd}}, {"to": {"all": True}}, {"to": {"users": crowd * 2}}]
    parts = calls.publish_batch(batch, idempotency_key="k")
    assert [rows(part) for part in parts] == [[600], [600, 1], [1200]]
    assert [part.key for part in parts] == ["k.1of3", "k.2of3", "k.3of3"]
    small = calls.publish_batch([{"to": {"all": True}}] * 1000, idempotency_key="k")
    assert (small.key, len(small.body)) == ("k", 1000)


def test_parts_of_a_batch_are_sent_in_order_and_answered_as_one() -> None:
    talk = RequestScript(good({"results": [{"id": "a"}]}), ConnectionLost("cut"), good({"results": [{"id": "b"}]}))
    many = calls.publish_batch([{"to": {"all": True}}] * 1001, idempotency_key="k")
    run = ProgramRun(make_calls(talk.config, many))
    talk._run(run)
    assert run.value == [{"id": "a"}, {"id": "b"}]
    assert [request.headers["idempotency-key"] for request in talk.sent] == ["k.1of2", "k.2of2", "k.2of2"]


def test_list_is_fetched_page_by_page_with_its_filters() -> None:
    answers = [
        good({"data": [{"id": 1}, {"id": 2}], "next": "p2", "cursor": "e-9"}),
        good({"data": [], "next": "p3"}),
        good({"data": [{"id": 3}], "next": None}),
    ]
    talk = RequestScript(*answers)
    assert talk.list(items, calls.inbox(status="unread", limit=2)) == [{"id": 1}, {"id": 2}, {"id": 3}]
    assert [urlsplit(request.url).query for request in talk.sent] == [
        "status=unread&limit=2&user=alice",
        "status=unread&limit=2&after=p2&user=alice",
        "status=unread&limit=2&after=p3&user=alice",
    ]
    again = RequestScript(*answers)
    assert [page.cursor for page in again.list(pages, calls.inbox())] == ["e-9", None, None]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Tue, 01 Jan 2030 00:01:00 GMT", 60.0),
        ("Tue, 01 Jan 2019 00:01:00 GMT", 0.0),
        *[(wrong, None) for wrong in ("", "soon", "-1", "nan", "1e999", "\u0667", "Tue, 01 Jan 2030 00:01:00")],
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}, now=datetime(2030, 1, 1, tzinfo=UTC)) == seconds


@given(st.text())
def test_retry_after_of_any_text_is_read_or_ignored(value: str) -> None:
    seconds = retry_after({"retry-after": value}, now=datetime(2030, 1, 1, tzinfo=UTC))
    assert seconds is None or seconds >= 0
