"""Frames for WebSockets: bytes that any client reads, the same object for every reader."""

import json
from functools import partial

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from tidings.domain.cursor import Cursor
from tidings.domain.model import Event
from tidings.domain.topics import Topic
from tidings.hub.ring import Entry
from tidings.transports import ws_frames
from tidings.transports.close_codes import CLOSE_CODES, CloseReason
from tidings.transports.ws_frames import WsEncoding, WsLines

EVENT = Event(seq=7, topic=Topic("author/42"), type="notification.created", data=b'{"body":"\xe2\x80\xa8"}')
MESSAGE = {"id": "ep0ch-7", "type": "notification.created", "data": {"body": "\u2028"}}


def read(data: bytes) -> Frame:
    """As a client reads it: unmasked."""
    reader = StreamReader()
    reader.feed_data(data)
    parsing = Frame.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as end:
        next(parsing)
    assert not reader.buffer
    frame: Frame = end.value.value
    return frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_a_message_of_any_size_is_one_whole_text_frame(size: int) -> None:
    frame = read(ws_frames.text(b"x" * size))
    assert (frame.opcode, frame.fin, bytes(frame.data)) == (Opcode.TEXT, True, b"x" * size)


def test_an_event_is_a_message_with_its_id_type_and_data() -> None:
    assert json.loads(bytes(read(WsEncoding(partial(Cursor, "ep0ch")).event(EVENT)).data)) == MESSAGE


def test_event_outside_the_log_has_an_id_only_if_it_is_given_one() -> None:
    encoding = WsEncoding(partial(Cursor, "ep0ch"))
    assert json.loads(bytes(read(encoding.control("hello", b"{}", id="ep0ch-3")).data)) == {
        "id": "ep0ch-3",
        "type": "hello",
        "data": {},
    }
    assert json.loads(bytes(read(encoding.control("goaway", b"{}", retry=5)).data)) == {"type": "goaway", "data": {}}


def test_an_event_is_encoded_once_for_all_readers() -> None:
    entry, encoding = Entry(EVENT), WsEncoding(partial(Cursor, "ep0ch"))
    assert entry.frame(encoding) is entry.frame(encoding)


def test_the_heartbeat_is_an_empty_ping() -> None:
    frame = read(WsEncoding.heartbeat)
    assert (frame.opcode, bytes(frame.data)) == (Opcode.PING, b"")


def test_where_the_server_frames_a_message_is_a_line() -> None:
    lines = WsLines(partial(Cursor, "ep0ch"))
    data = lines.event(EVENT) + lines.control("goaway", b"{}")
    assert [json.loads(line) for line in data.split(b"\n")[:-1]] == [MESSAGE, {"type": "goaway", "data": {}}]


@pytest.mark.parametrize("close_reason", CLOSE_CODES, ids=lambda reason: f"{reason.code} {reason.reason}")
def test_every_close_reason_fits_in_a_close_frame(close_reason: CloseReason) -> None:
    frame = read(ws_frames.closing(close_reason))
    assert frame.opcode is Opcode.CLOSE
    assert bytes(frame.data) == close_reason.code.to_bytes(2, "big") + close_reason.reason.encode()
    assert len(frame.data) <= 125
