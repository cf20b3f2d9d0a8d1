"""Delivery latency: from the publisher's answer until the last of a thousand streams has the event."""

from bench.load import listeners
from bench.runner import Figure, Publisher, Runner, beside, middle
from bench.servers import BASELINE, NCHAN_PEER, SSE_STARLETTE, Failed, Running, payload

SIZE = 150  # bytes of payload
RATE = 10.0  # publishes a second


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def lags(
    target: Running, *, streams: int, events: int, rate: float = RATE, published_on: Running | None = None
) -> list[float]:
    """For each event, milliseconds from answered to heard by the last; 0 if that had it before the answer."""
    expect = streams * events
    publisher = Publisher(published_on or target)
    with listeners(target, target.server.sse, streams=streams, expect=expect, timeout=30 + events / rate) as client:
        target.stats.settle()
        answered = publisher.pace(payload(SIZE), events=events, rate=rate)
        heard = client.heard()
    publisher.close()
    if heard.count != expect or heard.out_of_order:
        raise Failed(f"{heard.count} of {expect} events, {heard.out_of_order} out of order")
    return [max(0.0, (heard.marks[stamp][1] - when) / 1e6) for stamp, when in answered.items()]


def run(runner: Runner) -> list[Figure]:
    streams, events = runner.size(1000, 200), runner.size(200, 20)

    def measure(target: Running) -> list[float]:
        return lags(target, streams=streams, events=events)

    baseline, ours = runner.alternate([BASELINE, runner.tidings], measure)
    peers = {server.name: runner.peer(server, measure) for server in (NCHAN_PEER, SSE_STARLETTE)}

    def figure(name: str, share: float, limit: float | None) -> Figure:
        return Figure(
            key=f"latency-{name}",
            group="Publishing",
            title=f"publish answered -> last of {streams:,} streams has it, at {RATE:.0f} a second, {name}",
            unit="ms",
            measured=middle(ours, lambda lags: percentile(lags, share)),
            baseline=middle(baseline, lambda lags: percentile(lags, share)),
            peers=beside(peers, lambda lags: percentile(lags, share)),
            target=f"{limit:.0f} ms" if limit else "",
            limit=limit,
        )

    return [figure("median", 0.5, None), figure("p99", 0.99, 30)]
