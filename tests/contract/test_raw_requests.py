"""Raw requests: any bytes on the socket are answered or refused, never with a 500, a hang, or another user's data."""

import itertools
import re
import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.servers import SECRET, Server
from tidings.auth.tokens import issue
from tidings.domain.topics import User

PATIENCE = 10.0  # seconds
ANOTHERS = b"what-only-bob-may-read"
BOUNDED = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
FINE = {200, 201, 204, 304, *range(400, 500), 501}


def token(user: str, *, publish: bool = False) -> bytes:
    made = issue(SECRET, user=User(user), publish=publish, topics=[], now=int(time.time()), lifetime=3600)
    return b"Bearer " + made.encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Bob's inbox holds items that no other user may read."""
    server = Server(
        db=tmp_path_factory.mktemp("raw") / "tidings.db", mode="serve", settings={"user_writes": 0, "seed": True}
    ).start()
    headers = {"Authorization": token("bob", publish=True).decode()}
    server.request("GET", "/v1/inbox", headers=headers)
    server.request("POST", "/v1/notifications", {"to": {"user": "bob"}, "body": ANOTHERS.decode()}, headers=headers)
    try:
        yield server
        assert "Traceback" not in server.log_text()
    finally:
        server.kill()


def talk(server: Server, parts: list[bytes]) -> bytes:
    """All that comes back until the server closes; it must, since this side sends no more."""
    data = b""
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for part in parts:
                connection.sendall(part)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                data += part
        except ConnectionError:  # it was refused before it was read
            pass
    assert ANOTHERS not in data
    statuses = {int(status) for status in STATUS.findall(data)}
    assert statuses <= FINE, data
    return data


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


LINES = [
    (b"GET /v1/inbox", b""),
    (b"GET /v1/inbox/counters", b""),
    (b"GET /v1/poll?wait=0", b""),
    (b"POST /v1/inbox/read", b'{"ids":[]}'),
    (b"POST /v1/tickets", b""),
    (b"PUT /v1/follows/author%2F4", b""),
    (b"GET /healthz", b""),
    (b"GET /nowhere", b""),
]


def request(line: bytes, body: bytes, *, last: bool = False, chunked: bool = False) -> bytes:
    head = line + b" HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + token("alice") + b"\r\n"
    if last:
        head += b"Connection: close\r\n"
    if body and chunked:
        framed = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + framed
    return head + (b"Content-Length: %d\r\n" % len(body) if body else b"") + b"\r\n" + body


@BOUNDED
@given(st.lists(st.tuples(st.sampled_from(LINES), st.booleans()), min_size=1, max_size=6), st.lists(st.integers(0)))
def test_pipelined_requests_in_any_pieces_are_answered_in_order(
    server: Server, asked: list[tuple[tuple[bytes, bytes], bool]], cuts: list[int]
) -> None:
    sent = b"".join(
        request(*line, last=number == len(asked), chunked=chunked)
        for number, (line, chunked) in enumerate(asked, start=1)
    )
    data = talk(server, pieces(sent, cuts[:12]))
    expected = [b"404" if line[0] == b"GET /nowhere" else b"" for line, _ in asked]
    found = STATUS.findall(data)
    assert len(found) == len(asked), data
    assert [status if status == b"404" else b"" for status in found] == [
        want or (b"" if status != b"404" else b"404") for want, status in zip(expected, found, strict=True)
    ]


