"""The points of websockets that we use and its documentation does not promise. They fail first when its bound moves."""

import tomllib
from pathlib import Path

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeader, InvalidUpgrade, PayloadTooBig, ProtocolError
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.streams import StreamReader

MASKED = b"\x81\x82\x00\x00\x00\x00hi"  # a text frame of a client, with a mask of zeros
SAMPLE_KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # of RFC 6455, section 1.3, with what is answered to it
SAMPLE_ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def handshake(**changes: str | None) -> Headers:
    said = {
        "connection": "Upgrade", "upgrade": "websocket", "sec_websocket_version": "13", "sec_websocket_key": SAMPLE_KEY
    }  # fmt: skip
    return Headers({name.replace("_", "-"): value for name, value in (said | changes).items() if value is not None})


def test_version_is_bounded_for_the_server_and_free_for_the_client() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    [client] = [one for one in project["dependencies"] if one.startswith("websockets")]
    [server] = [one for one in project["optional-dependencies"]["app"] if one.startswith("websockets")]
    assert "<" not in client
    assert "<" in server


def test_frame_parser_is_a_generator_that_stops_where_bytes_are_missing_and_goes_on() -> None:
    reader = StreamReader()
    parser = Frame.parse(reader.read_exact, mask=True, max_size=10)
    for byte in MASKED[:-1]:
        reader.feed_data(bytes([byte]))
        assert next(parser) is None
    reader.feed_data(MASKED[-1:])
    with pytest.raises(StopIteration) as end:
        next(parser)
    frame = end.value.value
    assert (frame.opcode, bytes(frame.data), frame.fin) == (Opcode.TEXT, b"hi", True)


def test_reader_shows_what_is_left_in_its_buffer() -> None:
    reader = StreamReader()
    assert not reader.buffer
    reader.feed_data(MASKED + b"\x81")
    with pytest.raises(StopIteration):
        next(Frame.parse(reader.read_exact, mask=True, max_size=10))
    assert bytes(reader.buffer) == b"\x81"


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"\x81\x8b" + bytes(4), PayloadTooBig), (b"\x81\x02hi", ProtocolError), (b"\xc1\x80" + bytes(4), ProtocolError)],
    ids=["too large, by its header alone", "without a mask", "reserved bits"],
)
def test_frame_parser_raises_for(data: bytes, error: type[Exception]) -> None:
    reader = StreamReader()
    reader.feed_data(data)
    with pytest.raises(error):
        next(Frame.parse(reader.read_exact, mask=True, max_size=10))


def test_frame_serializes_without_a_mask() -> None:
    assert Frame(Opcode.TEXT, b"hi").serialize(mask=False) == b"\x81\x02hi"
    assert Frame(Opcode.PING, b"").serialize(mask=False) == b"\x89\x00"


def test_close_frame_serializes_and_parses_and_raises_for_what_is_none() -> None:
    payload = Close(1001, "bye").serialize()
    assert payload == b"\x03\xe9bye"
    assert Close.parse(payload) == Close(1001, "bye")
    with pytest.raises(ProtocolError):
        Close.parse(b"\x03")
    with pytest.raises(UnicodeDecodeError):
        Close.parse(b"\x03\xe9\xff")


def test_handshake_is_checked_by_a_protocol_that_serves_many() -> None:
    protocol = ServerProtocol()
    for _ in range(2):
        accept, _, _ = protocol.process_request(Request("/v1/ws", handshake()))
        assert accept == SAMPLE_ACCEPT


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"upgrade": None}, InvalidUpgrade),
        ({"connection": "close"}, InvalidUpgrade),
        ({"sec_websocket_key": "x"}, InvalidHeader),
    ],
)
def test_handshake_check_raises_for(changes: dict[str, str | None], error: type[Exception]) -> None:
    with pytest.raises(error):
        ServerProtocol().process_request(Request("/v1/ws", handshake(**changes)))
