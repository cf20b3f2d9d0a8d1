"""No event is larger than 32 KiB on any transport: a client that cannot read one would ask for it for ever."""

import json
from typing import Any

import pytest
from websockets.sync.client import connect as connect_ws

from tests.conftest import Name
from tests.servers import HOST, Server
from tests.streams import connect

LIMIT = 32 * 1024  # bytes


def sizes(server: Server, user: str, count: int) -> list[int]:
    """Of the largest line, message and event in what a user's streams begin with: `hello` and `count` events."""
    stream = connect((server.host, server.port), f"/v1/stream?user={user}&cursor=start")
    events = stream.take(count + 1)
    stream.close()
    found = [len(f"id: {event.id}\nevent: {event.type}\ndata: {event.data}\n\n".encode()) for event in events]
    with connect_ws(f"ws://{HOST}:{server.port}/v1/ws?user={user}&cursor=start", max_size=None) as ws:
        found += [len(str(ws.recv()).encode()) for _ in range(count + 1)]
    page = server.request("GET", f"/v1/poll?user={user}&cursor=start").json
    return found + [
        len(json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()) for event in page["events"]
    ]


def publish(server: Server, **notification: Any) -> int:
    return server.request("POST", "/v1/notifications", notification).status


def test_largest_notification_that_is_taken_is_within_the_limit(shared: Server, name: Name) -> None:
    user, least, most = name("alice"), 1, 70_000
    while most - least > 1:  # the largest body that is taken
        size = (least + most) // 2
        if publish(shared, to={"user": name("probe")}, body="x" * size) == 201:
            least = size
        else:
            most = size
    assert publish(shared, to={"user": user}, body="x" * (least - 64)) == 201
    assert LIMIT - 1024 < max(sizes(shared, user, 1)) <= LIMIT
    refused = shared.request("POST", "/v1/notifications", {"to": {"user": user}, "body": "x" * (most + 64)})
    assert (refused.status, refused.json["code"]) == (413, "too_large")
    assert str(LIMIT) in refused.json["detail"]


def test_group_shortens_its_actors(shared: Server, name: Name) -> None:
    user = name("alice")
    for number in range(3):
        actor = {"id": f"u{number}", "name": f"User {number}", "image": "x" * 14_000}
        assert publish(shared, to={"user": user}, group_key="likes", title="liked", actor=actor) == 201
    assert max(sizes(shared, user, 3)) <= LIMIT
    [item] = shared.request("GET", f"/v1/inbox?user={user}").json["data"]
    assert item["group"]["count"] == 3
    assert [actor["id"] for actor in item["group"]["actors"]] == ["u2", "u1", "u0"]


def test_group_grows_only_within_the_size_limit(shared: Server, name: Name) -> None:
    user = name("alice")
    assert publish(shared, to={"user": user}, group_key="k", data="x" * 20_000) == 201
    assert publish(shared, to={"user": user}, group_key="k", body="x" * 20_000) == 413
    assert max(sizes(shared, user, 1)) <= LIMIT


def test_change_is_within_the_limit(shared: Server, name: Name) -> None:
    sent = shared.publish({"user": name("alice")}, data="x" * 20_000)
    changed = shared.request("PATCH", f"/v1/notifications/{sent['id']}", {"body": "x" * 20_000})
    assert (changed.status, changed.json["code"]) == (413, "too_large")


def test_hello_is_bounded_however_many_types_there_are(shared: Server, name: Name) -> None:
    user = name("alice")
    lines = [json.dumps({"to": {"user": user}, "type": f"{n:064}", "body": "b"}) for n in range(900)]
    assert shared.request("POST", "/v1/notifications:batch", body="\n".join(lines).encode()).status == 200
    stream = connect((shared.host, shared.port), f"/v1/stream?user={user}").begin()
    stream.close()
    assert stream.hello is not None
    assert len(stream.hello.data) <= LIMIT
    counters = stream.hello.json["counters"]
    assert counters["unread"] == sum(counters["by_type"].values()) + counters["other"] == 900


@pytest.mark.parametrize("number", [1000])
def test_marking_many_is_told_in_several_events(shared: Server, name: Name, number: int) -> None:
    user = name("alice")
    lines = [json.dumps({"to": {"user": user}, "body": "b"}) for _ in range(number)]
    done = shared.request("POST", "/v1/notifications:batch", body="\n".join(lines).encode()).json
    ids = [result["id"] for result in done["results"]]
    stream = connect((shared.host, shared.port), f"/v1/stream?user={user}").begin()
    assert shared.request("POST", f"/v1/inbox/archive?user={user}", {"ids": ids}).status == 200
    events = stream.take(2)
    stream.close()
    assert sorted(id for event in events for id in event.json["ids"]) == sorted(ids)
    assert max(len(event.data) for event in events) <= LIMIT


def test_marks_are_within_the_limit_however_wide_the_types_are(shared: Server, name: Name) -> None:
    """Their counters name a hundred types, of which each may have 256 bytes."""
    user = name("alice")
    types = ["\U0001f514" * 61 + f"{n:03}" for n in range(100)]
    wide = [{"to": {"user": user}, "type": type} for _ in range(2) for type in types]
    ids = [result["id"] for result in shared.publish_many([*wide, *[{"to": {"user": user}, "body": "b"}] * 700])]
    stream = connect((shared.host, shared.port), f"/v1/stream?user={user}").begin()
    assert shared.request("POST", f"/v1/inbox/read?user={user}", {"ids": ids[100:]}).status == 200
    seen: list[str] = []
    while len(seen) < len(ids[100:]):
        event = stream.next()
        assert len(event.data.encode()) <= LIMIT
        seen += event.json["ids"]
    stream.close()
    counters = shared.request("GET", f"/v1/inbox/counters?user={user}").json
    assert counters["unread"] == sum(counters["by_type"].values()) + counters["other"] == 100


def test_mutes_are_within_the_limit(shared: Server, name: Name) -> None:
    user = name("alice")
    mutes = [f"entity:{'e' * 240}{n:03}" for n in range(200)]
    path = f"/v1/preferences?user={user}"
    refused = shared.request("PUT", path, {"mutes": mutes})
    assert (refused.status, refused.json["code"]) == (413, "too_large")
    assert str(LIMIT) in refused.json["detail"]
    assert shared.request("PUT", path, {"mutes": mutes[:120]}).status == 200
    answers = [shared.request("PUT", f"/v1/preferences/mutes/{mute}?user={user}").status for mute in mutes[120:140]]
    assert set(answers) == {200, 413}
    assert LIMIT - 2048 < max(sizes(shared, user, 1 + answers.count(200))) <= LIMIT
    assert shared.request("DELETE", f"/v1/preferences/mutes/{mutes[0]}?user={user}").status == 200
