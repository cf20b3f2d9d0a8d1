"""The publishing plane over HTTP: one, many, once; changed, withdrawn; followers and presence."""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.conftest import Listen, Name, StartServer
from tests.servers import HttpResponse, Server, eventually
from tidings.api.schemas import drafts
from tidings.app import create_app
from tidings.settings import Settings


def items(server: Server, user: str) -> list[Any]:
    """The items of this user alone, newest first."""
    return list(server.request("GET", f"/v1/inbox?user={user}&topic=user/{user}&limit=100").json["data"])


def inbox(server: Server, user: str) -> list[str]:
    return [item["body"] for item in items(server, user)]


def head(server: Server) -> int:
    return int(server.request("GET", "/readyz").json["head"])


# One


def test_the_answer_says_what_it_is_called_and_where_it_stands(server: Server, listen: Listen, name: Name) -> None:
    tabs = [listen(server, name("alice")) for _ in range(3)]
    answer = server.request("POST", "/v1/notifications", {"to": {"user": name("alice")}, "body": "x"})
    assert (answer.status, answer.headers["content-type"]) == (201, "application/json")
    assert set(answer.json) == {"id", "cursor", "create_time", "live"}
    assert answer.json["live"] == 3
    got = tabs[0].next()
    assert (got.id, got.json["id"], got.json["create_time"]) == (
        answer.json["cursor"], answer.json["id"], answer.json["create_time"]
    )  # fmt: skip


def test_live_counts_the_connections_of_all_recipients(server: Server, listen: Listen, name: Name) -> None:
    for user in ("alice", "alice", "bob"):
        listen(server, name(user))
    server.follow(name("topic"), name("alice"), name("absent"))
    users = [name("alice"), name("bob"), name("absent")]
    assert server.publish({"users": users})["live"] == 3
    assert server.publish({"topic": name("topic")})["live"] == 2
    assert server.publish({"user": name("absent")})["live"] == 0


def test_every_field_arrives_as_it_was_sent(server: Server, listen: Listen, name: Name) -> None:
    stream = listen(server, name("alice"))
    sent: dict[str, Any] = {
        "type": "like", "title": "A like", "body": "Bob liked your post", "data": {"deep": [1, 2.5, None, {"x": ""}]},
        "actor": {"id": "bob", "name": "Bob"}, "action_url": "/posts/9", "entity": "post/9", "priority": "high",
        "progress": 0.5,
    }  # fmt: skip
    server.publish({"user": name("alice")}, **sent, group_key="like:post/9", expire_time="2100-01-01T00:00:00Z")
    got = stream.next().json
    assert {field: got[field] for field in sent} == sent
    assert got["group"] == {"key": "like:post/9", "count": 1, "total": 1, "actors": [sent["actor"]]}
    assert got["expire_time"] == "2100-01-01T00:00:00.000Z"
    assert got["status"] == "UNREAD" and not {"read_time", "seen_time", "update_time", "revision"} & set(got)


# Many


def as_json(items: list[object]) -> bytes:
    return json.dumps(items).encode()


def as_ndjson(items: list[object]) -> bytes:
    return b"\n".join(json.dumps(item).encode() for item in items) + b"\n\n"


@pytest.mark.parametrize("write", [as_json, as_ndjson])
def test_a_thousand_go_in_one_transaction(server: Server, listen: Listen, name: Name, write: object) -> None:
    assert callable(write)
    stream = listen(server, name("alice"))
    before = head(server)
    body = write([{"to": {"user": name("alice")}, "type": "n", "data": n} for n in range(1000)])
    answer = server.request("POST", "/v1/notifications:batch", body=body)
    results = answer.json["results"]
    assert (answer.status, len(results), results[0]["live"]) == (200, 1000, 1)
    assert [int(result["cursor"].split("-")[1]) for result in results] == list(range(before + 1, before + 1001))
    assert len({result["create_time"] for result in results}) == 1
    assert [event.json["data"] for event in stream.take(1000)] == list(range(1000))


