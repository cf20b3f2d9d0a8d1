"""Bad input: it gets problem+json with a stable code (RFC 9457), and nothing of it is stored."""

import http.client
import json
import socket

import pytest

from tests.conftest import Listen, Name, StartServer
from tests.servers import HttpResponse, Server


def problem(answer: HttpResponse) -> tuple[int, str]:
    """The status and code of an error, which must have the whole form."""
    assert answer.headers["content-type"] == "application/problem+json", answer
    body = answer.json
    assert set(body) == {"type", "title", "status", "code", "detail"}
    assert body["status"] == answer.status
    assert body["title"] and body["detail"]
    return answer.status, body["code"]


def nested(depth: int) -> bytes:
    return b'{"to": {"all": true}, "data": ' + b"[" * depth + b"]" * depth + b"}"


BAD = [
    ("nothing", b"", 400, "invalid_json"),
    ("not JSON", b"hello", 400, "invalid_json"),
    ("cut off", b'{"to": {"all": true}', 400, "invalid_json"),
    ("two values", b'{"to": {"all": true}} {}', 400, "invalid_json"),
    ("broken UTF-8", b'{"to": {"all": true}, "body": "\xff\xfe"}', 400, "invalid_json"),
    ("UTF-16", '{"to": {"all": true}}'.encode("utf-16"), 400, "invalid_json"),
    ("a raw control character", b'{"to": {"all": true}, "body": "\x01"}', 400, "invalid_json"),
    ("half a surrogate pair in a user id", b'{"to": {"user": "a\\ud800"}}', 400, "invalid_user"),
    ("NUL in a user id", b'{"to": {"user": "a\\u0000"}}', 400, "invalid_user"),
    ("half a surrogate pair in a topic", b'{"to": {"topic": "a\\udc00"}}', 400, "invalid_topic"),
    ("half a surrogate pair in a type", b'{"to": {"all": true}, "type": "a\\ud83d"}', 400, "invalid_request"),
    ("half a surrogate pair in an entity", b'{"to": {"all": true}, "entity": "a\\ud83d"}', 400, "invalid_request"),
    ("half a surrogate pair in a group key", b'{"to": {"all": true}, "group_key": "a\\ud83d"}', 400, "invalid_request"),
    ("half a pair in an actor's id", b'{"to": {"all": true}, "actor": {"id": "\\ud83d"}}', 400, "invalid_request"),
    ("a Hangul filler for a user", '{"to": {"user": "\u3164"}}'.encode(), 400, "invalid_user"),
    ("a Braille blank for a user", '{"to": {"user": "\u2800"}}'.encode(), 400, "invalid_user"),
    ("a variation selector in a user id", '{"to": {"user": "a\ufe0f"}}'.encode(), 400, "invalid_user"),
    ("NaN", b'{"to": {"all": true}, "data": NaN}', 400, "invalid_json"),
    ("nested too deep", nested(30_000), 400, "invalid_request"),
    ("not an object", b"[]", 400, "invalid_request"),
    ("null", b"null", 400, "invalid_request"),
    ("no to", b'{"body": "x"}', 400, "invalid_to"),
    ("a field that is not known", b'{"to": {"all": true}, "bodi": "x"}', 400, "invalid_request"),
    ("a body that is a number", b'{"to": {"all": true}, "body": 5}', 400, "invalid_request"),
    ("an actor that is a string", b'{"to": {"all": true}, "actor": "bob"}', 400, "invalid_request"),
    ("a priority that is not known", b'{"to": {"all": true}, "priority": "huge"}', 400, "invalid_request"),
    ("progress over 1", b'{"to": {"all": true}, "progress": 1.5}', 400, "invalid_request"),
    ("a time without a zone", b'{"to": {"all": true}, "expire_time": "2030-01-01T00:00:00"}', 400, "invalid_request"),
    ("a time that is none", b'{"to": {"all": true}, "expire_time": "soon"}', 400, "invalid_request"),
    ("a number beyond a double", b'{"to": {"all": true}, "data": 1e999}', 400, "invalid_request"),
    ("a number of 5000 digits", b'{"to": {"all": true}, "data": ' + b"9" * 5000 + b"}", 400, "invalid_request"),
    ("a type that is empty", b'{"to": {"all": true}, "type": ""}', 400, "invalid_request"),
    ("a type that is too long", b'{"to": {"all": true}, "type": "' + b"x" * 65 + b'"}', 400, "invalid_request"),
    ("a type with a space", b'{"to": {"all": true}, "type": "a b"}', 400, "invalid_request"),
    ("a type with NUL", b'{"to": {"all": true}, "type": "a\\u0000"}', 400, "invalid_request"),
    ("a type with a newline at its end", b'{"to": {"all": true}, "type": "a\\n"}', 400, "invalid_request"),
    ("an entity with a newline at its end", b'{"to": {"all": true}, "entity": "a\\n"}', 400, "invalid_request"),
    ("a group key with CR", b'{"to": {"all": true}, "group_key": "a\\rb"}', 400, "invalid_request"),
    ("nothing to show", b'{"to": {"all": true}}', 400, "invalid_request"),
    ("blanks", '{"to": {"all": true}, "title": " \u2800", "body": "\\n"}'.encode(), 400, "invalid_request"),
    ("a variation selector", '{"to": {"all": true}, "title": "\ufe0f\u2800"}'.encode(), 400, "invalid_request"),
    ("a soft hyphen, joiners", '{"to": {"all": true}, "title": "\u00ad\u2060\u034f"}'.encode(), 400, "invalid_request"),
    ("Hangul, Khmer fillers", '{"to": {"all": true}, "body": "\u115f\u17b4\uffa0"}'.encode(), 400, "invalid_request"),
    ("tags", '{"to": {"all": true}, "title": "\U000e0001", "body": "\U000e0020"}'.encode(), 400, "invalid_request"),
    ("more selectors", '{"to": {"all": true}, "title": "\U000e0100\U0001d173"}'.encode(), 400, "invalid_request"),
    ("blank glyphs", '{"to": {"all": true}, "title": "\U00013441\U0001d159"}'.encode(), 400, "invalid_request"),
    ("noncharacters", '{"to": {"all": true}, "title": "\ufdd0\uffff\U0010ffff"}'.encode(), 400, "invalid_request"),
    ("the type of a notification without", b'{"to": {"all": true}, "type": "message"}', 400, "invalid_request"),
    ("a tag for a type", '{"to": {"all": true}, "type": "\U000e0001"}'.encode(), 400, "invalid_request"),
    ("a tag in a key", '{"to": {"all": true},"data":1, "group_key": "a\U000e0020"}'.encode(), 400, "invalid_request"),
    ("a selector in an entity", '{"to": {"all": true}, "entity": "a\U000e0100"}'.encode(), 400, "invalid_request"),
    ("a tag in a topic", '{"to": {"topic": "a\U000e0020"}, "body": "x"}'.encode(), 400, "invalid_topic"),
    ("a tag in a user id", '{"to": {"user": "a\U000e0020"}, "body": "x"}'.encode(), 400, "invalid_user"),
    ("nulls", b'{"to": {"all": true}, "title": null, "data": null, "actor": null}', 400, "invalid_request"),
    ("to nobody", b'{"to": {}}', 400, "invalid_to"),
    ("to two kinds", b'{"to": {"all": true, "user": "a"}}', 400, "invalid_to"),
    ("to all: false", b'{"to": {"all": false}}', 400, "invalid_to"),
    ("to no users", b'{"to": {"users": []}}', 400, "invalid_to"),
    ("to what is not known", b'{"to": {"group": "x"}}', 400, "invalid_to"),
    ("to what is not known, too", b'{"to": {"user": "a", "group": "x"}}', 400, "invalid_to"),
    ("to a number", b'{"to": {"user": 5}}', 400, "invalid_to"),
    ("to a number among users", b'{"to": {"users": ["a", 5]}}', 400, "invalid_to"),
    ("to: a string", b'{"to": "alice"}', 400, "invalid_to"),
    ("to: a list", b'{"to": ["alice"]}', 400, "invalid_to"),
    ("to: null", b'{"to": null}', 400, "invalid_to"),
    ("a field that begins like it", b'{"to": {"all": true}, "to_": 5}', 400, "invalid_request"),
    ("an empty user", b'{"to": {"user": ""}}', 400, "invalid_user"),
    ("a user that is too long", b'{"to": {"user": "' + b"x" * 201 + b'"}}', 400, "invalid_user"),
    ("a user with a slash", b'{"to": {"user": "a/b"}}', 400, "invalid_user"),
    ("a user with a space", b'{"to": {"user": "a b"}}', 400, "invalid_user"),
    ("a user with NUL", b'{"to": {"user": "a\\u0000"}}', 400, "invalid_user"),
    ("a user with a newline", b'{"to": {"user": "a\\n"}}', 400, "invalid_user"),
    ("a user with a line separator", b'{"to": {"user": "a\\u2028b"}}', 400, "invalid_user"),
    ("a user with an invisible mark", b'{"to": {"user": "a\\u200bb"}}', 400, "invalid_user"),
    ("one bad user of many", b'{"to": {"users": ["a", "b", ""]}}', 400, "invalid_user"),
    ("an empty topic", b'{"to": {"topic": ""}}', 400, "invalid_topic"),
    ("a topic that is too long", b'{"to": {"topic": "' + b"x" * 256 + b'"}}', 400, "invalid_topic"),
    ("a topic with an empty segment", b'{"to": {"topic": "a//b"}}', 400, "invalid_topic"),
    ("a topic that ends in a slash", b'{"to": {"topic": "a/"}}', 400, "invalid_topic"),
    ("a topic with a newline", b'{"to": {"topic": "a\\n"}}', 400, "invalid_topic"),
    ("the topic of nobody", b'{"to": {"topic": "user"}}', 400, "invalid_topic"),
    ("the topic of a bad user", b'{"to": {"topic": "user/a/b"}}', 400, "invalid_user"),
    ("more than 64 KiB", b'{"to": {"all": true}, "body": "' + b"x" * 65_536 + b'"}', 413, "too_large"),
    ("too many users", b'{"body": "x", "to": {"users": [' + b",".join(b'"u%d"' % n for n in range(1001)) + b"]}}", 413,
     "too_large"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "code"), [bad[1:] for bad in BAD], ids=[bad[0] for bad in BAD])
