"""A resume token is never passed over: every place where clients put one is read, on every transport."""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from websockets.sync.client import connect as connect_ws

from tests.conftest import Name
from tests.servers import HOST, Server
from tests.streams import connect

Query = dict[str, str]
Heads = list[tuple[str, str]]


def over_sse(server: Server, query: Query, headers: Heads) -> list[str]:
    stream = connect((server.host, server.port), f"/v1/stream?{urlencode(query)}", headers=headers).begin()
    try:
        return [event.json["body"] for event in stream.take(1)]
    finally:
        stream.close()


def over_ws(server: Server, query: Query, headers: Heads) -> list[str]:
    with connect_ws(f"ws://{HOST}:{server.port}/v1/ws?{urlencode(query)}", additional_headers=headers) as ws:
        assert json.loads(ws.recv())["type"] == "hello"
        return [json.loads(ws.recv())["data"]["body"]]


def over_poll(server: Server, query: Query, headers: Heads) -> list[str]:
    answer = server.request("GET", f"/v1/poll?{urlencode(query)}", headers=dict(headers))
    return [event["data"]["body"] for event in answer.json["events"]][:1]


TRANSPORTS: dict[str, Callable[[Server, Query, Heads], list[str]]] = {"sse": over_sse, "ws": over_ws, "poll": over_poll}


@pytest.fixture(params=list(TRANSPORTS))
def first(request: pytest.FixtureRequest) -> Callable[[Server, Query, Heads], list[str]]:
    """The body of the first event that this transport gets."""
    return TRANSPORTS[request.param]


@pytest.fixture
def cursors(shared: Server, name: Name) -> list[str]:
    """Those of three notifications, "0", "1" and "2"."""
    return [shared.publish({"user": name("alice")}, body=str(n))["cursor"] for n in range(3)]


@pytest.mark.parametrize("place", ["lastEventId", "lastEventID", "Last-Event-ID", "cursor", "header"])
def test_token_is_read_in_every_place(shared: Server, first: Any, cursors: list[str], place: str, name: Name) -> None:
    query = {"user": name("alice")}
    headers = [("Last-Event-ID", cursors[0])] if place == "header" else []
    if place != "header":
        query[place] = cursors[0]
    assert first(shared, query, headers) == ["1"]


def test_polyfills_token_goes_before_the_cursor_that_its_url_keeps(
    shared: Server, first: Any, cursors: list[str], name: Name
) -> None:
    query = {"user": name("alice"), "cursor": "start", "lastEventId": cursors[1]}
    assert first(shared, query, []) == ["2"]
    assert first(shared, query, [("Last-Event-ID", cursors[0])]) == ["1"]


@pytest.mark.parametrize("header", ["", None])
def test_empty_tokens_are_none(shared: Server, first: Any, cursors: list[str], name: Name, header: str | None) -> None:
    query = {"user": name("alice"), "cursor": cursors[0], "lastEventId": ""}
    assert first(shared, query, [] if header is None else [("Last-Event-ID", header)]) == ["1"]
    assert shared.request("GET", f"/v1/poll?user={quote(name('alice'))}&cursor=").json["events"] == []


def test_last_of_two_headers_counts(server: Server, name: Name) -> None:
    """Rust's libraries append theirs to the one that the application set to resume."""
    sent = [server.publish({"user": name("alice")}, body=str(n))["cursor"] for n in range(3)]
    headers = [("Last-Event-ID", sent[0]), ("Last-Event-ID", sent[1])]
    assert over_sse(server, {"user": name("alice")}, headers) == ["2"]


@pytest.mark.parametrize("place", ["since", "last_id", "last_event_id", "lastId", "LASTEVENTID", "after", "offset"])
@pytest.mark.parametrize("path", ["/v1/stream", "/v1/poll"])
def test_token_of_another_system_is_refused(shared: Server, path: str, place: str) -> None:
    answer = shared.request("GET", f"{path}?user=a&{place}=5")
    assert answer.status == 400
    assert place in answer.json["detail"] and "lastEventId" in answer.json["detail"]


