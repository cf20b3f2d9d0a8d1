"""What a WebSocket costs beside our own event stream and other servers' sockets."""

from bench.runner import Figure, Lab, beside, middle
from bench.servers import FLOOR, NCHAN_PEER, SOCKETIO, STARLETTE, Running
from bench.streams import RATE, SIZE, StreamCost, measure


def run(lab: Lab) -> list[Figure]:
    streams, events = lab.size(5000, 500), lab.size(20, 4)

    def sockets(target: Running) -> StreamCost:
        return measure(target, kind="ws", streams=streams, events=events)

    def event_streams(target: Running) -> StreamCost:
        return measure(target, kind="sse", streams=streams, events=events)

    floor, ours, sse = [], [], []
    for _ in range(lab.rounds):  # in turns
        floor.append(lab.measure(FLOOR, sockets))
        ours.append(lab.measure(lab.tidings, sockets))
        sse.append(lab.measure(lab.tidings, event_streams))
    peers = {server.name: lab.peer(server, sockets) for server in (STARLETTE, SOCKETIO, NCHAN_PEER)}
    for name, one in {"floor": floor[0], "Tidings": ours[0], "our SSE": sse[0], **peers}.items():
        lab.say(f"  {name}: {one}")
    sse_us = middle(sse, lambda cost: cost.delivery_us)
    return [
        Figure(
            key="ws-broadcast",
            group="Four ways",
            title=f"WebSocket: CPU per delivery, {SIZE} bytes to {streams:,} sockets, {RATE:.0f} a second",
            unit="µs",
            measured=middle(ours, lambda cost: cost.delivery_us),
            floor=middle(floor, lambda cost: cost.delivery_us),
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
            floor=middle(floor, lambda cost: cost.kilobytes),
            peers=beside(peers, lambda cost: cost.kilobytes),
            target="4 KB",
            limit=4,
        ),
        Figure(
            key="ws-connect",
            group="Four ways",
            title="WebSocket: CPU per connect, handshake included",
            unit="µs",
            measured=middle(ours, lambda cost: cost.connect_us),
            floor=middle(floor, lambda cost: cost.connect_us),
            peers=beside(peers, lambda cost: cost.connect_us),
        ),
    ]
