"""Durable publishes a second (on the disk before the publisher is answered), and the cost of each."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from bench.load import publish
from bench.runner import Figure, Runner, beside, middle
from bench.servers import BASELINE, STARLETTE, Running, draft

GROUP = "Publishing"
SIZE = 150  # bytes of text
PUBLISHERS = 32
BATCH = 500
# The baseline appends to a file, with one fdatasync for all that came meanwhile; the peer is the obvious program:
# a transaction for each request.
APPEND = replace(BASELINE, publish="/append")
TRANSACTIONS = replace(STARLETTE, name="Starlette + sqlite3", publish="/append")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishCost:
    """Of one notification."""

    per_second: float
    cpu_us: float


def measure(target: Running, body: bytes, *, path: str, each: int, connections: int, seconds: float,
            keys: bool = False) -> PublishCost:  # fmt: skip
    """Publish a body with `each` notifications in it again and again."""
    publish(target, path, body, connections=connections, seconds=0.5, keys=keys)
    cpu = target.stats.cpu()
    done = publish(target, path, body, connections=connections, seconds=seconds, keys=keys)
    used = target.stats.cpu() - cpu
    return PublishCost(per_second=done.per_second * each, cpu_us=used / (done.answered * each) * 1e6)


def run(runner: Runner) -> list[Figure]:
    seconds = runner.size(8, 2)
    one = json.dumps(draft("x" * SIZE, to={"user": "nobody"})).encode()
    many = json.dumps([draft("x" * SIZE, to={"user": "nobody"})] * BATCH).encode()

    def told(name: str, cost: PublishCost) -> PublishCost:
        runner.say(f"  {name}: {cost.per_second:,.0f}/s, {cost.cpu_us:.0f} µs CPU each")
        return cost

    def singles(target: Running, *, keys: bool = False) -> PublishCost:
        path = target.server.publish
        cost = measure(target, one, path=path, each=1, connections=PUBLISHERS, seconds=seconds, keys=keys)
        return told(target.server.name + " with keys" * keys, cost)

    def singles_and_keyed(target: Running) -> tuple[PublishCost, PublishCost]:
        return singles(target), singles(target, keys=True)

    def batches(target: Running) -> PublishCost:
        path = target.server.publish_many or target.server.publish
        return told(target.server.name, measure(target, many, path=path, each=BATCH, connections=2, seconds=seconds))

    baseline, ours, serve = [], [], []
    for _ in range(runner.rounds):  # in turns
        baseline.append(runner.measure(APPEND, singles))
        ours.append(runner.measure(runner.tidings, singles))
        serve.append(runner.measure(runner.tidings_serve, singles_and_keyed))
    baseline_many, ours_many = runner.alternate([APPEND, runner.tidings_serve], batches)
    peer, peer_many = runner.peer(TRANSACTIONS, singles), runner.peer(TRANSACTIONS, batches)

    def figure(
        key: str,
        title: str,
        results: list[PublishCost],
        bare: list[PublishCost],
        peer: PublishCost | None,
        of: Callable[[PublishCost], float],
        *,
        unit: str = "/s",
        target: str = "",
        limit: float | None = None,
    ) -> Figure:
        return Figure(
            key=key,
            group=GROUP,
            title=title,
            unit=unit,
            measured=middle(results, of),
            baseline=middle(bare, of),
            peers=beside({TRANSACTIONS.name: peer}, of),
            target=target,
            limit=limit,
            more_is_better=unit == "/s",
        )

    def rate(cost: PublishCost) -> float:
        return cost.per_second

    def cpu(cost: PublishCost) -> float:
        return cost.cpu_us

    plain, keyed = [cost for cost, _ in serve], [cost for _, cost in serve]
    title = f"durable single publishes, {PUBLISHERS} keep-alive publishers"
    return [
        figure("durable-single", title, ours, baseline, peer, rate),
        figure(
            "durable-single-serve", f"{title}, with a token", plain, baseline, peer, rate,
            target="0.25 x baseline", limit=0.25 * middle(baseline, rate),
        ),
        figure("durable-single-cpu", "CPU of one of those", plain, baseline, peer, cpu, unit="µs"),
        Figure(
            key="durable-key-cpu",
            group=GROUP,
            title="CPU of one of those with an idempotency key",
            unit="µs",
            measured=middle(keyed, cpu),
            peers={"without a key": middle(plain, cpu)},
            target="1.25 x of without",
            limit=1.25 * middle(plain, cpu),
        ),
        figure(
            "durable-batch", f"durable notifications in batches of {BATCH}, 2 publishers, with a token", ours_many,
            baseline_many, peer_many, rate, target="0.45 x Starlette + sqlite3",
            limit=0.45 * peer_many.per_second if peer_many else None,
        ),
    ]  # fmt: skip
