"""A WebSocket on a socket of its own: hears one message at a time, holds back who says too much, and parts properly."""

import asyncio
import json
from collections.abc import Awaitable
from functools import partial
from typing import Any

import pytest
from websockets.frames import Close, Frame, Opcode
from websockets.streams import StreamReader

from tests.transports.fake_transport import ALICE, EPOCH, FakeTransport, TransportHarness
from tidings.domain.cursor import Cursor
from tidings.domain.topics import User
from tidings.transports.close_codes import FAILED, GOING_AWAY, NOT_JSON, PROTOCOL, TOKEN, CloseReason, ProtocolViolation
from tidings.transports.stream import EventStream, Opening, StreamContext
from tidings.transports.ws_frames import WsEncoding
from tidings.transports.ws_socket import MESSAGES_PER_TURN, WsContext, WsSocket

pytestmark = pytest.mark.anyio


class WsHarness:
    """One open connection, and an ear that notes what it hears. `slow:x` takes until `done` is set."""

    def __init__(self) -> None:
        self.harness = TransportHarness()
        self.heard: list[str] = []
        self.done = asyncio.Event()
        self.transport = FakeTransport()
        context = WsContext(hub=self.harness.hub, timer=self.harness.timer, handle=self.hear)
        self.sink = WsSocket(context, set())
        self.transport.protocol = self.sink
        self.sink.start(
            self.transport,
            EventStream(
                StreamContext(hub=self.harness.hub, timer=self.harness.timer),
                Opening(
                    feed=self.harness.feed(),
                    extra=(),
                    encoding=WsEncoding(partial(Cursor, EPOCH)),
                    position=0,
                    preface=b"",
                ),
                headers=(),
            ),
        )
        self.sink.connections.add(self.sink)

    def hear(self, user: User, text: str) -> bytes | Awaitable[bytes]:
        assert user == ALICE
        self.heard.append(text)
        if text == "nonsense":
            raise ProtocolViolation(NOT_JSON)
        return self._slow(text) if text.startswith("slow") else f'"{text}"'.encode()

    async def _slow(self, text: str) -> bytes:
        await self.done.wait()
        if text == "slow:fails":
            raise ProtocolViolation(FAILED)
        return b"" if text == "slow:quiet" else f'"{text}"'.encode()

    def says(self, *messages: str) -> None:
        """All of them in one packet."""
        self.gets(*(Frame(Opcode.TEXT, message.encode()) for message in messages))

    def gets(self, *frames: Frame) -> None:
        self.sink.data_received(b"".join(frame.serialize(mask=True) for frame in frames))

    def frames(self) -> list[Frame]:
        """The frames that were written since the last call."""
        reader = StreamReader()
        reader.feed_data(self.transport.taken())
        frames: list[Frame] = []
        while reader.buffer:
            parsing = Frame.parse(reader.read_exact, mask=False)
            with pytest.raises(StopIteration) as end:
                next(parsing)
            frames.append(end.value.value)
        return frames

    def messages(self) -> list[Any]:
        return [json.loads(bytes(frame.data)) for frame in self.frames()]

    def words(self) -> list[CloseReason | bytes]:
        """The close frames that were written."""
        return [bytes(frame.data) for frame in self.frames() if frame.opcode is Opcode.CLOSE]

    @property
    def open(self) -> int:
        return self.harness.hub.open["ws"]


def word(close_reason: CloseReason) -> bytes:
    return Close(close_reason.code, close_reason.reason).serialize()


@pytest.fixture
async def talk() -> WsHarness:
    return WsHarness()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


# Listening


async def test_an_answer_comes_between_the_events(talk: WsHarness) -> None:
    talk.harness.tell(b"1")
    talk.says("hello")
    talk.harness.tell(b"2", b"3")
    assert talk.messages() == [
        {"id": "ep0ch-1", "type": "note", "data": 1},
        "hello",
        {"id": "ep0ch-2", "type": "note", "data": 2},
        {"id": "ep0ch-3", "type": "note", "data": 3},
    ]


async def test_while_one_message_is_worked_on_the_next_waits_and_events_go_on(talk: WsHarness) -> None:
    talk.says("slow:1", "2", "slow:3", "4")
    talk.harness.tell(b"1")
    await settle()
    assert talk.heard == ["slow:1"]
    assert [message["data"] for message in talk.messages()] == [1]
    assert not talk.transport.reading  # what else it says stays with the kernel
    talk.done.set()
    await settle()
    assert talk.heard == ["slow:1", "2", "slow:3", "4"]
    assert talk.messages() == ["slow:1", "2", "slow:3", "4"]
    assert talk.transport.reading


async def test_no_answer_is_none(talk: WsHarness) -> None:
    talk.done.set()
    talk.says("slow:quiet")
    await settle()
    assert talk.messages() == []
    assert talk.transport.reading


async def test_burst_of_messages_is_handled_a_few_at_a_time(talk: WsHarness) -> None:
    many = [str(n) for n in range(3 * MESSAGES_PER_TURN)]
    talk.says(*many)
    assert talk.heard == many[:MESSAGES_PER_TURN]
    assert not talk.transport.reading
    await settle()
    assert talk.heard == many
    assert talk.messages() == [str(n) for n in range(3 * MESSAGES_PER_TURN)]
    assert talk.transport.reading


async def test_client_that_does_not_read_is_not_read_from(talk: WsHarness) -> None:
    talk.transport.capacity = 10
    talk.says("one", "two", "three", "four")
    assert talk.heard == ["one", "two"]
    assert not talk.transport.reading
    await settle()
    assert talk.heard == ["one", "two"]
    talk.transport.drain()
    assert talk.heard == ["one", "two", "three", "four"]
    assert talk.transport.reading


