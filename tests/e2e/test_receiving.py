"""Receiving from real servers: with detached sockets under uvicorn, in plain ASGI under three others."""

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from itertools import islice
from urllib.parse import quote

import pytest

from tests.conftest import Listen, Name
from tests.servers import Server, eventually
from tests.streams import Event, Stream, resuming, stream_target

AWKWARD = 'a\u2028b\u2029c\r\nd\re\nf\u0085g\x01h\x7fi \U0001f514 \u05e9\u05dc\u05d5\u05dd \ufeff\\"</script>'


def bodies(events: list[Event]) -> list[str]:
    return [event.json["body"] for event in events]


def test_notification_to_alice_reaches_alice_and_not_bob(any_server: Server, listen: Listen, name: Name) -> None:
    alice, bob = listen(any_server, name("alice")), listen(any_server, name("bob"))
    sent = any_server.publish({"user": name("alice")}, type="like", body="Bob liked your post")
    got = alice.next()
    assert (got.type, got.id, got.json["id"]) == ("notification.created", sent["cursor"], sent["id"])
    assert (got.json["type"], got.json["body"], got.json.get("ring", False)) == ("like", "Bob liked your post", True)
    any_server.publish({"user": name("bob")}, body="the first that bob hears of")
    assert bob.next().json["body"] == "the first that bob hears of"


def test_topic_all_reaches_every_user(any_server: Server, listen: Listen, name: Name) -> None:
    streams = [listen(any_server, name(user)) for user in ("alice", "bob", "carol")]
    sent = any_server.publish({"all": True}, body=name("hear ye"))
    assert sent["live"] >= 3
    assert {(s.next().id) for s in streams} == {sent["cursor"]}


def test_a_list_of_users_reaches_each_of_them_once(any_server: Server, listen: Listen, name: Name) -> None:
    users = [name(user) for user in ("alice", "bob", "carol")]
    alice, bob, carol = (listen(any_server, user) for user in users)
    sent = any_server.publish({"users": [users[0], users[1], users[0]]}, body="you two")
    any_server.publish({"users": users}, body="you three")
    assert bodies(alice.take(2)) == bodies(bob.take(2)) == ["you two", "you three"]
    assert carol.next().json["body"] == "you three"
    assert sent["live"] == 2


def test_topic_reaches_its_followers_on_open_connections_too(any_server: Server, listen: Listen, name: Name) -> None:
    topic, alice, bob = name("author/42"), listen(any_server, name("alice")), listen(any_server, name("bob"))
    path = f"/v1/topics/{topic}/followers/{name('alice')}"

    assert any_server.publish({"topic": topic}, body="nobody follows yet")["live"] == 0
    assert any_server.request("PUT", path).status == 204
    followed = alice.next()
    assert (followed.type, followed.json["topic"]) == ("follow.created", topic)
    assert any_server.publish({"topic": topic}, body="new post")["live"] == 1
    assert alice.next().json["body"] == "new post"

    assert any_server.request("DELETE", path).status == 204
    assert alice.next().type == "follow.deleted"
    any_server.publish({"topic": topic}, body="after the unfollow")
    any_server.publish({"users": [name("alice"), name("bob")]}, body="the end")
    assert bodies([alice.next(), bob.next()]) == ["the end", "the end"]


def test_a_topic_may_hold_slashes_raw_or_escaped(any_server: Server, listen: Listen, name: Name) -> None:
    topic, user = name("a/b/c"), name("alice")
    escaped = quote(topic, safe="")
    assert any_server.request("PUT", f"/v1/topics/{escaped}/followers/{user}").status == 204
    alice = listen(any_server, user)
    any_server.publish({"topic": topic}, body="here")
    assert alice.next().json["body"] == "here"
    assert any_server.request("DELETE", f"/v1/topics/{topic}/followers/{user}").status == 204
    assert alice.next().json["topic"] == topic


def test_a_stream_may_ask_for_topics_beside_its_feed(any_server: Server, listen: Listen, name: Name) -> None:
    post, other = name("post/7"), name("post/8")
    viewer = listen(any_server, name("viewer"), topics=(post, other))
    for topic in (post, name("post/77"), other):
        any_server.publish({"topic": topic}, body=topic)
    assert bodies(viewer.take(2)) == [post, other]