def test_a_batch_may_hold_every_kind_of_recipient(server: Server, listen: Listen, name: Name) -> None:
    server.follow(name("topic"), name("alice"))
    alice, bob = listen(server, name("alice")), listen(server, name("bob"))
    targets = [{"user": name("bob")}, {"topic": name("topic")}, {"all": True}, {"users": [name("alice"), name("bob")]}]
    batch = [{"to": to, "body": str(n)} for n, to in enumerate(targets)]
    assert server.request("POST", "/v1/notifications:batch", batch).status == 200
    assert [event.json["body"] for event in alice.take(3)] == ["1", "2", "3"]
    assert [event.json["body"] for event in bob.take(3)] == ["0", "2", "3"]


@pytest.mark.parametrize("body", [b"[]", b" [\n] "])
def test_a_batch_of_nothing_is_no_fault(server: Server, body: bytes) -> None:
    answer = server.request("POST", "/v1/notifications:batch", body=body)
    assert (answer.status, answer.json) == (200, {"results": []})


@pytest.mark.parametrize("body", [b"", b" ", b"\n \r\n\t"])
def test_a_batch_that_says_nothing_is_refused(server: Server, body: bytes) -> None:
    """An empty batch is a mistake of its sender: a file was empty, or a pipe broke."""
    answer = server.request("POST", "/v1/notifications:batch", body=body)
    assert (answer.status, answer.json["code"]) == (400, "invalid_json")


def test_blank_lines_between_notifications_are_passed_over(server: Server, name: Name) -> None:
    line = json.dumps({"to": {"user": name("alice")}, "body": "x"}).encode()
    answer = server.request("POST", "/v1/notifications:batch", body=b"\n\r\n" + line + b"\r\n \n" + line)
    assert (answer.status, len(answer.json["results"])) == (200, 2)


async def test_a_large_batch_does_not_hold_up_the_loop(tmp_path: Path) -> None:
    """Streams hear nothing while the loop is held: no turn of it costs what checking the batch costs.

    Both in CPU time of the thread: what else the machine does is no part of it.
    """
    item = {"to": {"user": "alice"}, "data": [{f"k{n}": n} for n in range(220)]}
    body = as_json([item] * 1000)
    began = time.thread_time()
    drafts(body, most=1000, limit=1 << 16)
    check = time.thread_time() - began
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body}

    answers: list[Any] = []

    async def send(message: object) -> None:
        answers.append(message)

    path = "/v1/notifications:batch"
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": [(b"idempotency-key", b"k")],
        "query_string": b"",
    }
    app = create_app(Settings(mode="dev", db=tmp_path / "tidings.db"))
    async with app.opened():
        ticker = asyncio.create_task(tick())
        await asyncio.sleep(0)  # it ticks
        await app(scope, receive, send)
        ticker.cancel()
    assert answers[0]["status"] == 200
    assert longest < check / 3


# Once


def post(server: Server, key: str, content: object, path: str = "/v1/notifications") -> HttpResponse:
    return server.request("POST", path, content, headers={"Idempotency-Key": key})


def test_the_same_key_and_body_get_the_first_answer_again_also_after_a_restart(
    start_server: StartServer, name: Name
) -> None:
    server = start_server()
    content = {"to": {"user": name("alice")}, "body": "once"}
    first = post(server, "key-1", content)
    again = post(server, "key-1", content)
    assert (first.status, "idempotent-replayed" in first.headers) == (201, False)
    assert (again.status, again.headers["idempotent-replayed"], again.body) == (201, "true", first.body)
    server.restart()
    later = post(server, "key-1", content)
    assert (later.status, later.headers["idempotent-replayed"], later.body) == (201, "true", first.body)
    assert inbox(server, name("alice")) == ["once"]
    assert post(server, "key-1", {**content, "body": "other"}).status == 422
    assert post(server, "key-2", content).status == 201
    assert inbox(server, name("alice")) == ["once", "once"]


