"""Decoding of a client's WebSocket frames, and the close reason for each violation."""

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode

from tidings.transports.close_codes import BINARY, NOT_TEXT, PROTOCOL, TOO_BIG, CloseReason, ProtocolViolation
from tidings.transports.ws_codec import MAX_MESSAGE, Bye, Incoming, Ping

Heard = str | Ping | Bye


def text(payload: bytes, *, fin: bool = True) -> bytes:
    return Frame(Opcode.TEXT, payload, fin=fin).serialize(mask=True)


def more(payload: bytes, *, fin: bool = True) -> bytes:
    return Frame(Opcode.CONT, payload, fin=fin).serialize(mask=True)


def ping(payload: bytes) -> bytes:
    return Frame(Opcode.PING, payload).serialize(mask=True)


def header(first: int, second: int, rest: bytes = b"") -> bytes:
    """A frame that the library would not write."""
    return struct.pack("!BB", first, second) + rest


def all_of(incoming: Incoming) -> list[Heard]:
    heard = []
    while (one := incoming.next()) is not None:
        heard.append(one)
    return heard


def hear(*chunks: bytes) -> list[Heard]:
    incoming = Incoming()
    heard = []
    for chunk in chunks:
        incoming.feed(chunk)
        heard += all_of(incoming)
    assert incoming.empty
    return heard


def close_reason(data: bytes) -> CloseReason:
    incoming = Incoming()
    incoming.feed(data)
    with pytest.raises(ProtocolViolation) as violation:
        all_of(incoming)
    return violation.value.close_reason


@pytest.mark.parametrize(
    ("data", "heard"),
    [
        (text(b'{"type":"ping"}'), ['{"type":"ping"}']),
        (text(b""), [""]),
        (text("\u2028\U0001f514".encode()), ["\u2028\U0001f514"]),
        (text(b"a") + text(b"b"), ["a", "b"]),
        (text(b"x" * MAX_MESSAGE), ["x" * MAX_MESSAGE]),
        (ping(b"") + ping(b"x" * 125), [Ping(b""), Ping(b"x" * 125)]),
        (Frame(Opcode.PONG, b"whatever").serialize(mask=True), []),
        (Frame(Opcode.CLOSE, b"").serialize(mask=True), [Bye(b"")]),
        (Frame(Opcode.CLOSE, Close(1000, "bye").serialize()).serialize(mask=True), [Bye(b"\x03\xe8bye")]),
        (text(b"ab", fin=False) + more(b"", fin=False) + more(b"c"), ["abc"]),
        (text(b"\xc3", fin=False) + more(b"\xa9"), ["\xe9"]),  # a character in two fragments
        (text(b"a", fin=False) + ping(b"now") + more(b"b"), [Ping(b"now"), "ab"]),
        (
            text(b"x" * (MAX_MESSAGE - 1), fin=False) + ping(b"y" * 125) + more(b"x"),
            [Ping(b"y" * 125), "x" * MAX_MESSAGE],
        ),
    ],
    ids=lambda value: "frames" if isinstance(value, bytes) else None,
)
def test_valid_frames_are_decoded(data: bytes, heard: list[Heard]) -> None:
    assert hear(data) == heard
    assert hear(*(data[n : n + 1] for n in range(len(data)))) == heard


@pytest.mark.parametrize(
    ("data", "how"),
    [
        (Frame(Opcode.TEXT, b"no mask").serialize(mask=False), PROTOCOL),
        (header(0xC1, 0x80, b"mask"), PROTOCOL),  # a reserved bit: compression was not agreed on
        (header(0x83, 0x80, b"mask"), PROTOCOL),  # an opcode that nothing has
        (header(0x8B, 0x80, b"mask"), PROTOCOL),
        (header(0x09, 0x80, b"mask"), PROTOCOL),  # a ping in fragments
        (header(0x89, 0xFE, struct.pack("!H", 126) + b"mask" + b"x" * 126), PROTOCOL),  # a ping that is too long
        (more(b"the middle of nothing"), PROTOCOL),
        (text(b"a", fin=False) + text(b"b"), PROTOCOL),
        (Frame(Opcode.CLOSE, b"\x03").serialize(mask=True), PROTOCOL),
        (Frame(Opcode.CLOSE, struct.pack("!H", 1005)).serialize(mask=True), PROTOCOL),  # a code that is never sent
        (Frame(Opcode.CLOSE, b"\x03\xe8\xff").serialize(mask=True), NOT_TEXT),
        (Frame(Opcode.BINARY, b"\x00").serialize(mask=True), BINARY),
        (text(b"\xff\xfe"), NOT_TEXT),
        (text(b"\xed\xa0\x80"), NOT_TEXT),  # half of a surrogate pair
        (text(b"x" * (MAX_MESSAGE + 1)), TOO_BIG),
        (header(0x81, 0xFF, struct.pack("!Q", 1 << 62)), TOO_BIG),  # refused by its length, before it is there
        (text(b"x" * MAX_MESSAGE, fin=False) + more(b"x"), TOO_BIG),
    ],
    ids=lambda value: "frames" if isinstance(value, bytes) else None,
)
def test_invalid_frames_end_the_connection(data: bytes, how: CloseReason) -> None:
    assert close_reason(data) == how


def test_message_before_a_violation_is_decoded() -> None:
    incoming = Incoming()
    incoming.feed(text(b"first") + b"\xff\xff")
    assert incoming.next() == "first"
    with pytest.raises(ProtocolViolation):
        incoming.next()


def end_of(data: bytes) -> CloseReason | None:
    incoming = Incoming()
    incoming.feed(data)
    try:
        all_of(incoming)
    except ProtocolViolation as violation:
        return violation.close_reason
    return None


ENDINGS = {None, PROTOCOL, BINARY, NOT_TEXT, TOO_BIG}


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_end_the_connection(data: bytes) -> None:
    assert end_of(data) in ENDINGS


MASKED = st.builds(
    lambda first, size, rest: header(first, 0x80 | size, b"mask" + rest),
    st.integers(0, 255),
    st.integers(0, 127),
    st.binary(max_size=130),
)


@given(st.lists(MASKED, max_size=6).map(b"".join))
def test_nor_do_bytes_that_look_like_frames(data: bytes) -> None:
    assert end_of(data) in ENDINGS


@st.composite
def fragmented(draw: st.DrawFn) -> tuple[str, bytes]:
    """A message, and one of the many ways to write it."""
    message = draw(st.text(max_size=60))
    payload = message.encode()
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=4)))
    parts = [payload[start:end] for start, end in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
    frames = [(more if n else text)(part, fin=n == len(parts) - 1) for n, part in enumerate(parts)]
    if draw(st.booleans()):
        frames.insert(draw(st.integers(0, len(frames) - 1)), ping(b"between"))
    return message, b"".join(frames)


@given(st.lists(fragmented(), max_size=8), st.lists(st.integers(1, 40), min_size=1))
def test_however_messages_are_cut_they_are_heard_whole_and_in_order(
    messages: Sequence[tuple[str, bytes]], sizes: Sequence[int]
) -> None:
    data = b"".join(written for _, written in messages)
    chunks: list[bytes] = []
    at = 0
    while at < len(data):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(data[at : at + size])
        at += size
    assert [one for one in hear(*chunks) if isinstance(one, str)] == [message for message, _ in messages]
