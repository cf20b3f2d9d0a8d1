"""The event stream is read as WHATWG HTML (9.2.5, 9.2.6) says, however the bytes are cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.client._sse import EVENT_SIZE_MAX, Frame, Parser
from tidings.client.errors import NotTidings
from tidings.configuration import load
from tidings.domain.errors import InvalidSettings
from tidings.domain.groups import ACTORS
from tidings.settings import EVENT_BOUND

# Bytes that matter to the format, and some that only look as if they did (U+2028, U+0085, NUL).
pieces = st.sampled_from(
    [
        *(b"data", b"id", b"event", b"retry", b":", b" ", b"\n", b"\r", b"\r\n", b"\n\n", b"12", b"x", b"\0"),
        *(b"\xef\xbb\xbf", "\u2028".encode(), "\u0085".encode(), b"\xe2\x82", b"\xff", "\u20ac".encode()),
    ]
)
streams = st.lists(pieces, max_size=60).map(b"".join)


def parse(*chunks: bytes) -> list[Frame]:
    parser = Parser()
    return [frame for chunk in chunks for frame in parser.feed(chunk)]


def reference(stream: bytes) -> tuple[list[Frame], str, int | None]:
    """The standard's own words, on the whole stream at once, character by character."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    lines, line, skip = [], "", False
    for character in text:
        if skip and character == "\n":
            skip = False
            continue
        skip = character == "\r"
        if character in "\r\n":
            lines.append(line)
            line = ""
        else:
            line += character
    frames: list[Frame] = []
    data = kind = id_buffer = last_id = ""
    own, retry = False, None
    for line in lines:
        if line == "":
            last_id = id_buffer
            if data != "":
                frames.append(Frame(id=last_id, own_id=own, type=kind or "message", data=data[:-1]))
            data, kind, own = "", "", False
            continue
        if line.startswith(":"):
            continue
        name, colon, value = line.partition(":")
        if colon and value.startswith(" "):
            value = value[1:]
        if name == "event":
            kind = value
        elif name == "data":
            data += value + "\n"
        elif name == "id" and "\0" not in value:
            id_buffer, own = value, True
        elif name == "retry" and value and all("0" <= digit <= "9" for digit in value):
            retry = int(value)
    return frames, last_id, retry


@given(streams)
def test_parser_follows_the_examples_of_the_standard(stream: bytes) -> None:
    parser = Parser()
    frames = parser.feed(stream)
    expected, last_id, retry = reference(stream)
    assert frames == expected
    assert parser.last_id == last_id
    if retry is None or retry < 10**12:
        assert parser.retry == retry


@given(streams, st.lists(st.integers(0, 200), max_size=20))
def test_events_are_the_same_wherever_the_network_cuts(stream: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    chunks = [stream[start:end] for start, end in itertools.pairwise(places)]
    assert parse(*chunks) == parse(stream)


@given(streams)
def test_every_event_comes_out_with_the_byte_that_ends_it(stream: bytes) -> None:
    """An event must not wait for the next one: after a CR the parser cannot know whether an LF follows."""
    parser = Parser()
    for at in range(len(stream)):
        so_far = parser.feed(stream[at : at + 1])
        whole, before = parse(stream[: at + 1]), parse(stream[:at])
        assert so_far == whole[len(before) :]


@given(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])))
def test_data_line_carries_any_text(text: str) -> None:
    [frame] = parse(f"data: {text}\n\n".encode())
    assert frame.data == text


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", ["YHOO\n+2\n10"]),
        (b"data\n\ndata\ndata\n\ndata:", ["", "\n"]),  # the last is cut short
        (b"data:test\n\ndata: test\n\ndata:  test\n\n", ["test", "test", " test"]),
        (b": a comment\n\ndata: x\n\n", ["x"]),
        (b"\xef\xbb\xbfdata: after a BOM\n\n", ["after a BOM"]),
        (b"id: 1\nevent: nothing\n\n", []),
        (b"DATA: x\n data: y\n\n", []),
        ("data: a\u2028b\u0085c\x0cd\n\n".encode(), ["a\u2028b\u0085c\x0cd"]),
    ],
)
def test_examples(stream: bytes, data: list[str]) -> None:
    assert [frame.data for frame in parse(stream)] == data


def test_id_stays_for_the_events_that_have_none() -> None:
    first, second, third = parse(b"id: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\n")
    assert (first.id, first.own_id) == ("7", True)
    assert (second.id, second.own_id) == ("7", False)
    assert (third.id, third.own_id) == ("", True)


def test_id_counts_without_an_event() -> None:
    parser = Parser()
    assert parser.feed(b"id: 9\n\n") == []
    assert parser.last_id == "9"


@pytest.mark.parametrize("value", [b"", b"-1", b"1.5", b"1s", b"\xd9\xa1", b"9" * 5000])
def test_retry_that_is_no_number_of_milliseconds_is_ignored(value: bytes) -> None:
    parser = Parser()
    parser.feed(b"retry: 3000\nretry: " + value + b"\n")
    assert parser.retry == 3000


@pytest.mark.parametrize("endless", [b"data: x\n", b"data\n", b"x"])
def test_event_that_never_ends_is_refused_before_it_fills_the_memory(endless: bytes) -> None:
    parser = Parser(limit=1000)
    with pytest.raises(NotTidings, match="1000 bytes"):
        list(map(parser.feed, [endless] * 1001))


@given(st.lists(st.integers(0, 30), max_size=50))
def test_limit_is_for_one_event_and_not_for_the_stream(sizes: list[int]) -> None:
    parser = Parser(limit=70)
    frames = [frame for size in sizes for frame in parser.feed(b"data: " + b"x" * size + b"\n\n")]
    assert [len(frame.data) for frame in frames] == sizes


def test_largest_event_that_a_server_can_be_set_to_is_read() -> None:
    """A notification of the greatest bound, with as many actors as a group shows, and its envelope."""
    assert EVENT_SIZE_MAX >= (1 + ACTORS) * EVENT_BOUND + 64 * 1024


def test_setting_beyond_the_bound_of_readers_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="max_event must be a whole number between 1024 and 1048576"):
        load({"mode": "dev", "max_event": 9 * 1024 * 1024}, {})
