"""Three nodes on one log: frames are lost, doubled, swapped and late, positions lie, stores are away (law 7)."""

import asyncio
from collections.abc import Callable, Sequence

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.model.log import EPOCH, Log
from tests.services.fakes import FakeStore, quiet, retrying
from tidings.background.bus_link import BusLink
from tidings.background.relay import Relay
from tidings.bus.frame import NodeHead, encode
from tidings.domain.model import Event
from tidings.domain.topics import Topic
from tidings.hub.hub import Hub
from tidings.hub.ring import Ring

NODES = 3
TOPIC = Topic("post/7")
which = st.integers(0, NODES - 1)
places = st.integers(0, 30)


class Network:
    """Frames on their way, each to one node. Nothing arrives unless a test says so."""

    def __init__(self) -> None:
        self.receivers: list[Callable[[bytes], None]] = []
        self.frames: list[tuple[int, bytes]] = []  # (receiver, frame)

    @property
    def alone(self) -> bool:
        return False

    @property
    def max_bytes(self) -> int:
        return 1024

    async def run(self) -> None:
        """Nothing is kept."""

    def subscribe(self, receive: Callable[[bytes], None]) -> None:
        self.receivers.append(receive)

    def send(self, frame: bytes) -> None:
        self.frames += [(receiver, frame) for receiver in range(len(self.receivers))]


class RecordingHub(Hub):
    """A hub that remembers what it was given."""

    def __init__(self) -> None:
        super().__init__(Ring(head=0, slots=4), on_work=lambda: None)
        self.got: list[Event] = []

    def publish(self, events: Sequence[Event]) -> None:
        self.got += events
        super().publish(events)


class Node:
    """One process: a hub, a relay at work, a link to the network, and its own way to the store."""

    def __init__(self, name: str, log: Log, network: Network, *, hole_wait: float) -> None:
        self.store = FakeStore(log)
        self.hub = RecordingHub()
        self.relay = Relay(self.store, self.hub, retry=retrying(), hole_wait=hole_wait)
        self.link = BusLink(network, self.relay, epoch=lambda: EPOCH, node=name, clock=lambda: 0.0)
        self.task = asyncio.create_task(self.relay.run())


class ThreeNodes(RuleBasedStateMachine):
    """Three nodes under faults: each hub has the log from its beginning, each event once, in order."""

    nodes: list[Node]

    @initialize(waits=st.lists(st.sampled_from([0.0, 0.0005]), min_size=NODES, max_size=NODES))
    def start(self, waits: list[float]) -> None:
        self.loop = asyncio.new_event_loop()
        self.log = Log()
        self.network = Network()
        self.loop.run_until_complete(self._start(waits))

    async def _start(self, waits: list[float]) -> None:
        self.nodes = [Node(f"n{n}", self.log, self.network, hole_wait=wait) for n, wait in enumerate(waits)]

    def _turn(self, *, turns: int = 3) -> None:
        self.loop.run_until_complete(quiet(turns))

    @rule(node=which, size=st.integers(1, 4))
    def commit(self, node: int, size: int) -> None:
        """A node commits; the frames are on their way."""
        events = [self.log.append(TOPIC, data=b"%d" % self.log.head) for _ in range(size)]
        self.nodes[node].link.committed(events)
        self._turn()

    @rule(node=which, size=st.integers(1, 3))
    def die_after_commit(self, node: int, size: int) -> None:
        """A node commits, and neither its relay nor the network is told (as if another process had written)."""
        for _ in range(size):
            self.log.append(TOPIC, data=b"%d" % self.log.head)

    @rule(place=places, turns=st.integers(0, 3))
    def deliver(self, place: int, turns: int) -> None:
        """Any frame arrives: those before it are late, or swapped with it."""
        if self.network.frames:
            receiver, frame = self.network.frames.pop(place % len(self.network.frames))
            self.network.receivers[receiver](frame)
            self._turn(turns=turns)

    @rule()
    def deliver_all(self) -> None:
        frames, self.network.frames = self.network.frames, []
        for receiver, frame in frames:
            self.network.receivers[receiver](frame)
        self._turn()

    @rule(place=places)
    def double(self, place: int) -> None:
        if self.network.frames:
            self.network.frames.append(self.network.frames[place % len(self.network.frames)])

    @rule(place=places)
    def lose(self, place: int) -> None:
        if self.network.frames:
            self.network.frames.pop(place % len(self.network.frames))

    @rule(node=which)
    def say_position(self, node: int) -> None:
        self.nodes[node].link.say_position()

    @rule(node=which, beyond=st.integers(1, 9), epoch=st.sampled_from([EPOCH, "other"]))
    def lie(self, node: int, beyond: int, epoch: str) -> None:
        """A position that the log never reached, or of another log."""
        self.network.receivers[node](encode(NodeHead(epoch, "liar", self.log.head + beyond)))
        self._turn()

    @rule(node=which, data=st.sampled_from([b"", b"TDB\x02new", b"TDB\x01\xff", b"noise"]))
    def garble(self, node: int, data: bytes) -> None:
        self.network.receivers[node](data)

    @rule(node=which, away=st.booleans())
    def store_goes_or_comes(self, node: int, away: bool) -> None:
        self.nodes[node].store.away = away

    @rule(node=which)
    def look(self, node: int) -> None:
        """The head watch."""
        if not self.nodes[node].store.away:
            self.loop.run_until_complete(self.nodes[node].relay.look())
            self._turn()

    @rule(turns=st.integers(1, 30))
    def wait(self, turns: int) -> None:
        self._turn(turns=turns)

    @invariant()
    def each_hub_has_a_prefix_of_the_log(self) -> None:
        for node in getattr(self, "nodes", []):
            assert node.hub.got == self.log.events[: node.hub.head]
            assert not node.task.done(), "no fault of the bus or the store ends a node"

    def teardown(self) -> None:
        """With the stores back and a look at the head everyone has everything, whatever the bus did."""
        if not hasattr(self, "nodes"):
            return
        self.loop.run_until_complete(self._settle())
        self.loop.close()

    async def _settle(self) -> None:
        for node in self.nodes:
            node.store.away = False
            await node.relay.look()
            await asyncio.wait_for(node.relay.reached(self.log.head), timeout=5)
        self.each_hub_has_a_prefix_of_the_log()
        assert [node.hub.head for node in self.nodes] == [self.log.head] * NODES
        for node in self.nodes:
            node.task.cancel()
        await asyncio.wait([node.task for node in self.nodes])


TestThreeNodes = ThreeNodes.TestCase
