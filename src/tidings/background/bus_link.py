"""The bus link: what this node commits goes to the others as a hint, what they say goes to the relay.

A node says its position every quarter of a second and hears its own word back: the only end-to-end proof that a bus
works. While it does not, the store is looked at more often (`head_watch`).
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from tidings.background.relay import Relay
from tidings.background.sequencer import runs
from tidings.bus.frame import Frame, FrameRejected, NodeHead, batch_of, decode, encode
from tidings.domain.model import Event
from tidings.domain.ports import Bus

POSITION_INTERVAL = 0.25  # seconds
SILENCE = 1.0  # seconds without one's own word after which the bus counts as down


class BusLink:
    """Connects the relay of this node with a bus."""

    def __init__(
        self,
        bus: Bus,
        relay: Relay,
        *,
        epoch: Callable[[], str],
        node: str,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`epoch` gives that of the log, which may change; `node` names this node; `clock` in seconds, never back."""
        self.dropped: Counter[str] = Counter()  # frames, by reason
        self._bus = bus
        self._relay = relay
        self._epoch = epoch
        self._node = node
        self._clock = clock
        self._sleep = sleep
        self._own_word = clock()  # when it was heard last
        bus.subscribe(self._receive)

    @property
    def down(self) -> bool:
        """True if this node has not heard its own word for a second."""
        return self._clock() - self._own_word > SILENCE

    def committed(self, events: Sequence[Event]) -> None:
        """Hand a durable batch to the relay here, and tell the other nodes."""
        self._relay.committed(events)
        if not events or self._bus.alone:
            return
        if sum(len(event.data) for event in events) > self._bus.max_bytes:
            self._send(NodeHead(self._epoch(), self._node, events[-1].seq))
            return
        for run in runs(events):
            self._send(batch_of(run, epoch=self._epoch(), node=self._node))

    def say_position(self) -> None:
        """Tell the other nodes, and oneself, how far the log reaches."""
        self._send(NodeHead(self._epoch(), self._node, self._relay.head))

    async def run(self) -> None:
        """Say the position, for ever."""
        while True:
            self.say_position()
            await self._sleep(POSITION_INTERVAL)

    def _send(self, frame: Frame) -> None:
        self._bus.send(encode(frame))

    def _receive(self, data: bytes) -> None:
        try:
            frame = decode(data, epoch=self._epoch())
        except FrameRejected as rejected:
            self.dropped[rejected.reason] += 1
            return
        if frame.node == self._node:
            self._own_word = self._clock()
        elif isinstance(frame, NodeHead):
            self._relay.hint(frame.head)
        else:
            self._relay.heard(frame.events)