@pytest.mark.parametrize("place", ["lastEventId", "lastEventID", "Last-Event-ID", "cursor"])
def test_junk_in_a_token_is_refused_beside_a_good_one(shared: Server, cursors: list[str], place: str) -> None:
    query = urlencode({"user": "a", place: "junk"})
    assert shared.request("GET", f"/v1/poll?{query}").json["code"] == "invalid_cursor"
    headers = {"Last-Event-ID": cursors[0]}
    assert shared.request("GET", f"/v1/poll?{query}", headers=headers).json["code"] == "invalid_cursor"


def test_other_parameters_are_allowed(shared: Server) -> None:
    assert shared.request("GET", "/v1/poll?user=a&_=1&utm_source=x&fbclid=y").status == 200


# Heartbeats that a request asks for


def test_stream_gets_its_heartbeats_as_often_as_it_asked(start_server: Any, name: Name) -> None:
    """Read time-outs of ten seconds (okhttp) and five (LaunchDarkly) are shorter than the server's interval."""
    server = start_server(heartbeat=20)
    stream = connect((server.host, server.port), "/v1/stream?user=a&heartbeat=1").begin()
    usual = connect((server.host, server.port), "/v1/stream?user=b").begin()
    assert stream.hello is not None and stream.hello.json["heartbeat"] == 1
    assert stream.response.headers["tidings-heartbeat"] == "1"
    assert usual.response.headers["tidings-heartbeat"] == "20"
    for _ in range(3):
        before, began = stream.parser.comments, time.monotonic()
        stream.read_until(lambda: stream.parser.comments > before, within=5)  # noqa: B023
        assert time.monotonic() - began < 3
    stream.close()
    usual.close()


def test_websocket_gets_its_heartbeats_as_often_as_it_asked(start_server: Any) -> None:
    server = start_server(heartbeat=20)
    with connect_ws(f"ws://{HOST}:{server.port}/v1/ws?user=a&heartbeat=1", ping_interval=None) as ws:
        assert json.loads(ws.recv())["data"]["heartbeat"] == 1
        assert ws.response is not None and ws.response.headers["tidings-heartbeat"] == "1"


@pytest.mark.parametrize("asked", ["0", "0.5", "61", "-1", "nan", "x", ""])
@pytest.mark.parametrize("path", ["/v1/stream", "/notification/socket-connection?user_email=a"])
def test_heartbeat_is_bounded(shared: Server, path: str, asked: str) -> None:
    answer = shared.request("GET", f"{path}{'&' if '?' in path else '?'}user=a&heartbeat={asked}")
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")


def resets_of(server: Server, query: Query) -> list[str]:
    """The cursor at which each transport says that it goes on after the reset."""
    stream = connect((server.host, server.port), f"/v1/stream?{urlencode(query)}").begin()
    try:
        [over_sse] = stream.take(1)
    finally:
        stream.close()
    with connect_ws(f"ws://{HOST}:{server.port}/v1/ws?{urlencode(query)}") as ws:
        assert json.loads(ws.recv())["type"] == "hello"
        over_ws = json.loads(ws.recv())
    [over_poll] = server.request("GET", f"/v1/poll?{urlencode(query)}").json["events"]
    assert (over_sse.type, over_ws["type"], over_poll["type"]) == ("reset", "reset", "reset")
    return [over_sse.json["cursor"], over_ws["data"]["cursor"], over_poll["data"]["cursor"]]


def test_client_that_loads_its_inbox_goes_on_from_the_head_after_a_reset(
    shared: Server, cursors: list[str], name: Name
) -> None:
    query = {"user": name("alice"), "cursor": "another-7"}
    newest = seq_of(cursors[-1])
    assert all(seq_of(cursor) < newest for cursor in resets_of(shared, query | {"after_reset": "replay"}))
    assert all(seq_of(cursor) >= newest for cursor in resets_of(shared, query | {"after_reset": "head"}))
    assert shared.request("GET", f"/v1/poll?{urlencode(query | {'after_reset': 'now'})}").status == 400


def seq_of(cursor: str) -> int:
    return int(cursor.rpartition("-")[2])
