"""HTTP input: any bytes of a client are answered, or the connection ends as the table says."""

import re
import socket
import threading
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from tests.conftest import Name
from tests.contract.receivers import Ws
from tests.servers import PATIENCE, Server, eventually
from tests.streams import Ended
from tidings.transports.close_codes import CLOSE_CODES

FEWER = settings(max_examples=settings().max_examples // 3)  # each is a connection
CODES = {close_reason.code for close_reason in CLOSE_CODES}
GAUGE = 'tidings_connections{transport="ws"}'


def raw(server: Server, data: bytes) -> bytes:
    """The head of the answer to these bytes."""
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as connection:
        connection.sendall(data)
        head = b""
        while b"\r\n\r\n" not in head and (part := connection.recv(4096)):
            head += part
        return head


def status(head: bytes) -> int:
    match = re.match(rb"HTTP/1\.1 (\d{3}) ", head)
    assert match is not None, head
    return int(match[1])


VALUE = st.one_of(
    st.sampled_from(["", "start", "now", "-1", "60", "61", "1e3", "9" * 30, "ep0ch-1", "ep0ch--1", "ep0ch-01", "all"]),
    st.text(max_size=30),
    st.binary(max_size=30),
)
PAIR = st.tuples(st.sampled_from(["user", "cursor", "wait", "limit", "topic", "ticket", "unknown"]), VALUE)


def escaped(value: str | bytes) -> bytes:
    data = value if isinstance(value, bytes) else value.encode(errors="surrogatepass")
    return b"".join(b"%%%02x" % byte for byte in data)


@FEWER
@given(st.lists(PAIR, max_size=6))
def test_any_query_of_a_poll_is_answered_or_refused(shared: Server, pairs: list[tuple[str, str | bytes]]) -> None:
    query = b"&".join(name.encode() + b"=" + escaped(value) for name, value in [*pairs, ("wait", "0")])
    assert status(raw(shared, b"GET /v1/poll?" + query + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")) in {
        200,
        400,
        401,
        403,
    }


@FEWER
@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_bytes_in_a_request_are_answered_or_refused(shared: Server, query: bytes, tag: bytes) -> None:
    head = b"GET /v1/poll?wait=0&user=alice&" + query + b" HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: " + tag
    assert status(raw(shared, head + b"\r\n\r\n" + b"\r\n" * 4)) in {200, 304, 400, 401}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("user=a&wait=61", "invalid_request"),
        ("user=a&wait=-1", "invalid_request"),
        ("user=a&wait=1.5", "invalid_request"),
        ("user=a&limit=0", "invalid_request"),
        ("user=a&limit=1001", "invalid_request"),
        ("user=a&cursor=nonsense", "invalid_cursor"),
        ("user=a&cursor=" + "a" * 200, "invalid_cursor"),
        ("user=a&topic=user/b", "topic_forbidden"),
        ("user=a%0Ab", "invalid_user"),
        ("wait=0", "not_identified"),
    ],
)
def test_poll_with_invalid_parameters_is_refused_with_the_reason(shared: Server, query: str, code: str) -> None:
    answer = shared.request("GET", f"/v1/poll?{query}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status, answer.json["code"]) == (answer.json["status"], code)


def end_of(connection: Ws) -> int | None:
    """The close code that the server ends with; None if it goes on listening."""
    connection.say({"type": "still there?"})
    try:
        while "still there?" not in connection.next().get("data", {}).get("detail", ""):
            pass
    except Ended:
        assert connection.close_code in CODES
        return connection.close_code
    return None


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "up_to", "ids", "x"]), inner),
    max_leaves=8,
)
MARK = st.fixed_dictionaries({"type": st.sampled_from(["read", "seen", "archive", "ping", "nothing"])}).flatmap(
    lambda fixed: st.dictionaries(st.sampled_from(["up_to", "ids"]), JSON, max_size=2).map(lambda more: fixed | more)
)


@FEWER
@given(st.lists(JSON | MARK, max_size=6))
def test_any_json_is_answered_or_ends_the_connection_as_the_table_says(shared: Server, messages: list[Any]) -> None:
    connection = Ws(shared, "alice")
    try:
        for message in messages:
            connection.say(message)
        code = end_of(connection)
        assert (code == 4400) == any(not isinstance(message, dict) for message in messages)
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (Frame(Opcode.TEXT, b"{"), 4400),
        (Frame(Opcode.TEXT, b"[" * 10_000), 4400),
        (Frame(Opcode.TEXT, b'"text"'), 4400),
        (Frame(Opcode.BINARY, b"{}"), 1003),
        (Frame(Opcode.TEXT, b'"' + b"x" * 17_000 + b'"'), 1009),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_message_that_is_malformed_ends_with_its_code(shared: Server, frame: Frame, code: int) -> None:
    assert code_after(shared, frame.serialize(mask=True)) == code