def test_a_bad_notification_is_refused_alone_and_in_a_batch(
    server: Server, body: bytes, status: int, code: str
) -> None:
    head = server.request("GET", "/readyz").json["head"]
    assert problem(server.request("POST", "/v1/notifications", body=body)) == (status, code)
    if body and body not in {b"[]", b'{"to": {"all": true}} {}'} and b"\n" not in body:
        good = b'{"to": {"all": true}, "body": "x"}'
        in_batch = server.request("POST", "/v1/notifications:batch", body=b"\n".join([good, body, good]))
        assert problem(in_batch) == (status, code)
        if status == 400:
            assert "item 1" in in_batch.json["detail"]
    assert server.request("GET", "/readyz").json["head"] == head, "something of it was stored"


def test_text_that_is_no_text_becomes_the_replacement_character(server: Server, listen: Listen, name: Name) -> None:
    """Half an emoji and NUL, of a notification and of a batch; what only looks like them stays."""
    cut = (
        b'"great \\ud83d", "title": "\\ude00\\u0000", "actor": {"name": "\\uD83D"}, '
        b'"data": {"k": ["\\udbff", "\\ud83d\\ude00"]}'
    )
    literal = b'"\\\\ud83d", "title": "t", "actor": {"name": "n"}, "data": "\\\\u0000"'
    stream = listen(server, name("alice"))
    for text in (cut, literal):
        body = b'{"to": {"user": "%b"}, "body": %b}' % (name("alice").encode(), text)
        for path, content in (("/v1/notifications", body), ("/v1/notifications:batch", b"[" + body + b"]")):
            assert server.request("POST", path, body=content).status in {200, 201}
    events = [event.json for event in stream.take(4)]
    for event in events[:2]:
        assert (event["body"], event["title"], event["actor"]) == ("great \ufffd", "\ufffd\ufffd", {"name": "\ufffd"})
        assert event["data"] == {"k": ["\ufffd", "\U0001f600"]}
    for event in events[2:]:
        assert (event["body"], event["data"]) == ("\\ud83d", "\\u0000")


