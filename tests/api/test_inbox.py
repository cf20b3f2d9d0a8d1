"""The inbox over HTTP: pages and what is asked of them, counters, marks, follows, preferences."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import Listen, Name
from tests.servers import HttpResponse, Server


def ask(server: Server, user: str, path: str = "/v1/inbox", **query: object) -> HttpResponse:
    more = "".join(f"&{name}={value}" for name, value in query.items())
    return server.request("GET", f"{path}?user={user}{more}")


def titles(answer: HttpResponse) -> list[str]:
    assert answer.status == 200, answer.body
    return [item["title"] for item in answer.json["data"]]


def mark(server: Server, user: str, verb: str, **what: object) -> Any:
    answer = server.request("POST", f"/v1/inbox/{verb}?user={user}", what)
    assert answer.status == 200, answer.body
    return answer.json["counters"]


def send(server: Server, user: str, *names: str, **more: object) -> list[Any]:
    return [server.publish({"user": user}, title=title, **more) for title in names]


# Pages


def test_pages_are_newest_first_and_meet_without_a_gap(server: Server, name: Name) -> None:
    alice = name("alice")
    send(server, alice, *"abcdefg")
    found: list[str] = []
    after: dict[str, Any] = {}
    for size in (3, 3, 1):
        answer = ask(server, alice, topic=f"user/{alice}", limit=3, **after)
        assert len(titles(answer)) == size
        found += titles(answer)
        after = {"after": answer.json["next"]}
        send(server, alice, "meanwhile")
    assert found == list("gfedcba")
    assert after == {"after": None}


def test_a_stream_goes_on_from_where_a_page_was_true(server: Server, listen: Listen, name: Name) -> None:
    alice = name("alice")
    send(server, alice, "listed")
    page = ask(server, alice).json
    send(server, alice, "pushed")
    assert listen(server, alice, cursor=page["cursor"]).next().json["title"] == "pushed"


def test_a_page_is_filtered_by_status_type_and_topic(server: Server, name: Name) -> None:
    alice, topic = name("alice"), name("author/4")
    server.follow(topic, alice)
    like, comment, old = (
        send(server, alice, title, type=type)[0] for title, type in (("l", "like"), ("c", "comment"), ("o", "like"))
    )
    server.publish({"topic": topic}, title="p", type="post")
    mark(server, alice, "read", ids=[like["id"]])
    mark(server, alice, "archive", ids=[old["id"]])
    mine = {"topic": f"user/{alice}"}
    assert titles(ask(server, alice, **mine)) == ["c", "l"]
    assert titles(ask(server, alice, **mine, status="unread")) == ["c"]
    assert titles(ask(server, alice, **mine, status="read")) == ["l"]
    assert titles(ask(server, alice, **mine, status="archived")) == ["o"]
    assert titles(ask(server, alice, **mine, type="comment")) == ["c"]
    assert titles(ask(server, alice, topic=topic)) == ["p"]
    assert comment["id"] in [item["id"] for item in ask(server, alice).json["data"]]


@pytest.mark.parametrize("path", ["/v1/inbox", "/v1/inbox/counters"])
def test_unchanged_inbox_is_not_sent_again_when_others_change(server: Server, name: Name, path: str) -> None:
    alice = name("alice")
    send(server, alice, "one")
    first = ask(server, alice, path)
    send(server, name("bob"), "not for alice")
    known = {"If-None-Match": first.headers["etag"]}
    same = server.request("GET", f"{path}?user={alice}", headers=known)
    assert (same.status, same.body) == (304, b"")
    send(server, alice, "two")
    assert server.request("GET", f"{path}?user={alice}", headers=known).status == 200


@pytest.mark.parametrize(
    "query", ["status=seen", "limit=0", "limit=101", "limit=x", "after=nonsense", "topic=a//b", "type=%00"]
)
def test_a_question_that_makes_no_sense_is_refused(server: Server, name: Name, query: str) -> None:
    answer = server.request("GET", f"/v1/inbox?user={name('alice')}&{query}")
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"


# Marks and counters


def test_each_verb_undoes_its_opposite_and_tells_every_connection(server: Server, listen: Listen, name: Name) -> None:
    alice = name("alice")
    tabs = [listen(server, alice) for _ in range(2)]
    ids = [one["id"] for one in send(server, alice, "a", "b")]
    for tab in tabs:
        tab.take(2)
    for verb, event, unread, unseen in (
        ("seen", "inbox.seen", 2, 1), ("unseen", "inbox.unseen", 2, 2), ("read", "inbox.read", 1, 1),
        ("unread", "inbox.unread", 2, 1), ("archive", "inbox.archived", 1, 1), ("unarchive", "inbox.unarchived", 2, 1),
    ):  # fmt: skip
        counters = mark(server, alice, verb, ids=ids[:1])
        assert (counters["unread"], counters["unseen"]) == (unread, unseen), verb
        told = [tab.next() for tab in tabs]
        assert [(one.type, one.json["ids"], one.json["counters"]) for one in told] == [(event, ids[:1], counters)] * 2
        now = ask(server, alice, "/v1/inbox/counters").json
        assert {**now, "cursor": ""} == {**counters, "cursor": ""}


def test_reading_up_to_a_place_leaves_what_came_after(server: Server, name: Name) -> None:
    alice = name("alice")
    first, second = send(server, alice, "a", "b", type="like")
    assert mark(server, alice, "read", up_to=first["cursor"])["unread"] == 1
    assert mark(server, alice, "read", up_to=first["cursor"])["unread"] == 1
    assert mark(server, alice, "read", up_to=second["cursor"])["by_type"] == {}
    assert mark(server, alice, "read", up_to=first["cursor"])["unread"] == 0  # it never goes back


# Follows and preferences


def test_followed_topic_is_listed_and_can_be_unfollowed(server: Server, listen: Listen, name: Name) -> None:
    alice, topic = name("alice"), name("author/42")
    stream = listen(server, alice)
    for _ in range(2):
        assert server.request("PUT", f"/v1/follows/{topic}?user={alice}").status == 204
    told = stream.next()
    assert (told.type, told.json["topic"]) == ("follow.created", topic)
    listed = ask(server, alice, "/v1/follows").json
    assert listed == {"data": [{"topic": topic, "since": told.id}], "next": None}
    server.publish({"topic": topic}, title="heard")
    assert stream.next().json["title"] == "heard"
    assert server.request("DELETE", f"/v1/follows/{topic}?user={alice}").status == 204
    gone = stream.next()
    assert (gone.type, gone.json["counters"]["unread"]) == ("follow.deleted", 0)


def test_a_page_says_what_is_muted_in_it(server: Server, listen: Listen, name: Name) -> None:
    alice = name("alice")
    send(server, alice, "l", type="like")
    assert (ask(server, alice).json["mutes"], titles(ask(server, alice))) == ([], ["l"])
    wanted = ["type:like", "entity:post/9"]
    stream = listen(server, alice)
    answer = server.request("PUT", f"/v1/preferences?user={alice}", {"mutes": wanted})
    assert answer.json == {"mutes": sorted(wanted), "cursor": stream.next().id}
    assert ask(server, alice).json["mutes"] == sorted(wanted)
    assert f"user/{alice}" not in [item["topic"] for item in ask(server, alice).json["data"]]


def test_mutes_are_added_and_removed_one_by_one_by_concurrent_callers(server: Server, name: Name) -> None:
    alice = name("alice")
    tags = [f"type:{kind}" for kind in ("like", "comment")] + [f"topic:a/{n}" for n in range(8)]

    def change(method: str, tag: str) -> HttpResponse:
        return server.request(method, f"/v1/preferences/mutes/{quote(tag, safe='')}?user={alice}")

    with ThreadPoolExecutor(10) as pool:
        assert [answer.status for answer in pool.map(lambda tag: change("PUT", tag), tags)] == [200] * 10
        assert server.request("GET", f"/v1/preferences?user={alice}").json == {"mutes": sorted(tags)}
        assert [answer.status for answer in pool.map(lambda tag: change("DELETE", tag), tags[1:])] == [200] * 9
    again = change("PUT", tags[0]).json
    assert again["mutes"] == ["type:like"]
    assert change("PUT", tags[0]).json == again  # nothing is changed, and no event says so
    assert change("PUT", "like").json["code"] == "invalid_request"


ACTS: list[tuple[str, str, object]] = [
    ("POST", "/v1/inbox/read", {"ids": []}),
    ("POST", "/v1/inbox/archive", {"ids": []}),
    ("PUT", "/v1/follows/author/42", None),
    ("DELETE", "/v1/follows/author/42", None),
    ("PUT", "/v1/preferences", {"mutes": []}),
    ("PUT", "/v1/preferences/mutes/type:like", None),
    ("GET", "/v1/inbox", None),
    ("POST", "/v1/tickets", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ACTS)
def test_act_for_another_user_than_the_caller_is_refused(
    server: Server, name: Name, method: str, path: str, body: object
) -> None:
    """Another tab signed in as another user: the page of the first user must not change the other's inbox."""
    user = name("zo\u00eb")
    asked = f"{path}?user={quote(user)}"
    other = server.request(method, asked, body, headers={"Tidings-User": name("bob")})
    assert (other.status, other.json["code"]) == (409, "user_changed")
    assert server.request(method, asked, body, headers={"Tidings-User": quote(user)}).status in {200, 201, 204}
