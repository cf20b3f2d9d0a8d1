"""The answer to a poll: whole events, a cursor to go on from, and whether there are more."""

import json
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tidings.domain.cursor import Cursor
from tidings.domain.model import Event
from tidings.domain.topics import Topic
from tidings.transports.poll_frames import PollEncoding, body, first, page

ENCODING = PollEncoding(partial(Cursor, "ep0ch"))
# Data as the store has it: compact JSON, in which a line break can only be escaped.
DATA = (st.text() | st.lists(st.integers())).map(
    lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")
)


def event(seq: int, data: bytes) -> Event:
    return Event(seq=seq, topic=Topic("user/alice"), type="note", data=data)


@given(st.lists(DATA, max_size=12), st.integers(1, 14))
def test_the_first_few_of_joined_events_are_whole_and_the_cursor_is_theirs(datas: list[bytes], limit: int) -> None:
    frames = b"".join(ENCODING.event(event(10 + n, data)) for n, data in enumerate(datas))
    answer = json.loads(body(first(frames, limit, cursor=Cursor("ep0ch", 99))))
    shown = datas[:limit]
    assert answer == {
        "events": [{"id": f"ep0ch-{10 + n}", "type": "note", "data": json.loads(data)} for n, data in enumerate(shown)],
        "cursor": f"ep0ch-{9 + limit}" if limit < len(datas) else "ep0ch-99",
        "more": limit < len(datas),
    }


def loaded(*frames: bytes, more: bool = False) -> Any:
    return json.loads(page(frames, cursor=Cursor("ep0ch", 5), more=more))


def test_no_events_are_an_empty_list() -> None:
    assert loaded() == {"events": [], "cursor": "ep0ch-5", "more": False}


def test_a_reset_stands_among_the_events_and_a_goodbye_does_not() -> None:
    reset = ENCODING.control("reset", b'{"reason":"pruned"}', id="ep0ch-5")
    answer = loaded(reset, ENCODING.control("goaway", b"{}", retry=1), more=True)
    assert answer["events"] == [{"id": "ep0ch-5", "type": "reset", "data": {"reason": "pruned"}}]
    assert answer["more"] is True