@pytest.mark.parametrize(
    "body",
    [
        b'{"to": {"all": true}, "body": "' + b"x" * 31_000 + b'"}',
        b'{"to": {"user": "' + b"x" * 200 + b'"}, "body": "x"}',
        b'{"to": {"topic": "' + b"x" * 255 + b'"}, "body": "x"}',
        b'{"to": {"users": ["first.last+tag@sub.example.org", "\xc3\xbc@\xc3\xa4.de", "#%&?=;\'\\"<>"]}, "body": "x"}',
        nested(64),
        b'{"to": {"all": true}, "data": [18446744073709551616, -9223372036854775809, 1e308, ' + b"9" * 400 + b"]}",
        b'{"to": {"all": true}, "body": "\\u0001\\u007f", "data": {"\\u0001": "\\u0001"}}',
        b' \n{"to": {"all": true}, "body": "x"}\n ',
    ],
    ids=[
        "31 KiB",
        "200 characters",
        "255 characters",
        "odd users",
        "64 deep",
        "big numbers",
        "controls in text",
        "space",
    ],
)
def test_body_just_within_the_limits_is_taken(server: Server, listen: Listen, name: Name, body: bytes) -> None:
    stream = listen(server, name("a-witness"))
    if b'"all"' not in body:
        stream = listen(server, name("a-witness"), topics=("x" * 255,))
    answer = server.request("POST", "/v1/notifications", body=body)
    assert (answer.status, answer.json.get("detail")) == (201, None)
    if answer.json["live"]:
        assert stream.next().json.get("data") == json.loads(body).get("data")
    assert server.request("GET", f"/v1/inbox?user={name('a-witness')}").status == 200


