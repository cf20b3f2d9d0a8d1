"""The cost of a WebSocket beside our own event stream and other servers' sockets."""

from bench.runner import Figure, Runner, beside, middle
from bench.servers import BASELINE, NCHAN_PEER, SOCKETIO, STARLETTE, Running
from bench.streams import RATE, SIZE, StreamCost, measure


def run(runner: Runner) -> list[Figure]:
    streams, events = runner.size(5000, 500), runner.size(20, 4)

    def sockets(target: Running) -> StreamCost:
        return measure(target, kind="ws", streams=streams, events=events)

    def event_streams(target: Running) -> StreamCost:
        return measure(target, kind="sse", streams=streams, events=events)

    baseline, ours, sse = [], [], []
    for _ in range(runner.rounds):  # in turns
        baseline.append(runner.measure(BASELINE, sockets))
        ours.append(runner.measure(runner.tidings, sockets))
        sse.append(runner.measure(runner.tidings, event_streams))
    peers = {server.name: runner.peer(server, sockets) for server in (STARLETTE, SOCKETIO, NCHAN_PEER)}
    for name, one in {"baseline": baseline[0], "Tidings": ours[0], "our SSE": sse[0], **peers}.items():
        runner.say(f"  {name}: {one}")
    sse_us = middle(sse, lambda cost: cost.delivery_us)
    return [
        Figure(
            key="ws-broadcast",
            group="Four ways",
            title=f"WebSocket: CPU per delivery, {SIZE} bytes to {streams:,} sockets, {RATE:.0f} a second",
            unit="µs",
            measured=middle(ours, lambda cost: cost.delivery_us),
            baseline=middle(baseline, lambda cost: cost.delivery_us),
            peers={**beside(peers, lambda cost: cost.delivery_us), "our SSE": sse_us},
            target=f"1.3 x our SSE ({sse_us:.1f})",
            limit=1.3 * sse_us,
        ),
        Figure(
            key="ws-idle",
            group="Four ways",
            title="WebSocket: memory per idle socket",
            unit="KB",
            measured=middle(ours, lambda cost: cost.kilobytes),
            baseline=middle(baseline, lambda cost: cost.kilobytes),
            peers=beside(peers, lambda cost: cost.kilobytes),
            target="4 KB",
            limit=4,
        ),
    ]