# Where another server frames, what is no frame is its own affair.


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (Frame(Opcode.TEXT, b"\xff").serialize(mask=True), 1007),
        (Frame(Opcode.TEXT, b"{}").serialize(mask=False), 1002),
        (b"\xc1\x82mask\x00\x00", 1002),
        (Frame(Opcode.CONT, b"{}").serialize(mask=True), 1002),
    ],
    ids=["no text", "no mask", "a reserved bit", "the middle of nothing"],
)
def test_invalid_frame_ends_with_its_close_code(server: Server, data: bytes, code: int) -> None:
    assert code_after(server, data) == code


@FEWER
@given(st.lists(st.binary(min_size=1, max_size=200), max_size=4))
def test_any_bytes_on_a_websocket_end_it_with_a_close_code(server: Server, chunks: list[bytes]) -> None:
    connection = Ws(server, "alice")
    try:
        for chunk in chunks:
            connection.send_raw(chunk)
        connection.send_raw(b"\x81\x01x")  # no mask: whatever came before, this is the end of it
        connection.half_close()
        with pytest.raises(Ended):
            connection.read_until(lambda: False, within=PATIENCE)
    finally:
        connection.close()


def code_after(server: Server, data: bytes) -> int | None:
    connection = Ws(server, "alice")
    try:
        connection.send_raw(data)
        return end_of(connection)
    finally:
        connection.close()


def test_unknown_message_is_an_error_frame_and_ends_nothing(shared: Server, name: Name) -> None:
    connection = Ws(shared, name("alice"))
    wrong: list[Any] = [
        {},
        {"type": "dance"},
        {"type": ["read"]},
        {"type": "read"},
        {"type": "read", "up_to": "nonsense"},
        {"type": "read", "up_to": "0ther1og-1"},
        {"type": "read", "up_to": connection.start, "ids": []},
        {"type": "archive", "up_to": connection.start},
        {"type": "read", "ids": ["nonsense"]},
        {"type": "read", "ids": [10**30]},
    ]
    for message in wrong:
        connection.say(message)
    answers = [connection.next() for _ in wrong]
    assert [answer["type"] for answer in answers] == ["error"] * len(wrong)
    assert {answer["data"]["code"] for answer in answers} == {"invalid_request", "invalid_cursor"}
    assert all(answer["data"]["detail"] for answer in answers)
    connection.say({"type": "ping"})
    assert connection.next() == {"type": "pong"}
    connection.close()


def test_marks_over_the_socket_do_what_requests_do_in_their_order(shared: Server, name: Name) -> None:
    user = name("alice")
    connection = Ws(shared, user)
    sent = [shared.publish({"user": user}, body=str(n)) for n in range(3)]
    connection.take(3)
    for message in (
        {"type": "read", "up_to": sent[1]["cursor"]},
        {"type": "unread", "ids": [sent[0]["id"]]},
        {"type": "seen", "up_to": sent[2]["cursor"]},
        {"type": "archive", "ids": [sent[2]["id"]]},
        {"type": "ping"},
    ):
        connection.say(message)
    *marks, pong = [connection.next() for _ in range(5)]
    assert [mark["type"] for mark in marks] == ["inbox.read", "inbox.unread", "inbox.seen", "inbox.archived"]
    assert [mark["data"]["counters"]["unread"] for mark in marks] == [1, 2, 2, 1]
    assert pong == {"type": "pong"}
    connection.close()


def test_flood_of_messages_is_answered_in_order_and_delays_no_other(shared: Server, name: Name) -> None:
    flooding, other = Ws(shared, name("alice")), Ws(shared, name("bob"))
    count, types, slowest = 20_000, list[str](), 0.0
    ping = Frame(Opcode.TEXT, b'{"type":"ping"}').serialize(mask=True)
    dance = Frame(Opcode.TEXT, b'{"type":"dance"}').serialize(mask=True)
    flood = threading.Thread(target=flooding.send_raw, args=((ping * 9 + dance) * (count // 10),))
    read = threading.Thread(target=lambda: types.extend(flooding.next()["type"] for _ in range(count)))
    try:
        flood.start()
        read.start()
        while read.is_alive():
            began = time.monotonic()
            shared.publish({"user": name("bob")})
            other.take(1)
            slowest = max(slowest, time.monotonic() - began)
        assert types == (["pong"] * 9 + ["error"]) * (count // 10)
        assert slowest < 3
    finally:
        flood.join()
        read.join()
        flooding.close()
        other.close()


def test_every_connection_that_ended_is_forgotten(shared: Server) -> None:
    eventually("no connection is left", lambda: shared.gauges()[GAUGE] == 0)