def test_one_user_may_hold_many_connections(any_server: Server, listen: Listen, name: Name) -> None:
    tabs = [listen(any_server, name("alice")) for _ in range(12)]
    presence = any_server.request("GET", f"/v1/users/{name('alice')}/presence").json
    assert presence == {"user": name("alice"), "online": True, "connections": 12}
    assert any_server.publish({"user": name("alice")}, body="to every tab")["live"] == 12
    assert {tab.next().json["body"] for tab in tabs} == {"to every tab"}


@pytest.mark.parametrize(
    ("mine", "others"),
    [
        ("user/{}a@x.io", ["user/{}aa@x.io", "user/{}a@x.io.org", "user/{}a@x.i", "user/{}A@x.io", "{}a@x.io"]),
        ("user/{}1", ["user/{}11", "user/{}", "user/{}10", "user/{}1.1", "user/{}01", "{}1"]),
        ("author/{}4", ["author/{}42", "author/{}", "author/{}4/4", "author", "author/{}44", "xauthor/{}4"]),
        ("{}caf\u00e9", ["{}cafe\u0301", "{}cafe", "{}CAF\u00c9"]),
        ("{}%", ["{}a", "{}%%", "{}_"]),
    ],
)
def test_a_name_that_looks_like_mine_is_not_mine(
    any_server: Server, listen: Listen, name: Name, mine: str, others: list[str]
) -> None:
    unique = name("x")
    topic, names = mine.format(unique), [other.format(unique) for other in others]
    user = topic.removeprefix("user/") if topic.startswith("user/") else name("me")
    if not topic.startswith("user/"):
        any_server.follow(quote(topic), user)
    me = listen(any_server, user)
    for other in names:
        if not other.startswith("user/"):
            any_server.follow(quote(other), f"somebody-else-{unique}")
        any_server.publish({"topic": other}, body="not for me")
    any_server.publish({"topic": topic}, body="for me")
    assert me.next().json["body"] == "for me"
    late = listen(any_server, user, cursor=me.hello.id if me.hello else "")
    assert late.next().json["body"] == "for me"  # and nothing else is read from the log


def test_text_arrives_exactly_as_sent(any_server: Server, listen: Listen, name: Name) -> None:
    user = name("zo\u00eb+\u65b0@ex\u00e4mple.org")
    stream = listen(any_server, user)
    sent = {"title": AWKWARD, "body": AWKWARD, "data": {AWKWARD: [AWKWARD]}, "actor": {"name": AWKWARD}}
    any_server.publish({"user": user}, type="\u65b0\u7740", **sent)
    got = stream.next().json
    assert {key: got[key] for key in sent} == sent
    assert got["topic"] == f"user/{user}"
    assert listen(any_server, user, cursor=stream.hello.id if stream.hello else "").next().json == got


# Cursors


def test_hello_says_where_the_stream_starts(any_server: Server, listen: Listen, name: Name) -> None:
    any_server.publish({"user": name("alice")}, body="before she came")
    stream = listen(any_server, name("alice"))
    assert stream.hello is not None
    hello = stream.hello.json
    assert stream.hello.id == hello["cursor"] == hello["counters"]["cursor"]
    assert (hello["counters"]["unread"], hello["heartbeat"], hello["user"]) == (1, 1.0, name("alice"))
    assert hello["connection"] and datetime.fromisoformat(hello["time"]).tzinfo is not None
    assert stream.parser.retry == 2000
    assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert stream.response.headers["x-accel-buffering"] == "no"
    assert "no-transform" in stream.response.headers["cache-control"]


def test_stream_cut_after_hello_resumes_without_loss(any_server: Server, listen: Listen, name: Name) -> None:
    first = listen(any_server, name("alice"))
    assert first.hello is not None
    first.close()
    any_server.publish({"user": name("alice")}, body="while away")
    assert listen(any_server, name("alice"), last_event_id=first.hello.id).next().json["body"] == "while away"