HEADERS = st.sampled_from(
    [b"Host", b"Authorization", b"Cookie", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Upgrade",
     b"Origin", b"Expect", b"Tidings-User", b"Last-Event-ID", b"Idempotency-Key", b"If-None-Match", b"Content-Type",
     b"X"]
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(
        [
            b"",
            b" ",
            b"0",
            b"-1",
            b"+5",
            b"1e3",
            b"99999999999999999999",
            b"5, 5",
            b"chunked",
            b"chunked, chunked",
            b"gzip",
            b"identity",
            b"close",
            b"upgrade",
            b"websocket",
            b"h2c",
            b"100-continue",
            b"null",
            b"localhost",
            b"a@b",
            b"tidings_token=",
            b"tidings_token=a; tidings_token=b",
            b"Bearer",
            b"Bearer a b",
            b"Basic YTpi",
            b"tdk_x",
            b"bob",
            b"%62%6f%62",
            b"\xff\xfe",
            b"a" * 9000,
            b";" * 5000,
            b"\t\t",
            b"start",
            b"1-1",
        ]
    ),
    st.binary(max_size=40).map(lambda data: re.sub(rb"[\r\n\x00]", b"", data)),
)
TARGETS = st.one_of(
    st.sampled_from(
        [
            b"/v1/inbox",
            b"/v1/poll?wait=0",
            b"/v1/inbox?user=bob",
            b"/v1/poll?wait=0&topic=user/bob",
            b"//v1/inbox",
            b"/",
            b"/v1/../v1/inbox",
            b"*",
            b"http://localhost/v1/inbox",
            b"/v1/inbox?ticket=",
            b"/v1/inbox%00",
            b"/v1/exports/x.xlsx",
            b"/v1/notifications/1",
            b"/v1/users/bob/presence",
            b"/notification/export-excel?user_email=bob",
            b"/%ff",
            b"/v1/poll?" + b"%41&" * 3000,
        ]
    ),
    st.binary(min_size=1, max_size=40).map(lambda data: b"/" + re.sub(rb"[\r\n\x00 ]", b"", data)),
)


@BOUNDED
@given(
    st.sampled_from(
        [b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT", b"get", b"X"]
    ),
    TARGETS,
    st.lists(st.tuples(HEADERS, VALUES), max_size=5),
    st.booleans(),
    st.binary(max_size=60),
)
def test_any_head_is_answered_or_refused(
    server: Server, method: bytes, target: bytes, fields: list[tuple[bytes, bytes]], known: bool, rest: bytes
) -> None:
    head = [method + b" " + target + b" HTTP/1.1", b"Host: localhost"]
    if known:
        head.append(b"Authorization: " + token("alice"))
    head += [name + b": " + value for name, value in fields]
    talk(server, [b"\r\n".join([*head, b"", rest])])


@BOUNDED
@given(st.sampled_from(LINES), st.integers(0), st.binary(max_size=8), st.integers(0, 40))
def test_any_change_of_a_request_is_answered_or_refused(
    server: Server, line: tuple[bytes, bytes], place: int, put: bytes, taken: int
) -> None:
    sent = request(*line)
    at = place % (len(sent) + 1)
    talk(server, [sent[:at] + put + sent[at + taken :]])


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
        b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/0.9\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"\r\n" * 20_000,
        b"\x00" * 70_000,
        b"GET " + b"/" * 100_000,
        b"GET / HTTP/1.1\r\n" + b"a" * 100_000,
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"x%d: y\r\n" % n for n in range(1000)) + b"\r\n",
        b"POST /v1/inbox/read HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 100_000,
        b"POST /v1/inbox/read HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 100_000,
        b"POST /v1/inbox/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
        b"POST /v1/inbox/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"
        b"\r\n0\r\n\r\n"
        b"GET /v1/inbox HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=lambda sent: repr(sent[:40]),
)
def test_absurd_bytes_end(server: Server, sent: bytes) -> None:
    talk(server, [sent])


def test_connect_is_refused_in_words(server: Server) -> None:
    """With a body it was parsed again and again, until the interpreter's stack was full."""
    for body in (b"\r\n", b"Content-Length: 1\r\n\r\nx", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"):
        sent = b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n" + body
        assert STATUS.findall(talk(server, [sent])) == [b"400"]


HEAD = b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("after", "statuses"), [(b"", [b"200"]), (b"\0\r\n\r\n", [b"200", b"400"]), (HEAD, [b"200"] * 2)]
)
def test_response_without_a_body_is_sent_before_what_ends_its_connection(
    server: Server, after: bytes, statuses: list[bytes]
) -> None:
    """Its head waited for a body until the end of the loop's turn: the refusal or the end overtook it."""
    assert STATUS.findall(talk(server, [HEAD + after])) == statuses
