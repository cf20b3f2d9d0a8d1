"""Delivery time of a burst: many notifications at once, a thousand streams."""

import json
from collections.abc import Callable
from dataclasses import replace

from bench.load import listeners, publish
from bench.runner import Figure, Runner, middle
from bench.servers import BASELINE, NCHAN_PEER, STARLETTE, Failed, Running, draft, payload

SIZE = 150  # bytes of payload
JOINED = replace(BASELINE, name="baseline, joined", sse="/joined")


def deliveries_per_second(target: Running, *, streams: int, events: int, batch: int) -> float:
    """From the first publish sent to the last event heard."""
    server = target.server
    text = payload(SIZE)
    many = json.dumps([draft(text) for _ in range(batch)]).encode()
    with listeners(target, server.sse, streams=streams, expect=streams * events, timeout=90) as client:
        target.stats.settle()
        if server.publish_many:
            sent = publish(target, server.publish_many, many, connections=1, requests=events // batch)
        else:
            sent = publish(target, server.publish, server.one(text), connections=32, requests=events)
        heard = client.heard()
    if heard.count != streams * events or heard.closed:
        raise Failed(f"{heard.count} of {streams * events} events, {heard.closed} streams closed")
    return heard.count / (heard.last - sent.began) * 1e9


def run(runner: Runner) -> list[Figure]:
    streams = runner.size(1000, 200)
    events = 3000

    def batches_of(size: int) -> Callable[[Running], float]:
        return lambda target: deliveries_per_second(target, streams=streams, events=events, batch=size)

    baseline, ours = runner.alternate([JOINED, runner.tidings], batches_of(100))
    [large] = runner.alternate([runner.tidings], batches_of(500))
    peers = {
        server.name: runner.peer(server, batches_of(1))
        for server in (NCHAN_PEER, replace(BASELINE, name="baseline, one write each"), STARLETTE)
    }
    return [
        Figure(
            key=f"burst-{size}",
            group="Pushing",
            title=f"burst of {events:,} notifications in batches of {size} to {streams:,} streams",
            unit="deliveries/s",
            measured=middle(results, float),
            baseline=middle(baseline, float),
            peers=peers,
            target="1 000 000/s",
            limit=1e6,
            more_is_better=True,
        )
        for size, results in ((100, ours), (500, large))
    ]