def test_a_stream_goes_on_after_its_cursor(any_server: Server, listen: Listen, name: Name) -> None:
    cursors = [any_server.publish({"user": name("alice")}, body=str(n))["cursor"] for n in range(4)]
    as_query = listen(any_server, name("alice"), cursor=cursors[1])
    assert bodies(as_query.take(2)) == ["2", "3"]
    as_header = listen(any_server, name("alice"), last_event_id=cursors[0])
    assert as_header.hello is not None
    assert as_header.hello.id == cursors[0]
    assert bodies(as_header.take(3)) == ["1", "2", "3"]
    both = listen(any_server, name("alice"), cursor=cursors[0], last_event_id=cursors[2])
    assert bodies(both.take(1)) == ["3"]
    neither = listen(any_server, name("alice"))
    any_server.publish({"user": name("alice")}, body="from now")
    assert bodies(neither.take(1)) == ["from now"]


def test_start_means_all_that_is_kept(any_server: Server, listen: Listen, name: Name) -> None:
    for n in range(3):
        any_server.publish({"user": name("alice")}, body=str(n))
    stream = listen(any_server, name("alice"), cursor="start")
    mine: list[str] = []
    while len(mine) < 3:  # and announcements of other tests
        event = stream.next()
        if event.type == "notification.created" and event.json["topic"].startswith("user/"):
            mine.append(event.json["body"])
    assert mine == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("foreign", "reason"),
    [(lambda here: "someother-5", "unknown_epoch"), (lambda here: here.split("-")[0] + "-" + "9" * 18, "ahead")],
    ids=["another log's", "from the future"],
)
def test_a_cursor_that_this_log_cannot_serve_gets_a_reset_and_the_stream_goes_on(
    any_server: Server, listen: Listen, name: Name, foreign: Callable[[str], str], reason: str
) -> None:
    sent = any_server.publish({"user": name("alice")}, body="kept")
    stream = listen(any_server, name("alice"), last_event_id=foreign(sent["cursor"]))
    reset = stream.next()
    assert (reset.type, reset.json["reason"], reset.id) == ("reset", reason, reset.json["cursor"])
    epoch = any_server.request("GET", "/readyz").json["epoch"]
    assert reset.id == f"{epoch}-0"  # nothing was pruned here
    while (event := stream.next()).id != sent["cursor"]:
        assert event.json["topic"] == "all"  # announcements of other tests


@pytest.mark.parametrize("bad", ["nonsense", "abc", "abc-", "-5", "abc-05", "ABC-5", "abc-1e3", "a" * 200, "start!"])
@pytest.mark.parametrize("where", ["query", "header"])
def test_a_cursor_that_is_none_is_refused(any_server: Server, name: Name, bad: str, where: str) -> None:
    target = stream_target(name("alice"), cursor=bad if where == "query" else None)
    answer = any_server.request("GET", target, headers={"Last-Event-ID": bad} if where == "header" else {})
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json["code"] == "invalid_cursor"


def test_a_silent_stream_is_given_signs_of_life(any_server: Server, listen: Listen, name: Name) -> None:
    stream = listen(any_server, name("alice"))
    stream.read_until(lambda: stream.parser.comments >= 2)
    any_server.publish({"user": name("alice")}, body="still here")
    assert stream.next().json["body"] == "still here"


def test_head_tells_the_headers_and_ends(any_server: Server, name: Name) -> None:
    answer = any_server.request("HEAD", stream_target(name("alice")))
    assert (answer.status, answer.headers["content-type"], answer.body) == (
        200, "text/event-stream; charset=utf-8", b""
    )  # fmt: skip


# Living notifications


