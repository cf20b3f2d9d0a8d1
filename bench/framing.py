"""The cost of chunks: events as HTTP/1.1 frames them beside bare bytes, which HTTP/1.0 gets, from one server."""

from bench.runner import Figure, Runner, middle
from bench.streams import RATE, SIZE, StreamCost, measure


def run(runner: Runner) -> list[Figure]:
    streams, events = runner.size(2000, 200), runner.size(20, 4)
    costs: dict[str, list[StreamCost]] = {"sse": [], "sse-bare": []}
    with runner.start(runner.tidings) as target:
        for _ in range(runner.rounds):  # in turns
            for kind, mine in costs.items():
                mine.append(measure(target, kind=kind, streams=streams, events=events))
    for kind, mine in costs.items():
        runner.say(f"  {kind}: {mine}")
    chunked, bare = costs.values()
    bare_us = middle(bare, lambda cost: cost.delivery_us)
    bare_bytes = middle(bare, lambda cost: cost.delivery_bytes)
    return [
        Figure(
            key="chunked",
            group="Pushing",
            title=f"chunked stream: CPU per delivery, {SIZE} bytes to {streams:,} streams, {RATE:.0f} events a second",
            unit="µs",
            measured=middle(chunked, lambda cost: cost.delivery_us),
            peers={"bare bytes": bare_us},
            target=f"1.1 x bare bytes ({bare_us:.1f})",
            limit=1.1 * bare_us,
        ),
        Figure(
            key="chunked-bytes",
            group="Pushing",
            title="chunked stream: bytes on the wire for an event",
            unit="bytes",
            measured=middle(chunked, lambda cost: cost.delivery_bytes),
            peers={"bare bytes": bare_bytes},
        ),
    ]