def test_a_key_used_with_another_body_is_refused(server: Server, name: Name) -> None:
    to = {"user": name("alice")}
    assert post(server, name("key"), {"to": to, "body": "a"}).status == 201
    refused = post(server, name("key"), {"to": to, "body": "b"})
    assert (refused.status, refused.json["code"]) == (422, "idempotency_key_reused")
    elsewhere = post(server, name("key"), [{"to": to, "body": "a"}], "/v1/notifications:batch")
    assert (elsewhere.status, elsewhere.json["code"]) == (422, "idempotency_key_reused")
    assert inbox(server, name("alice")) == ["a"]


def test_a_key_whose_first_request_failed_may_be_used_again(server: Server, name: Name) -> None:
    assert post(server, name("key"), {"to": {}, "body": "a"}).status == 400
    assert post(server, name("key"), {"to": {"user": name("alice")}, "body": "a"}).status == 201


def test_a_batch_is_done_once(server: Server, name: Name) -> None:
    batch = [{"to": {"user": name("alice")}, "body": str(n)} for n in range(3)]
    first = post(server, name("key"), batch, "/v1/notifications:batch")
    again = post(server, name("key"), batch, "/v1/notifications:batch")
    assert (again.body, again.headers["idempotent-replayed"]) == (first.body, "true")
    assert inbox(server, name("alice")) == ["2", "1", "0"]


def test_a_key_is_in_flight_until_its_request_is_answered(start_server: StartServer, name: Name) -> None:
    """Another process holds the database, so the first request has to wait."""
    server = start_server()
    content = {"to": {"user": name("alice")}, "body": "slow"}
    lock = apsw.Connection(str(server.db))
    lock.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(4) as pool:
        try:
            same = [pool.submit(post, server, "key", content) for _ in range(4)]
            eventually("one waits, three are told so", lambda: sum(one.done() for one in same) >= 3)
            told = [one.result() for one in same if one.done()]
            assert [(one.status, one.json["code"]) for one in told] == [(409, "idempotency_key_in_flight")] * 3
        finally:
            lock.execute("ROLLBACK")
            lock.close()
        assert sorted(one.result().status for one in same) == [201, 409, 409, 409]
    assert post(server, "key", content).headers["idempotent-replayed"] == "true"
    assert inbox(server, name("alice")) == ["slow"]


POSTS: dict[str, tuple[object, object]] = {
    "/v1/notifications": ({"to": {"user": "{me}"}, "body": "x"}, {"to": {"user": "{me}"}, "body": "other"}),
    "/v1/notifications:batch": ([{"to": {"user": "{me}"}, "body": "x"}], []),
    "/v1/topics/{topic}/followers": ({"users": ["{me}"]}, {"users": []}),
    "/v1/inbox/read": ({"ids": ["{id}"]}, {"ids": []}),
    "/v1/inbox/unread": ({"ids": ["{id}"]}, {"ids": []}),
    "/v1/inbox/seen": ({"ids": ["{id}"]}, {"ids": []}),
    "/v1/inbox/unseen": ({"ids": ["{id}"]}, {"ids": []}),
    "/v1/inbox/archive": ({"ids": ["{id}"]}, {"ids": []}),
    "/v1/inbox/unarchive": ({"ids": ["{id}"]}, {"ids": []}),
    "/v1/revocations": ({"jti": "one"}, {"jti": "other"}),
}


def every_post(server: Server, name: Name) -> list[tuple[str, str, object, object]]:
    """For each POST there is: its address, a key, a body that it takes, and another."""
    described = server.request("GET", "/openapi.json").json["paths"]
    assert {path for path, methods in described.items() if "post" in methods} == {*POSTS, "/v1/tickets", "/v1/session"}
    me = name("alice")
    id = server.publish({"user": me})["id"]

    def filled(value: object) -> object:
        return json.loads(json.dumps(value).replace("{me}", me).replace("{id}", id))

    return [
        (f"{path.replace('{topic}', name('topic'))}?user={me}", name(path), filled(body), filled(other))
        for path, (body, other) in POSTS.items()
    ]