def test_changes_and_withdrawals_reach_open_streams(any_server: Server, listen: Listen, name: Name) -> None:
    alice, bob = listen(any_server, name("alice")), listen(any_server, name("bob"))
    mine = any_server.publish({"user": name("alice")}, body="42 %", entity=name("export/1"))
    any_server.request("PATCH", f"/v1/notifications/{mine['id']}", {"body": "done", "progress": 1})
    any_server.request("DELETE", f"/v1/notifications/{mine['id']}")
    ours = any_server.publish({"all": True}, body=name("hear ye"), entity=name("post/9"))
    assert any_server.request("DELETE", f"/v1/notifications?entity={name('post/9')}").json == {"deleted": 1}

    created, updated, deleted, heard, unheard = alice.take(5)
    assert [e.type.removeprefix("notification.") for e in (created, updated, deleted, heard, unheard)] == [
        "created", "updated", "deleted", "created", "deleted"
    ]  # fmt: skip
    assert (updated.json["id"], updated.json["body"], updated.json["progress"]) == (mine["id"], "done", 1.0)
    assert (updated.json.get("ring", False), updated.json["revision"], updated.json["cursor"]) == (
        False,
        2,
        mine["cursor"],
    )
    assert deleted.json == {"id": mine["id"], "reason": "retracted"}
    assert unheard.json == {"id": ours["id"], "reason": "retracted"}
    assert [event.json["id"] for event in bob.take(2)] == [ours["id"]] * 2


# Catching up


def test_ten_thousand_missed_notifications_come_in_order_and_the_stream_goes_on(
    any_server: Server, listen: Listen, name: Name
) -> None:
    """More than memory holds: the first of them are read from the store, page by page."""
    user, many = name("alice"), 10_000
    stream = listen(any_server, user)
    assert stream.hello is not None
    stream.close()
    batch = [{"to": {"user": user}, "data": n} for n in range(many)]
    any_server.publish_many(batch)
    late = listen(any_server, user, last_event_id=stream.hello.id)
    got = late.take(many)
    assert [event.json["data"] for event in got] == list(range(many))
    any_server.publish({"user": user}, data="live")
    assert late.next().json["data"] == "live"


def test_no_event_falls_between_catching_up_and_live(any_server: Server, listen: Listen, name: Name) -> None:
    """Streams join, each at another place, while the log grows."""
    user, count = name("alice"), 100
    first = any_server.publish({"user": user}, data=0)["cursor"]
    publisher = threading.Thread(target=lambda: [any_server.publish({"user": user}, data=n) for n in range(1, count)])
    publisher.start()
    streams = [listen(any_server, user, cursor=first)]
    while publisher.is_alive() and len(streams) < count:  # the next event of the last one is still to come
        streams.append(listen(any_server, user, cursor=streams[-1].next().id))
    publisher.join()
    for place, stream in enumerate(streams):
        left = count - 1 - place - (stream is not streams[-1])
        assert [event.json["data"] for event in stream.take(left)] == list(range(count - left, count))


def test_stalled_reader_loses_nothing_and_delays_no_other(any_server: Server, listen: Listen, name: Name) -> None:
    """A stalled reader is closed (its socket may take a while), and gets the missed events when it comes back."""
    user, batches, size = name("alice"), 16, 100
    stalled = listen(any_server, user, receive_buffer=4096)
    other = listen(any_server, user)
    fill = "x" * 4000
    for batch in range(batches):
        content = [{"to": {"user": user}, "data": {"n": batch * size + n, "fill": fill}} for n in range(size)]
        any_server.publish_many(content)
        assert [event.json["data"]["n"] for event in other.take(size)] == [batch * size + n for n in range(size)]
    eventually("the server lets go of who does not read", lambda: presence(any_server, user) == 1)
    with closing(resuming((any_server.host, any_server.port), user, stalled)) as missed:
        assert [event.json["data"]["n"] for event in islice(missed, batches * size)] == list(range(batches * size))


# Leaving


def presence(server: Server, user: str) -> int:
    return int(server.request("GET", f"/v1/users/{quote(user)}/presence").json["connections"])


@pytest.mark.parametrize("leave", [Stream.close, Stream.reset, Stream.half_close])
def test_closed_connection_is_forgotten(
    any_server: Server, listen: Listen, name: Name, leave: Callable[[Stream], None]
) -> None:
    user = name("alice")
    streams = [listen(any_server, user) for _ in range(5)]
    assert presence(any_server, user) == 5
    for stream in streams:
        leave(stream)
    eventually("the user is gone", lambda: presence(any_server, user) == 0)
