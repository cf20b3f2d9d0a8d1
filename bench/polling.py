"""The cost of polling: a long poll that is answered and asks again, one that waits, a short one (304)."""

import json
from dataclasses import dataclass, replace

from bench.load import pollers
from bench.runner import Figure, Publisher, Runner, beside, middle
from bench.servers import BASELINE, NCHAN_PEER, STARLETTE, Failed, Running, payload

SIZE = 150  # bytes of payload
SHORT_CLIENTS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class PollCost:
    delivery_us: float  # CPU for one delivered event and the request for the next
    kilobytes: float  # of a poll that waits


def long_polls(target: Running, *, clients: int, events: int) -> PollCost:
    stats, path = target.stats, target.server.poll
    publisher = Publisher(target)
    few = clients // 5
    patience = 60 + events * 10
    # Costs are counted from a fifth of the clients on: what is made once is no cost of a poll.
    with pollers(target, path, clients=few, expect=few * (events + 1), timeout=patience) as some:
        stats.settle()
        publisher.send(payload(SIZE))
        stats.settle()
        memory = stats.memory()
        rest = clients - few
        with pollers(target, path, clients=rest, first=few, expect=rest * events, timeout=patience) as others:
            stats.settle()
            grown = stats.memory() - memory
            cpu = stats.cpu()
            for _ in range(events):
                publisher.send(payload(SIZE))
                stats.settle()  # each has asked again before the next: without a cursor it would miss it
            used = stats.cpu() - cpu
            heard = [others.heard(), some.heard()]
    publisher.close()
    count, expected = sum(part.count for part in heard), clients * events + few
    if count != expected or any(part.out_of_order for part in heard):
        raise Failed(f"{count} of {expected} events, or out of order")
    return PollCost(delivery_us=used / (clients * events) * 1e6, kilobytes=grown / rest / 1024)


def short_polls(target: Running, *, seconds: int) -> float:
    """Microseconds of CPU for one request that is answered 304."""
    path = target.server.poll
    if target.server.speaks_json:
        publisher = Publisher(target)
        _, _, answer = publisher.send(payload(SIZE))
        publisher.close()
        path = f"/v1/poll?user=u%d&wait=0&cursor={json.loads(answer)['cursor']}"
    cpu = target.stats.cpu()
    with pollers(target, path, clients=SHORT_CLIENTS, timeout=seconds, conditional=True) as client:
        result = client.result()
    if result["answers"] - result["unchanged"] > SHORT_CLIENTS:  # each has to be told its first ETag
        raise Failed(f"{result['unchanged']} of {result['answers']} answers were 304")
    used: float = (target.stats.cpu() - cpu) / result["answers"] * 1e6
    return used


def run(runner: Runner) -> list[Figure]:
    clients, events, seconds = runner.size(5000, 500), runner.size(8, 3), runner.size(5, 1)

    def waiting(target: Running) -> PollCost:
        return long_polls(target, clients=clients, events=events)

    def unchanged(target: Running) -> float:
        return short_polls(target, seconds=seconds)

    baseline, ours = runner.alternate([BASELINE, runner.tidings], waiting)
    peers = {server.name: runner.peer(server, waiting) for server in (STARLETTE, NCHAN_PEER)}
    same = replace(BASELINE, poll="/same")
    baseline_same, ours_same = runner.alternate([same, runner.tidings], unchanged)
    starlette_same = runner.peer(replace(STARLETTE, poll="/same"), unchanged)
    return [
        Figure(
            key="poll-delivery",
            group="Four ways",
            title=f"long poll: CPU for one delivered event and the next request, {clients:,} clients",
            unit="µs",
            measured=middle(ours, lambda cost: cost.delivery_us),
            baseline=middle(baseline, lambda cost: cost.delivery_us),
            peers=beside(peers, lambda cost: cost.delivery_us),
            target="250 µs",
            limit=250,
        ),
        Figure(
            key="poll-idle",
            group="Four ways",
            title="long poll: memory per waiting poll",
            unit="KB",
            measured=middle(ours, lambda cost: cost.kilobytes),
            baseline=middle(baseline, lambda cost: cost.kilobytes),
            peers=beside(peers, lambda cost: cost.kilobytes),
            target="4 KB",
            limit=4,
        ),
        Figure(
            key="poll-unchanged",
            group="Four ways",
            title="short poll answered 304: CPU",
            unit="µs",
            measured=middle(ours_same, float),
            baseline=middle(baseline_same, float),
            peers={STARLETTE.name: starlette_same},
            target="150 µs",
            limit=150,
        ),
    ]
