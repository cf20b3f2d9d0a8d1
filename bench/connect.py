"""The cost of opening a stream: for a new user and a known one, with and without tokens, and over a WebSocket."""

from dataclasses import dataclass

from bench.load import listeners
from bench.runner import Figure, Runner, beside, middle
from bench.servers import BASELINE, NCHAN_PEER, SSE_STARLETTE, STARLETTE, Running

GROUP = "Pushing"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectCost:
    """Microseconds of CPU, handshake included."""

    first_us: float  # a user's first visit ever
    known_us: float  # a later one


def measure(target: Running, *, kind: str, streams: int) -> ConnectCost:
    """Open a stream for each of many users, twice. Each time is counted with a fifth of them open already."""
    stats, server = target.stats, target.server
    path = server.ws if kind == "ws" else server.sse
    few = streams // 5
    costs = []
    with listeners(target, path, kind=kind, streams=few):
        for _ in range(2):
            stats.settle()
            cpu = stats.cpu()
            with listeners(target, path, kind=kind, streams=streams - few, first=few):
                stats.settle()
                costs.append((stats.cpu() - cpu) / (streams - few) * 1e6)
    return ConnectCost(first_us=costs[0], known_us=costs[1])


def run(runner: Runner) -> list[Figure]:
    streams = runner.size(5000, 500)

    def event_streams(target: Running) -> ConnectCost:
        return measure(target, kind="sse", streams=streams)

    def sockets(target: Running) -> ConnectCost:
        return measure(target, kind="ws", streams=streams)

    baseline, dev, serve = runner.alternate([BASELINE, runner.tidings, runner.tidings_serve], event_streams)
    ws_baseline, ws = runner.alternate([BASELINE, runner.tidings], sockets)
    peers = {server.name: runner.peer(server, event_streams) for server in (NCHAN_PEER, SSE_STARLETTE)}
    ws_peers = {server.name: runner.peer(server, sockets) for server in (NCHAN_PEER, STARLETTE)}
    for name, one in {"baseline": baseline[0], "dev": dev[0], "serve": serve[0], **peers}.items():
        runner.say(f"  {name}: {one}")
    for name, one in {"baseline": ws_baseline[0], "WebSocket": ws[0], **ws_peers}.items():
        runner.say(f"  {name}: {one}")

    def figure(
        key: str,
        title: str,
        measured: float,
        bare: float,
        at_most: float,
        others: dict[str, ConnectCost | None],
    ) -> Figure:
        return Figure(
            key=key,
            group=GROUP,
            title=f"CPU per connect, {title}",
            unit="µs",
            measured=measured,
            baseline=bare,
            peers=beside(others, lambda cost: cost.known_us),
            target=f"{at_most} x baseline",
            limit=at_most * bare,
        )

    known, ws_known = (middle(some, lambda cost: cost.known_us) for some in (baseline, ws_baseline))
    first = middle(baseline, lambda cost: cost.first_us)
    return [
        figure("connect-known", "a known user", middle(dev, lambda cost: cost.known_us), known, 3.5, peers),
        figure(
            "connect-serve", "a known user with a token", middle(serve, lambda cost: cost.known_us), known, 3.8, peers
        ),
        figure("connect", "a user's first visit", middle(dev, lambda cost: cost.first_us), first, 7, peers),
        figure("ws-connect", "a known user, WebSocket", middle(ws, lambda cost: cost.known_us), ws_known, 4, ws_peers),
    ]