def test_every_post_takes_a_key(server: Server, name: Name) -> None:
    for path, key, body, other in every_post(server, name):
        first, again = post(server, key, body, path), post(server, key, body, path)
        assert first.status in {200, 201} and "idempotent-replayed" not in first.headers, path
        assert (again.status, again.body) == (first.status, first.body), path
        assert again.headers.get("idempotent-replayed") == "true", path
        refused = post(server, key, other, path)
        assert (refused.status, refused.json["code"]) == (422, "idempotency_key_reused"), path


def test_the_key_of_every_post_is_in_flight_until_it_is_answered(start_server: StartServer, name: Name) -> None:
    server = start_server()
    posts = every_post(server, name)
    with ThreadPoolExecutor(2 * len(posts)) as pool, closing(apsw.Connection(str(server.db))) as lock:
        lock.execute("BEGIN IMMEDIATE")
        try:
            asked = [pool.submit(post, server, key, body, path) for path, key, body, _ in posts * 2]
            eventually("one of each two is told so", lambda: sum(one.done() for one in asked) >= len(posts))
            assert [one.result().status for one in asked if one.done()] == [409] * len(posts)
        finally:
            lock.execute("ROLLBACK")
        assert len([one for one in asked if one.result().status in {200, 201}]) == len(posts)


# Changed and withdrawn


@pytest.mark.parametrize("blank", [None, "", " \u2800", "\U000e0001"])
def test_patch_that_leaves_nothing_to_show_is_refused(server: Server, name: Name, blank: str | None) -> None:
    """As at a publish: a `title` or `body` that can be seen, or what an application composes its text of."""
    user, other = name("alice"), name("bob")
    sent = server.publish({"users": [user, other]}, title="x", body="y")
    path = f"/v1/notifications/{sent['id']}"
    assert server.request("PATCH", path, {"body": blank}).status == 200
    refused = server.request("PATCH", path, {"title": blank, "priority": "low"})
    assert (refused.status, refused.json["code"]) == (400, "invalid_request")
    assert "title or a body" in refused.json["detail"]
    for one in (user, other):
        [item] = items(server, one)
        assert (item["title"], item.get("priority"), item["revision"]) == ("x", None, 2)
    assert server.request("PATCH", path, {"title": blank, "data": {"post": 7}}).status == 200
    assert server.request("PATCH", path, {"data": None}).status == 400
    assert server.request("PATCH", path, {"data": None, "type": "like"}).status == 200
    assert server.request("PATCH", path, {"type": "message"}).status == 400


def test_a_patch_changes_what_it_names_and_nothing_else(server: Server, name: Name) -> None:
    sent = server.publish({"user": name("alice")}, title="t", body="b", data={"k": 1}, progress=0)
    path = f"/v1/notifications/{sent['id']}"
    assert server.request("PATCH", path, {"progress": 0.5, "title": None}).status == 200
    [item] = items(server, name("alice"))
    assert ("title" in item, item["body"], item["data"], item["progress"]) == (False, "b", {"k": 1}, 0.5)
    assert (item["id"], item["cursor"], item["revision"]) == (sent["id"], sent["cursor"], 2)


def test_notification_to_several_users_is_changed_and_retracted_for_all(
    server: Server, listen: Listen, name: Name
) -> None:
    users = [name("alice"), name("bob")]
    streams = [listen(server, user) for user in users]
    sent = server.publish({"users": users}, body="v1")
    server.request("PATCH", f"/v1/notifications/{sent['id']}", {"body": "v2"})
    for stream in streams:
        created, updated = stream.take(2)
        assert (created.json["id"], updated.json["id"], updated.json["body"]) == (sent["id"], sent["id"], "v2")
        assert updated.json["status"] == "UNREAD"
    assert server.request("DELETE", f"/v1/notifications/{sent['id']}").status == 204
    assert [stream.next().json["id"] for stream in streams] == [sent["id"]] * 2
    assert [inbox(server, user) for user in users] == [[], []]


