"""The SSE codec, against a parser written from WHATWG HTML, section 9.2.6, line by line."""

import re
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.domain.cursor import Cursor
from tidings.domain.model import Event
from tidings.domain.topics import Topic, User
from tidings.seed.encoding import SeedEncoding
from tidings.transports.sse import SSE_HEADERS, SseEncoding, frame


class EventSource:
    """The steps of the specification. `dispatched` are (type, data, last event id)."""

    def __init__(self) -> None:
        self.dispatched: list[tuple[str, str, str]] = []
        self.retry: int | None = None
        self.comments = 0
        self._last_id = ""
        self._buffer = ""
        self._data = ""
        self._type = ""

    def feed(self, data: bytes) -> None:
        """A whole number of lines."""
        text = data.decode("utf-8").removeprefix("\ufeff")
        lines = re.split("\r\n|\r|\n", text)
        assert lines.pop() == "", "a line was not ended"
        for line in lines:
            self._line(line)

    def _line(self, line: str) -> None:
        if line == "":
            self._dispatch()
        elif line.startswith(":"):
            self.comments += 1
        else:
            name, _, value = line.partition(":")
            self._field(name, value.removeprefix(" "))

    def _field(self, name: str, value: str) -> None:
        if name == "event":
            self._type = value
        elif name == "data":
            self._data += value + "\n"
        elif name == "id" and "\0" not in value:
            self._buffer = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value)

    def _dispatch(self) -> None:
        self._last_id = self._buffer
        if self._data == "":
            self._type = ""
            return
        self.dispatched.append((self._type or "message", self._data.removesuffix("\n"), self._last_id))
        self._data = self._type = ""


def parsed(*frames: bytes) -> EventSource:
    source = EventSource()
    source.feed(b"".join(frames))
    return source


BREAKS = ["\r\n", "\r", "\n", "\n\r", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"]
texts = st.lists(
    st.text(max_size=8) | st.sampled_from([*BREAKS, "data: x", "id: 7", ":", "", "\ufeff", "\0", "😀"])
).map("".join)
names = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), min_size=1, max_size=12)


def as_received(text: str) -> str:
    """Line breaks of the format come out as LF; nothing else changes."""
    return re.sub("\r\n|\r|\n", "\n", text)


@given(st.lists(st.tuples(texts, names, names), max_size=4))
def test_encoded_events_are_decoded_as_they_were(events: list[tuple[str, str, str]]) -> None:
    source = parsed(*[frame(data.encode(), type=type, id=id) for data, type, id in events])
    assert source.dispatched == [(type, as_received(data), id) for data, type, id in events]


@given(texts)
def test_without_a_type_it_is_a_message_and_without_an_id_the_last_one_stays(text: str) -> None:
    first = frame(b"1", type="one", id="a-1")
    assert parsed(first, frame(text.encode() + b".")).dispatched == [
        ("one", "1", "a-1"),
        ("message", as_received(text) + ".", "a-1"),
    ]


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\r\nb", "a\0b", "\n", "\ndata: forged"])
def test_a_type_or_an_id_cannot_forge_a_line(bad: str) -> None:
    with pytest.raises(ValueError, match="must not contain"):
        frame(b"1", type=bad)
    with pytest.raises(ValueError, match="must not contain"):
        frame(b"1", id=bad)


def test_a_frame_looks_like_this() -> None:
    encoding = SseEncoding(partial(Cursor, "abc"))
    event = Event(seq=7, topic=Topic("post/7"), type="notification.created", data=b'{"a":1}')
    assert encoding.event(event) == b'id: abc-7\nevent: notification.created\ndata: {"a":1}\n\n'
    assert (
        encoding.control("hello", b"{}", id="abc-0", retry=2000)
        == b"id: abc-0\nevent: hello\nretry: 2000\ndata: {}\n\n"
    )


def test_a_heartbeat_is_a_comment_and_nothing_to_a_client() -> None:
    encoding = SseEncoding(partial(Cursor, "abc"))
    event = Event(seq=7, topic=Topic("post/7"), type="note", data=b"{}")
    source = parsed(encoding.heartbeat, encoding.event(event), encoding.heartbeat, encoding.heartbeat)
    assert source.dispatched == [("note", "{}", "abc-7")]
    assert source.comments == 3


def test_heartbeat_has_no_blank_line() -> None:
    """httpx-sse, fetch-event-source and r3labs/sse take a blank line for an event whose data is empty."""
    assert SseEncoding(partial(Cursor, "abc")).heartbeat == b":\n"
    assert SeedEncoding(partial(Cursor, "abc"), user=User("a")).heartbeat == b":\n"
    assert b"\n\n" not in SeedEncoding(partial(Cursor, "abc"), user=User("a")).control("goaway", b"{}", retry=5000)


@pytest.mark.parametrize("retry", [0, 1, 999])
def test_retry_is_never_below_a_second(retry: int) -> None:
    """A client keeps it through every refusal that follows."""
    assert b"retry: 1000\n" in SseEncoding(partial(Cursor, "abc")).control("goaway", b"{}", retry=retry)
    assert b"retry: 1000\n" in SeedEncoding(partial(Cursor, "abc"), user=User("a")).control(
        "goaway", b"{}", retry=retry
    )


def test_control_without_an_id_does_not_move_the_cursor() -> None:
    encoding = SseEncoding(partial(Cursor, "abc"))
    event = Event(seq=7, topic=Topic("post/7"), type="note", data=b"{}")
    source = parsed(encoding.event(event), encoding.control("goaway", b"{}", retry=5000))
    assert source.dispatched[-1] == ("goaway", "{}", "abc-7")
    assert source.retry == 5000


def test_nothing_on_the_way_may_keep_or_change_a_stream() -> None:
    headers = dict(SSE_HEADERS)
    assert headers[b"content-type"].startswith(b"text/event-stream")
    assert {b"private", b"no-store", b"no-cache", b"no-transform"} <= set(headers[b"cache-control"].split(b", "))
    assert headers[b"x-accel-buffering"] == b"no"
