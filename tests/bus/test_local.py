"""The contract of a bus, for every adapter: at least the good case, with one's own frames."""

import asyncio

from tidings.bus.local import LocalBus


async def test_frames_reach_every_node_and_the_sender() -> None:
    bus = LocalBus()
    heard: list[tuple[str, bytes]] = []
    alone = []
    for node in "ab":
        bus.subscribe(lambda frame, node=node: heard.append((node, frame)))  # type: ignore[misc]
        alone.append(bus.alone)
    assert alone == [True, False]
    bus.send(b"1")
    bus.send(b"2")
    assert heard == [], "never within the call"
    await asyncio.sleep(0)
    assert sorted(heard) == [("a", b"1"), ("a", b"2"), ("b", b"1"), ("b", b"2")]