def test_accepted_notification_can_be_read_however_deep_it_is(server: Server, name: Name) -> None:
    """Every stack must decode the JSON that one decodes: one deep notification to all must not break their inboxes."""
    depths = [1, 63, 64, 65, *range(900, 1010)]
    answers = {depth: server.request("POST", "/v1/notifications", body=nested(depth)) for depth in depths}
    assert {depth for depth, answer in answers.items() if answer.status == 201} == {1, 63, 64}
    assert {problem(answer) for depth, answer in answers.items() if depth > 64} == {(400, "invalid_request")}
    path = f"/v1/notifications/{answers[64].json['id']}"
    assert server.request("PATCH", path, {"body": "x"}).status == 200
    for depth in depths[3:]:
        change = b'{"actor": {"deep": ' + b'{"deep":' * (depth - 2) + b"{}" + b"}" * (depth - 2) + b"}}"
        assert problem(server.request("PATCH", path, body=change)) == (400, "invalid_request")
    found = server.request("GET", f"/v1/inbox?user={name('alice')}").json["data"]
    assert answers[64].json["id"] in [item["id"] for item in found]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"to": {"all": true}, "body": "x"}\nnot json\n', 400, "invalid_json"),
        (b"[1, 2]", 400, "invalid_request"),
        (b'[{"to": {"all": true}}', 400, "invalid_json"),
        (b"[" + b",".join([b'{"to":{"all":true}}'] * 10_001) + b"]", 413, "too_large"),
        (b"\n".join([b'{"to":{"all":true}}'] * 10_001), 413, "too_large"),
        (b"\n".join([b'{"to":{"users":["a","b","c"]}}'] * 4000), 413, "too_large"),
        (b'[{"to": {"all": true}},' * 3 + b"x", 400, "invalid_json"),
    ],
    ids=["ndjson", "numbers", "cut off", "10 001 JSON", "10 001 NDJSON", "12 000 inboxes", "nonsense"],
)
def test_nothing_of_a_rejected_batch_is_stored(server: Server, body: bytes, status: int, code: str) -> None:
    head = server.request("GET", "/readyz").json["head"]
    assert problem(server.request("POST", "/v1/notifications:batch", body=body)) == (status, code)
    assert server.request("GET", "/readyz").json["head"] == head


def test_a_body_over_the_limit_is_refused_before_it_is_read(server: Server) -> None:
    """The server answers from the stated length; it does not wait for the body."""
    with socket.create_connection((server.host, server.port), timeout=10) as raw:
        raw.sendall(b"POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n")
        response = http.client.HTTPResponse(raw)
        response.begin()
        assert (response.status, json.loads(response.read())["code"]) == (413, "too_large")


