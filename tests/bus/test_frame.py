"""Frames: what goes in comes out; what is not for this node is refused with its reason."""

import contextlib

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidings.bus.frame import VERSION, Batch, FrameRejected, NodeHead, batch_of, decode, encode
from tidings.bus.names import channel_name, lock_number
from tidings.domain.model import Event
from tidings.domain.topics import Topic

EPOCH = "ep0ch"
tags = st.frozensets(st.sampled_from(["type:like", "topic:post/7"]))
contents = st.tuples(st.sampled_from(["user/alice", "post/7"]), st.binary(max_size=50), tags, st.none() | tags)


@given(first=st.integers(1, 1 << 62), drafts=st.lists(contents, min_size=1, max_size=5))
def test_batch_comes_out_as_it_went_in(first: int, drafts: list[tuple[str, bytes, frozenset[str], None]]) -> None:
    events = tuple(
        Event(seq=seq, topic=Topic(topic), type="note", data=data, tags=tags, was=was)
        for seq, (topic, data, tags, was) in enumerate(drafts, first)
    )
    frame = decode(encode(batch_of(events, epoch=EPOCH, node="a")), epoch=EPOCH)
    assert isinstance(frame, Batch)
    assert (frame.node, frame.first, frame.last) == ("a", first, first + len(events) - 1)
    assert tuple(frame.events) == events


def test_position_comes_out_as_it_went_in() -> None:
    position = NodeHead(EPOCH, "a", 7)
    assert decode(encode(position), epoch=EPOCH) == position


def event(seq: int) -> Event:
    return Event(seq=seq, topic=Topic("post/7"), type="note", data=b"{}")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "malformed"),
        (b"TDB", "malformed"),
        (b"hello", "malformed"),
        (b"TDB" + bytes([VERSION]), "malformed"),
        (b"TDB" + bytes([VERSION]) + msgspec.msgpack.encode(["x", 1]), "malformed"),
        (b"TDB" + bytes([VERSION + 1]) + b"anything", "version"),
        (encode(NodeHead("other", "a", 7)), "epoch"),
        (encode(batch_of([event(1)], epoch="other", node="a")), "epoch"),
        (encode(Batch(EPOCH, "a", 1, 2, [event(1)])), "malformed"),
        (encode(Batch(EPOCH, "a", 1, 3, [event(1), event(3)])), "malformed"),
        (encode(Batch(EPOCH, "a", 1, 0, [])), "malformed"),
    ],
)
def test_frame_that_is_not_for_this_node_is_rejected(data: bytes, reason: str) -> None:
    with pytest.raises(FrameRejected) as rejected:
        decode(data, epoch=EPOCH)
    assert rejected.value.reason == reason


@example(b"\xa4\x80\x00\x00\x80")
@given(st.binary(max_size=60))
def test_any_bytes_are_a_frame_or_rejected(data: bytes) -> None:
    for frame in (data, b"TDB" + bytes([VERSION]) + data):
        with contextlib.suppress(FrameRejected):
            decode(frame, epoch=EPOCH)


def test_names_of_two_logs_and_two_purposes_differ() -> None:
    assert channel_name("a") != channel_name("b")
    assert len({lock_number(log, purpose) for log in "ab" for purpose in ("append", "sweep")}) == 4
    assert -(2**63) <= lock_number("a", "append") < 2**63
