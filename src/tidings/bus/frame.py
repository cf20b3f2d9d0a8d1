"""Frames on the bus: a batch of events, or the position of a node. Pure.

A frame is `TDB`, one byte of format version, and a MessagePack array. A node reads frames of its own version only; a
change that older nodes cannot read is a new version, and until all nodes have it they wake each other by the store.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from tidings.domain.model import Event

VERSION = 1
_MAGIC = b"TDB"

Reason = Literal["malformed", "version", "epoch"]


class FrameRejected(Exception):
    """A frame is not for this node; `reason` is a metric's label."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"a frame was dropped: {reason}")
        self.reason: Reason = reason


class NodeHead(msgspec.Struct, frozen=True, tag="p", array_like=True):
    """The log reaches up to `head`, as `node` knows."""

    epoch: str
    node: str
    head: int


class Batch(msgspec.Struct, frozen=True, tag="b", array_like=True):
    """Events that `node` committed, from `first` to `last` without a hole."""

    epoch: str
    node: str
    first: int
    last: int
    events: Sequence[Event]


Frame = NodeHead | Batch

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Frame).decode


def batch_of(events: Sequence[Event], *, epoch: str, node: str) -> Batch:
    """The frame of consecutive events."""
    return Batch(epoch, node, events[0].seq, events[-1].seq, events)


def encode(frame: Frame) -> bytes:
    """A frame as bytes."""
    return _MAGIC + bytes([VERSION]) + _encode(frame)


def decode(data: bytes, *, epoch: str) -> Frame:
    """A frame of this version and epoch. Raises `FrameRejected`."""
    if not data.startswith(_MAGIC) or len(data) <= len(_MAGIC):
        raise FrameRejected("malformed")
    if data[len(_MAGIC)] != VERSION:
        raise FrameRejected("version")
    try:
        frame: Frame = _decode(data[len(_MAGIC) + 1 :])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # text that is not UTF-8 is the second
        raise FrameRejected("malformed") from error
    if frame.epoch != epoch:
        raise FrameRejected("epoch")
    if isinstance(frame, Batch) and not _whole(frame):
        raise FrameRejected("malformed")
    return frame


def _whole(batch: Batch) -> bool:
    seqs = [event.seq for event in batch.events]
    return bool(seqs) and seqs == list(range(batch.first, batch.last + 1))