def test_a_change_does_not_grow_it_beyond_what_may_be_published(server: Server, listen: Listen, name: Name) -> None:
    stream = listen(server, name("alice"))
    sent = server.publish({"user": name("alice")}, title="x" * 20_000, data={"short": 1})
    path = f"/v1/notifications/{sent['id']}"
    stream.next()
    before, known = items(server, name("alice")), head(server)
    for _ in range(2):  # nor is the refusal kept with the key
        refused = server.request("PATCH", path, {"body": "y" * 15_000}, headers={"Idempotency-Key": name("key")})
        assert (refused.status, refused.json["code"]) == (413, "too_large")
        assert "32768" in refused.json["detail"]
    assert (items(server, name("alice")), head(server)) == (before, known)
    assert server.request("PATCH", path, {"title": None, "body": "y" * 15_000}).status == 200
    assert server.request("PATCH", path, {"data": "z" * 15_000}).status == 200
    assert [event.json["revision"] for event in stream.take(2)] == [2, 3]


def test_of_several_recipients_none_has_a_change_that_is_too_large_for_one(server: Server, name: Name) -> None:
    users = [name("alice"), name("bob")]
    sent = server.publish({"users": users}, group_key="k", title="x" * 15_000)
    server.publish({"user": users[1]}, group_key="k", data="z" * 10_000)  # merges: hers is longer now
    path = f"/v1/notifications/{sent['id']}"
    assert server.request("PATCH", path, {"body": "y" * 10_000}).status == 413
    assert ["body" in items(server, user)[0] for user in users] == [False, False]


def test_size_that_counts_is_that_of_the_event_and_not_of_the_request(server: Server, name: Name) -> None:
    # 1e9 is kept as 1000000000.0
    body = b'{"to": {"user": "%b"}, "data": [%b]}' % (name("alice").encode(), b",".join([b"1e9"] * 5_000))
    assert len(body) < 32 * 1024
    assert server.request("POST", "/v1/notifications", body=body).status == 413
    # \u00e9 is sent as six bytes and kept as two
    body = b'{"to": {"user": "%b"}, "body": "%b"}' % (name("alice").encode(), rb"\u00e9" * 10_000)
    assert server.request("POST", "/v1/notifications", body=body).status == 201


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_missing_notification_cannot_be_changed(server: Server, name: Name, method: str) -> None:
    sent = server.publish({"user": name("alice")}, body="x")
    assert server.request("DELETE", f"/v1/notifications/{sent['id']}").status == 204
    _, epoch, _ = sent["id"].split("-")
    for id, status, code in [
        (sent["id"], 404, "not_found"),
        (f"n-{epoch}-999999999", 404, "not_found"),
        ("n-someother-1", 404, "not_found"),
        ("nonsense", 400, "invalid_request"),
        (f"n-{epoch}-", 400, "invalid_request"),
        (f"n-{epoch}-{'9' * 30}", 400, "invalid_request"),
        (f"n-{epoch}-%C2%B2", 400, "invalid_request"),
    ]:
        answer = server.request(method, f"/v1/notifications/{id}", {"body": "y"} if method == "PATCH" else None)
        assert (answer.status, answer.json["code"]) == (status, code), id


def test_everything_about_an_entity_is_withdrawn_and_nothing_else(server: Server, listen: Listen, name: Name) -> None:
    stream = listen(server, name("alice"))
    gone = [server.publish({"user": name("alice")}, entity=name("post/9"), body=str(n))["id"] for n in range(3)]
    server.publish({"user": name("alice")}, entity=name("post/9") + "9", body="kept")
    assert server.request("DELETE", f"/v1/notifications?entity={name('post/9')}").json == {"deleted": 3}
    stream.take(4)
    assert [event.json["id"] for event in stream.take(3)] == gone
    assert inbox(server, name("alice")) == ["kept"]
    assert server.request("DELETE", f"/v1/notifications?entity={name('post/9')}").json == {"deleted": 0}
    assert server.request("DELETE", "/v1/notifications").status == 400


