"""Two servers on one PostgreSQL: how late an event of the other is, and how many publishes they take together."""

import contextlib
import json
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from bench.latency import lags, percentile
from bench.load import publish
from bench.runner import Figure, Runner
from bench.servers import Running, Server, draft, payload
from tests.postgres import PostgresServer
from tests.redis_server import RedisServer

GROUP = "Several servers"
DURABLE = {"fsync": "on", "full_page_writes": "on", "autovacuum": "on"}
STREAMS = 100
RATE = 20.0  # publishes a second
PUBLISHERS = 64
SIZE = 150  # bytes of text
BUSES = {"Redis": 5.0, "NOTIFY": 20.0, "none": 60.0}  # milliseconds that an event of another server may be later


def node(runner: Runner, database: PostgresServer, *, bus: str) -> Server:
    """A server on the database; the word before the command gives it its settings."""
    settings = ("env", f"TIDINGS_DB={database.dsn}", f"TIDINGS_BUS={bus}")
    return replace(runner.tidings, argv=(*settings, *runner.command, "dev", "--port", "PORT"))


@contextlib.contextmanager
def postgres() -> Iterator[PostgresServer]:
    database = PostgresServer(**DURABLE)
    try:
        yield database.start()
    finally:
        database.remove()


@contextlib.contextmanager
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    try:
        yield server.start()
    finally:
        server.remove()


def keyed(targets: list[Running], *, seconds: float) -> float:
    """Publishes a second with idempotency keys, all servers together."""
    body = json.dumps(draft(payload(SIZE), to={"user": "nobody"})).encode()

    def of(target: Running) -> float:
        each = PUBLISHERS // len(targets)
        return publish(target, target.server.publish, body, connections=each, seconds=seconds, keys=True).per_second

    with ThreadPoolExecutor(len(targets)) as threads:
        list(threads.map(of, targets))  # to be warm
        return sum(threads.map(of, targets))


def resting(target: Running, *, seconds: float) -> float:
    """Percent of a core that a server takes that nobody asks for anything."""
    target.stats.settle()
    before = target.stats.cpu()
    time.sleep(seconds)
    return (target.stats.cpu() - before) / seconds * 100


def run(runner: Runner) -> list[Figure]:
    events = runner.size(200, 40)
    seconds = runner.size(8, 2)
    same: dict[str, list[float]] = {name: [] for name in BUSES}
    other: dict[str, list[float]] = {name: [] for name in BUSES}
    rates: dict[str, list[float]] = {name: [] for name in (*BUSES, "SQLite")}
    rest: dict[str, list[float]] = {name: [] for name in BUSES}

    def two_servers(name: str, bus: str) -> None:
        with postgres() as database:
            server = node(runner, database, bus=bus)
            with runner.start(server) as one, runner.start(server) as two:
                near = lags(one, streams=STREAMS, events=events, rate=RATE)
                far = lags(two, streams=STREAMS, events=events, rate=RATE, published_on=one)
                same[name].append(percentile(near, 0.99))
                other[name].append(percentile(far, 0.99))
                rest[name].append(resting(two, seconds=seconds))
                rates[name].append(keyed([one, two], seconds=seconds))
                runner.say(
                    f"  {name}: p99 {same[name][-1]:.1f} ms on the same server, {other[name][-1]:.1f} ms on the other "
                    f"(median {statistics.median(near):.1f}, {statistics.median(far):.1f}); "
                    f"{rates[name][-1]:,.0f} publishes/s with keys; at rest {rest[name][-1]:.1f} % of a core"
                )

    with redis() as bus:
        for _ in range(runner.rounds):
            rates["SQLite"].append(runner.measure(runner.tidings, lambda target: keyed([target], seconds=seconds)))
            runner.say(f"  one server on SQLite: {rates['SQLite'][-1]:,.0f} publishes/s with keys")
            for name, address in {"Redis": bus.url, "NOTIFY": "", "none": "none"}.items():
                two_servers(name, address)

    middle: Callable[[list[float]], float] = statistics.median
    figures = [
        Figure(
            key=f"nodes-latency-{name.lower()}",
            group=GROUP,
            title=f"published on one server, heard on another, p99, bus: {name}",
            unit="ms",
            measured=middle(other[name]),
            peers={"the same server": middle(same[name])},
            target=f"{limit:.0f} ms later",
            limit=middle(same[name]) + limit,
        )
        for name, limit in BUSES.items()
    ]
    figures.append(
        Figure(
            key="nodes-keyed",
            group=GROUP,
            title=f"publishes with keys, two servers on PostgreSQL, {PUBLISHERS} publishers",
            unit="/s",
            measured=middle(rates["Redis"]),
            peers={"one server on SQLite": middle(rates["SQLite"])},
            target="3 000/s",
            limit=3000,
            more_is_better=True,
        )
    )
    figures.append(
        Figure(
            key="nodes-polling-cpu",
            group=GROUP,
            title="a server without a bus at rest, which looks at the log 20 times a second",
            unit="% of a core",
            measured=middle(rest["none"]),
            peers={"with NOTIFY": middle(rest["NOTIFY"])},
            target="2 %",
            limit=2,
        )
    )
    return figures
