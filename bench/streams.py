"""The cost of an open stream: to keep it, and for each event."""

from dataclasses import dataclass

from bench.load import listeners
from bench.runner import Figure, Publisher, Runner, beside, middle
from bench.servers import (
    BASELINE,
    FASTAPI,
    NCHAN_PEER,
    SSE_STARLETTE,
    STARLETTE,
    Failed,
    Running,
    payload,
)

RATE = 2.0  # events a second: few enough that each is written by itself
SIZE = 150  # bytes of payload


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCost:
    kilobytes: float  # of an idle stream
    delivery_us: float  # CPU
    delivery_bytes: float  # on the wire
    p50_ms: float  # from published to heard, over all deliveries
    p99_ms: float


def measure(target: Running, *, kind: str, streams: int, events: int, size: int = SIZE) -> StreamCost:
    """Open many streams, let them stand idle, then send each a few events a second."""
    server, stats = target.server, target.stats
    path = server.ws if kind == "ws" else server.sse
    events = max(3, events // 4) if server.slow else events
    patience = 60 + events * 3
    publisher = Publisher(target)
    first = streams // 5
    # Costs are counted from a fifth of the streams on: what is made once is no cost of a stream.
    with listeners(target, path, kind=kind, streams=first, expect=first * (events + 2), timeout=patience) as some:
        publisher.pace(payload(size), events=2, rate=RATE)
        stats.settle()
        memory = stats.memory()
        with listeners(
            target,
            path,
            kind=kind,
            streams=streams - first,
            first=first,
            expect=(streams - first) * events,
            timeout=patience,
        ) as others:
            stats.settle()
            grown = stats.memory() - memory
            cpu = stats.cpu()
            publisher.pace(payload(size), events=events, rate=RATE)
            heard = [others.heard(), some.heard()]
            delivered = stats.cpu() - cpu
    publisher.close()
    count = sum(part.count for part in heard)
    expected = streams * events + 2 * first
    if count != expected or any(part.out_of_order or part.closed for part in heard):
        raise Failed(f"{count} of {expected} events, {sum(part.closed for part in heard)} streams closed")
    return StreamCost(
        kilobytes=grown / (streams - first) / 1024,
        delivery_us=delivered / (streams * events) * 1e6,
        delivery_bytes=heard[0].bytes / heard[0].count,
        p50_ms=heard[0].p50_ms,
        p99_ms=heard[0].p99_ms,
    )


def run(runner: Runner) -> list[Figure]:
    streams, events = runner.size(5000, 500), runner.size(20, 4)

    def cost(target: Running) -> StreamCost:
        return measure(target, kind="sse", streams=streams, events=events)

    baseline, ours = runner.alternate([BASELINE, runner.tidings], cost)
    peers = {server.name: runner.peer(server, cost) for server in (SSE_STARLETTE, STARLETTE, FASTAPI, NCHAN_PEER)}
    # Our events say more than the text that was published: what would the baseline pay for as many bytes?
    as_large = round(ours[0].delivery_bytes) - len(b"id: 1\ndata: \n\n")
    peers["baseline with as many bytes"] = runner.peer(
        BASELINE, lambda target: measure(target, kind="sse", streams=streams, events=events, size=as_large)
    )
    for name, one in {"baseline": baseline[0], "Tidings": ours[0], **peers}.items():
        runner.say(f"  {name}: {one}")
    baseline_us = middle(baseline, lambda cost: cost.delivery_us)
    return [
        Figure(
            key="broadcast",
            group="Pushing",
            title=f"CPU per delivery, {SIZE} bytes to {streams:,} streams, {RATE:.0f} events a second",
            unit="µs",
            measured=middle(ours, lambda cost: cost.delivery_us),
            baseline=baseline_us,
            peers=beside(peers, lambda cost: cost.delivery_us),
            target="1.25 x baseline",
            limit=1.25 * baseline_us,
        ),
        Figure(
            key="idle",
            group="Pushing",
            title="memory per idle stream of a user who follows nothing",
            unit="KB",
            measured=middle(ours, lambda cost: cost.kilobytes),
            baseline=middle(baseline, lambda cost: cost.kilobytes),
            peers=beside(peers, lambda cost: cost.kilobytes),
            target="3 KB",
            limit=3,
        ),
        Figure(
            key="event-bytes",
            group="Pushing",
            title=f"bytes on the wire for an event of {SIZE} bytes of text",
            unit="bytes",
            measured=middle(ours, lambda cost: cost.delivery_bytes),
            baseline=middle(baseline, lambda cost: cost.delivery_bytes),
            peers=beside(peers, lambda cost: cost.delivery_bytes),
            target="400 bytes",
            limit=400,
        ),
    ]