# Expiry


def soon(seconds: float) -> str:
    return datetime.fromtimestamp(time.time() + seconds, UTC).isoformat()


def test_expired_notification_is_refused(server: Server, listen: Listen, name: Name) -> None:
    """Such a notification would ring, and be gone when its user looks."""
    stream = listen(server, name("alice"))
    over = {"to": {"user": name("alice")}, "expire_time": soon(-1), "body": "x"}
    for path, content in [
        ("/v1/notifications", over),
        ("/v1/notifications", {**over, "group_key": "k"}),
        ("/v1/notifications:batch", [{"to": {"user": name("alice")}, "body": "x"}, over]),
    ]:
        refused = server.request("POST", path, content)
        assert (refused.status, refused.json["code"]) == (400, "already_expired")
        assert refused.json["detail"].startswith("item 1: ") == path.endswith(":batch")
    server.publish({"user": name("alice")}, expire_time=soon(60), body="first")
    assert stream.next().json["body"] == "first"


def test_repeated_publish_after_the_expiry_gets_the_first_answer(server: Server, name: Name) -> None:
    content = {"to": {"user": name("alice")}, "expire_time": soon(0.5), "body": "x"}
    first = post(server, name("key"), content)
    assert first.status == 201
    eventually("it has expired", lambda: items(server, name("alice")) == [])
    again = post(server, name("key"), content)
    assert (again.status, again.body, again.headers["idempotent-replayed"]) == (201, first.body, "true")


def test_a_patch_may_expire_it_now_without_ringing(server: Server, listen: Listen, name: Name) -> None:
    stream = listen(server, name("alice"))
    sent = server.publish({"user": name("alice")}, body="x")
    answer = server.request("PATCH", f"/v1/notifications/{sent['id']}", {"expire_time": soon(-3600)})
    assert answer.status == 200
    created, updated, deleted = stream.take(3)
    assert (created.json.get("ring", False), updated.json.get("ring", False)) == (True, False)
    assert (deleted.type, deleted.json) == ("notification.deleted", {"id": sent["id"], "reason": "expired"})


# Followers and presence


def test_followers_are_listed_page_by_page(server: Server, name: Name) -> None:
    users = sorted(f"{n}-{name('u')}" for n in range(1500))
    server.follow(name("topic"), *users)
    path = f"/v1/topics/{name('topic')}/followers"
    first = server.request("GET", path).json
    second = server.request("GET", f"{path}?after={first['next']}").json
    assert (first["data"] + second["data"], second["next"]) == (users, None)


def test_a_follow_that_is_there_already_changes_nothing(server: Server, listen: Listen, name: Name) -> None:
    stream = listen(server, name("alice"))
    path = f"/v1/topics/{name('topic')}/followers/{name('alice')}"
    assert [server.request(method, path).status for method in ("PUT", "PUT", "DELETE", "DELETE")] == [204] * 4
    server.publish({"user": name("alice")})
    assert [event.type for event in stream.take(3)] == ["follow.created", "follow.deleted", "notification.created"]


@pytest.mark.parametrize("topic", ["all", "user/bob"])
def test_topic_that_reaches_users_by_itself_cannot_be_followed(server: Server, topic: str) -> None:
    answer = server.request("PUT", f"/v1/topics/{topic}/followers/alice")
    assert (answer.status, answer.json["code"]) == (400, "invalid_topic")


def test_presence_lists_the_connected_users(server: Server, listen: Listen, name: Name) -> None:
    path = f"/v1/users/{name('alice')}/presence"
    alice = {"user": name("alice")}
    assert server.request("GET", path).json == {**alice, "online": False, "connections": 0}
    streams = [listen(server, name("alice")) for _ in range(2)]
    assert server.request("GET", path).json == {**alice, "online": True, "connections": 2}
    for stream in streams:
        stream.close()
    eventually("alice is gone", lambda: server.request("GET", path).json["online"] is False)