def test_a_body_over_the_limit_that_does_not_say_so_is_refused(server: Server) -> None:
    """Chunked, without a length: it is counted as it comes."""
    with socket.create_connection((server.host, server.port), timeout=10) as raw:
        raw.sendall(b"POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        raw.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        for _ in range(4):
            raw.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        response = http.client.HTTPResponse(raw)
        response.begin()
        assert (response.status, json.loads(response.read())["code"]) == (413, "too_large")


def test_the_limits_are_settings(start_server: StartServer) -> None:
    server = start_server(max_event=1024, max_batch=2)
    small, large = {"to": {"all": True}, "body": "x"}, {"to": {"all": True}, "body": "x" * 1024}
    assert server.request("POST", "/v1/notifications", small).status == 201
    assert problem(server.request("POST", "/v1/notifications", large)) == (413, "too_large")
    assert "1024" in server.request("POST", "/v1/notifications", large).json["detail"]
    assert problem(server.request("POST", "/v1/notifications:batch", [small, large])) == (413, "too_large")
    assert problem(server.request("POST", "/v1/notifications:batch", [small] * 3)) == (413, "too_large")
    assert problem(server.request("POST", "/v1/notifications", {"to": {"users": ["a", "b", "c"]}, "body": "x"})) == (
        413,
        "too_large",
    )


CASES = [
    ("GET", "/nowhere", None, 404, "not_found"),
    ("GET", "/v1", None, 404, "not_found"),
    ("GET", "/v1/stream/x", None, 404, "not_found"),
    ("POST", "/v1/stream", b"", 405, "method_not_allowed"),
    ("PUT", "/v1/notifications", b"", 405, "method_not_allowed"),
    ("GET", "/v1/notifications:batch", None, 405, "method_not_allowed"),
    ("GET", "/v1/inbox/read", None, 405, "method_not_allowed"),
    ("GET", "/v1/stream", None, 401, "not_identified"),
    ("GET", "/v1/stream?user=", None, 400, "invalid_user"),
    ("GET", "/v1/stream?user=a%20b", None, 400, "invalid_user"),
    ("GET", "/v1/stream?user=a%00", None, 400, "invalid_user"),
    ("GET", "/v1/stream?user=a%0A", None, 400, "invalid_user"),
    ("GET", "/v1/stream?user=a/b", None, 400, "invalid_user"),
    ("GET", "/v1/stream?user=" + "x" * 201, None, 400, "invalid_user"),
    ("GET", "/v1/stream?user=a&topic=", None, 400, "invalid_topic"),
    ("GET", "/v1/stream?user=a&topic=user/b", None, 403, "topic_forbidden"),
    ("GET", "/v1/stream?user=a" + "&topic=t" * 101, None, 400, "invalid_request"),
    ("GET", "/v1/inbox", None, 401, "not_identified"),
    ("GET", "/v1/inbox?user=a&limit=0", None, 400, "invalid_request"),
    ("GET", "/v1/inbox?user=a&limit=1000", None, 400, "invalid_request"),
    ("GET", "/v1/inbox?user=a&limit=x", None, 400, "invalid_request"),
    ("GET", "/v1/inbox?user=a&status=old", None, 400, "invalid_request"),
    ("GET", "/v1/inbox?user=a&after=x", None, 400, "invalid_cursor"),
    ("GET", "/v1/inbox?user=a&after=someother-5", None, 400, "invalid_cursor"),
    ("POST", "/v1/inbox/read?user=a", b"{}", 400, "invalid_request"),
    ("POST", "/v1/inbox/read?user=a", b'{"up_to": "x"}', 400, "invalid_cursor"),
    ("POST", "/v1/inbox/read?user=a", b'{"up_to": "someother-5"}', 400, "invalid_cursor"),
    ("POST", "/v1/inbox/archive?user=a", b'{"up_to": "abc-5"}', 400, "invalid_request"),
    ("POST", "/v1/inbox/read?user=a", b'{"ids": ["x"]}', 400, "invalid_request"),
    ("POST", "/v1/inbox/read?user=a", b'{"ids": [' + b'"x",' * 1000 + b'"x"]}', 400, "invalid_request"),
    ("POST", "/v1/inbox/read?user=a", b"x" * 300_000, 413, "too_large"),
    ("PATCH", "/v1/notifications/n-a-1", b"{}", 400, "invalid_request"),
    ("PATCH", "/v1/notifications/n-a-1", b'{"to": {"all": true}}', 400, "invalid_request"),
    ("PATCH", "/v1/notifications/n-a-1", b'{"type": "a\\n"}', 400, "invalid_request"),
    ("PUT", "/v1/topics/a%00b/followers/alice", b"", 400, "invalid_topic"),
    ("PUT", "/v1/topics/a/followers/b%20c", b"", 400, "invalid_user"),
    ("POST", "/v1/topics/a/followers", b'{"users": ["a", ""]}', 400, "invalid_user"),
    ("POST", "/v1/topics/a/followers", b'{"users": "a"}', 400, "invalid_request"),
    ("GET", "/v1/users/a%00/presence", None, 400, "invalid_user"),
    ("PUT", "/v1/preferences?user=a", b'{"mutes": ["x"]}', 400, "invalid_request"),
    ("PUT", "/v1/preferences?user=a", b'{"mutes": ["type:a\\u0000"]}', 400, "invalid_request"),
    ("PUT", "/v1/preferences?user=a", '{"mutes": ["type:a\U000e0001"]}'.encode(), 400, "invalid_request"),
    ("PUT", "/v1/preferences/mutes/type:%F3%A0%80%81?user=a", b"", 400, "invalid_request"),
    ("PUT", "/v1/topics/%F3%A0%80%81/followers/alice", b"", 400, "invalid_topic"),
    ("PUT", "/v1/preferences?user=a", b"{", 400, "invalid_json"),
    ("PUT", "/v1/follows/all?user=a", b"", 400, "invalid_topic"),
    ("PUT", "/v1/follows/user/b?user=a", b"", 400, "invalid_topic"),
    ("POST", "/v1/tickets", b"", 401, "not_identified"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"), CASES, ids=[f"{c[0]} {c[1][:60]}" for c in CASES]
)
def test_a_bad_request_gets_a_problem(
    server: Server, method: str, path: str, body: bytes | None, status: int, code: str
) -> None:
    assert problem(server.request(method, path, body=body)) == (status, code)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v1/stream", {"GET", "HEAD"}),
        ("GET", "/v1/notifications:batch", {"POST"}),
        ("GET", "/v1/notifications", {"POST", "DELETE"}),
        ("GET", "/v1/notifications/n-a-1", {"PATCH", "DELETE"}),
        ("PATCH", "/v1/topics/a/b/followers", {"GET", "HEAD", "POST"}),
        ("POST", "/v1/preferences", {"GET", "HEAD", "PUT"}),
    ],
)
def test_a_wrong_method_is_told_all_the_right_ones(server: Server, method: str, path: str, allowed: set[str]) -> None:
    answer = server.request(method, path, body=b"")
    assert problem(answer) == (405, "method_not_allowed")
    assert {word.strip() for word in answer.headers["allow"].split(",")} == allowed


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_an_idempotency_key_is_a_line_of_visible_characters(server: Server, name: Name, key: str) -> None:
    answer = server.request(
        "POST", "/v1/notifications", {"to": {"user": name("alice")}}, headers={"Idempotency-Key": key}
    )
    assert problem(answer) == (400, "invalid_request")


def test_a_problem_with_the_caller_says_how_to_identify(server: Server) -> None:
    assert server.request("GET", "/v1/stream").headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "garbage",
    [b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET /v1/stream?user=a HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00" * 20],
    ids=["bytes", "half a line", "HTTP/9.9", "TLS"],
)
def test_request_that_is_not_http_is_refused_and_the_server_lives(server: Server, garbage: bytes) -> None:
    with socket.create_connection((server.host, server.port), timeout=10) as raw:
        raw.sendall(garbage)
        answer = raw.recv(4096)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 5")) or answer == b""
    assert server.request("GET", "/healthz").json == {"status": "ok"}
