"""The test client reads an event stream exactly as WHATWG HTML, section 9.2.6, says: the proof of every other test."""

import pytest

from tests.streams import Event, Parser, Response

EXAMPLES = [
    ("the last line needs no value", b"data: YHOO\ndata: +2\ndata: 10\n\n", [("", "message", "YHOO\n+2\n10")]),
    (
        "the spec's second example: a comment, an id, an id that is cleared, an event that is not complete",
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
        [("1", "message", "first event"), ("", "message", "second event")],
    ),
    (
        "the spec's third example: data without a value is an empty event, two are a newline",
        b"data\n\ndata\ndata\n\ndata:",
        [("", "message", ""), ("", "message", "\n")],
    ),
    ("one space after the colon is dropped, not two", b"data:test\n\ndata: test\n\ndata:  test\n\n",
     [("", "message", "test"), ("", "message", "test"), ("", "message", " test")]),
    ("every kind of line end", b"event: a\rdata: 1\r\rdata: 2\r\n\r\ndata: 3\n\n",
     [("", "a", "1"), ("", "message", "2"), ("", "message", "3")]),
    ("a line separator is no line end", "data: a\u2028b\u0085c\x0bd\n\n".encode(),
     [("", "message", "a\u2028b\u0085c\x0bd")]),
    ("a byte order mark is dropped, once", b"\xef\xbb\xbfdata: \xef\xbb\xbf\n\n", [("", "message", "\ufeff")]),
    ("an id with NUL is ignored", b"id: 1\nid: 2\x003\ndata: x\n\n", [("1", "message", "x")]),
    ("the id stays, the type does not", b"id: 1\nevent: e\ndata: x\n\ndata: y\n\n",
     [("1", "e", "x"), ("1", "message", "y")]),
    ("broken UTF-8 is replaced", b"data: \xff\n\n", [("", "message", "\ufffd")]),
    ("unknown fields and a retry that is no number are ignored", b"retry: 1x\nfoo: bar\ndata: x\n\n",
     [("", "message", "x")]),
]  # fmt: skip


@pytest.mark.parametrize(("stream", "events"), [(s, e) for _, s, e in EXAMPLES], ids=[e[0] for e in EXAMPLES])
@pytest.mark.parametrize("piece", [1, 2, 3, 1000])
def test_the_parser_reads_it_in_any_pieces(stream: bytes, events: list[tuple[str, str, str]], piece: int) -> None:
    parser = Parser()
    found = [e for at in range(0, len(stream), piece) for e in parser.feed(stream[at : at + piece])]
    assert found == [Event(*event) for event in events]


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_retry_and_comments_are_kept(piece: int) -> None:
    stream, parser = b":\n\n: hi\n\nretry: 250\n\n", Parser()
    assert [parser.feed(stream[at : at + piece]) for at in range(0, len(stream), piece)][-1] == []
    assert (parser.retry, parser.comments) == (250, 2)


@pytest.mark.parametrize("piece", [1, 2, 5, 1000])
@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"Transfer-Encoding: chunked\r\n", b"7\r\ndata: a\r\n2\r\n\n\n\r\na\r\ndata: \r\n\n\n\r\n0\r\n\r\n"),
        (b"Connection: close\r\n", b"data: a\n\ndata: \r\n\n\n"),
    ],
)
def test_the_response_is_read_with_and_without_chunks(coding: bytes, body: bytes, piece: int) -> None:
    stream = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + coding + b"\r\n" + body
    response = Response()
    found = [e.data for at in range(0, len(stream), piece) for e in response.feed(stream[at : at + piece])]
    assert (response.status, found) == (200, ["a", ""])