def test_a_notification_of_150_bytes_takes_at_most_400_on_the_wire(server: Server, listen: Listen, name: Name) -> None:
    """Fields without a value are not written: they would be most of a small notification."""
    stream = listen(server, name("alice"))
    server.publish({"user": name("alice")}, type="like", title="Bea liked your post", body="x" * 131)
    event = stream.next()
    wire = f"id: {event.id}\nevent: {event.type}\ndata: {event.data}\n\n"
    assert len(wire.encode()) <= 400
    assert set(event.json) == {"id", "cursor", "topic", "type", "title", "body", "status", "create_time", "ring"}


def test_contribution_to_a_group_is_taken_back(server: Server, listen: Listen, name: Name) -> None:
    """Three like it and two of them change their minds: counts, actors and title follow; the last takes the item."""
    alice, key = name("alice"), name("like")
    stream = listen(server, alice)
    for who in ("Abe", "Bea", "Carl"):
        actor = {"id": who.lower(), "name": who}
        server.publish({"user": alice}, type="like", title=f"{who} liked it", actor=actor, group_key=key)
    path = f"/v1/notifications?group_key={key}&actor="
    assert server.request("DELETE", path + "carl").json == {"deleted": 1}
    assert server.request("DELETE", path + "carl").json == {"deleted": 0}
    [item] = items(server, alice)
    assert (item["title"], item["actor"]["id"], item["group"]["count"]) == ("Bea liked it", "bea", 2)
    assert [actor["id"] for actor in item["group"]["actors"]] == ["bea", "abe"]
    assert server.request("DELETE", path + "abe").json == {"deleted": 1}
    [item] = items(server, alice)
    assert (item["title"], item["group"]["total"], item["status"]) == ("Bea liked it", 1, "UNREAD")
    assert server.request("DELETE", path + "bea").json == {"deleted": 1}
    assert items(server, alice) == []
    events = stream.take(6)
    assert [event.type.removeprefix("notification.") for event in events] == ["created"] + ["updated"] * 4 + ["deleted"]
    assert not events[3].json.get("ring")


@pytest.mark.parametrize(
    "query",
    [
        "entity=p%00",
        "entity=%ED%A0%BD",
        "group_key=%00&actor=1",
        "group_key=g&actor=%ED%A0%BD",
        "group_key=g&actor=%00",
    ],
)
def test_retraction_by_a_broken_identifier_is_refused(server: Server, query: str) -> None:
    refused = server.request("DELETE", f"/v1/notifications?{query}")
    assert (refused.status, refused.json["code"]) == (400, "invalid_request")
    assert refused.json["detail"].split()[0] in ("entity", "group_key", "actor")


@pytest.mark.parametrize("query", ["", "group_key=k", "actor=a", "entity=e&group_key=k&actor=a", "entity="])
def test_retraction_without_one_target_is_refused(server: Server, query: str) -> None:
    answer = server.request("DELETE", f"/v1/notifications?{query}")
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")


def test_batch_of_more_than_a_thousand_rows_is_refused_whole(server: Server, name: Name) -> None:
    """A row is a recipient of a notification; a topic and an announcement are one."""
    users = [f"{n}-{name('u')}" for n in range(500)]
    over = [
        {"to": {"users": users}, "body": "x"},
        {"to": {"users": users}, "body": "x"},
        {"to": {"topic": name("topic")}, "body": "x"},
    ]
    answer = server.request("POST", "/v1/notifications:batch", over)
    assert (answer.status, answer.json["code"]) == (413, "too_large")
    assert "1001" in answer.json["detail"]
    assert server.request("POST", "/v1/notifications:batch", over[:2]).status == 200
    assert len(items(server, users[0])) == 2