async def test_a_turn_that_was_put_off_does_not_overtake_the_work_on_a_message(talk: WsHarness) -> None:
    talk.says(*(str(n) for n in range(MESSAGES_PER_TURN)), "slow:1", "after it")
    talk.transport.drain()
    await settle()
    assert talk.heard[MESSAGES_PER_TURN:] == ["slow:1"]
    talk.done.set()
    await settle()
    assert talk.heard[MESSAGES_PER_TURN:] == ["slow:1", "after it"]


async def test_a_ping_is_answered_with_what_it_said(talk: WsHarness) -> None:
    talk.gets(Frame(Opcode.PING, b"are you there?"))
    [pong] = talk.frames()
    assert (pong.opcode, bytes(pong.data)) == (Opcode.PONG, b"are you there?")


async def test_nothing_is_kept_of_a_connection_that_is_silent(talk: WsHarness) -> None:
    whole = Frame(Opcode.TEXT, b"whole").serialize(mask=True)
    kept = []
    for data in (Frame(Opcode.PONG, b"").serialize(mask=True), whole[:3], whole[3:], whole):
        talk.sink.data_received(data)
        kept.append(talk.sink._incoming is not None)
    assert kept == [False, True, False, False]
    assert talk.heard == ["whole", "whole"]


async def test_every_beat_is_a_ping(talk: WsHarness) -> None:
    for slot in range(32):
        talk.harness.hub.liveness.heartbeat(slot)
    assert [frame.opcode for frame in talk.frames()] == [Opcode.PING]


# Parting


async def test_the_clients_goodbye_is_echoed_and_the_server_hangs_up(talk: WsHarness) -> None:
    talk.gets(Frame(Opcode.TEXT, b"last"), Frame(Opcode.CLOSE, b"\x0f\xa0bye"), Frame(Opcode.TEXT, b"late"))
    assert talk.heard == ["last"]
    assert talk.open == 0
    _, echo = talk.frames()
    assert (echo.opcode, bytes(echo.data)) == (Opcode.CLOSE, b"\x0f\xa0bye")
    assert talk.transport.closed == "closed"


@pytest.mark.parametrize(("expired", "close_reason"), [(False, GOING_AWAY), (True, TOKEN)])
async def test_our_goodbye_waits_for_the_clients(talk: WsHarness, expired: bool, close_reason: CloseReason) -> None:
    talk.sink.close(expired=expired)
    assert talk.words() == [word(close_reason)]
    assert talk.open == 0
    assert not talk.transport.closed
    talk.says("does that still count?")
    talk.harness.tell(b"1")
    assert (talk.heard, talk.transport.taken()) == ([], b"")
    talk.gets(Frame(Opcode.CLOSE, word(close_reason)))
    assert (talk.transport.closed, talk.transport.taken()) == ("closed", b"")


async def test_client_without_a_close_frame_is_aborted_after_the_timeout(talk: WsHarness) -> None:
    talk.sink.close()
    talk.harness.timer.passes()
    assert talk.transport.closed == "aborted"


async def test_close_frame_of_a_paused_client_is_read(talk: WsHarness) -> None:
    talk.transport.capacity = 0
    talk.says("one", "two")
    held = not talk.transport.reading
    talk.sink.close()
    assert (held, talk.transport.reading) == (True, True)
    assert talk.heard == ["one"]


async def test_a_server_that_stops_asks_once(talk: WsHarness) -> None:
    talk.sink.close()
    talk.sink.shutdown()
    assert len(talk.words()) == 1


async def test_violation_is_answered_with_its_close_code_and_ends_the_reading(talk: WsHarness) -> None:
    talk.gets(Frame(Opcode.TEXT, b"fine"))
    talk.sink.data_received(b"\x81\x05no mask")
    talk.says("and now?")
    assert talk.heard == ["fine"]
    assert talk.open == 0
    assert talk.words() == [word(PROTOCOL)]
    # To close with bytes unread would be a reset, which may take our word with it: the client hangs up.
    assert (talk.transport.ended, talk.transport.closed) == (True, "")
    talk.harness.timer.passes()
    assert talk.transport.closed == "aborted"


@pytest.mark.parametrize(("message", "close_reason"), [("nonsense", NOT_JSON), ("slow:fails", FAILED)])
async def test_a_message_may_end_the_connection(talk: WsHarness, message: str, close_reason: CloseReason) -> None:
    talk.done.set()
    talk.says(message, "what follows")
    await settle()
    assert talk.heard == [message]
    assert talk.words() == [word(close_reason)]


async def test_client_lost_while_its_message_is_handled_is_not_written_to(talk: WsHarness) -> None:
    talk.says("slow:1", "2")
    await settle()
    talk.transport.closed = "closed"
    talk.sink.connection_lost(None)
    talk.done.set()
    await settle()
    assert talk.heard == ["slow:1"]
    assert (talk.open, talk.sink.connections, talk.harness.timer.due) == (0, set(), [])


async def test_work_that_ends_after_the_goodbye_is_not_answered(talk: WsHarness) -> None:
    talk.says("slow:1", "2")
    await settle()
    talk.sink.close()
    assert len(talk.words()) == 1
    talk.done.set()
    await settle()
    assert talk.transport.taken() == b""
    assert talk.transport.reading  # for the client's close frame
    talk.gets(Frame(Opcode.CLOSE, word(GOING_AWAY)))
    assert talk.transport.closed == "closed"
    talk.sink.connection_lost(None)
    assert talk.harness.timer.due == []
