"""Two servers on one PostgreSQL: each serves the same log, and nothing that was answered is lost when anything dies."""

import asyncio
import itertools
import os
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Listen, logged_errors
from tests.e2e.test_kill import Publisher, Reader, end_when_complete
from tests.postgres import PostgresServer, binaries
from tests.redis_server import RedisServer
from tests.servers import HOST, Server, eventually

STREAMS = 40
RATE = 150  # notifications a second
COUNT = 450
PUBLISHERS = 6
PAUSE = 2.0  # seconds


class Nodes:
    """Two servers on one database."""

    host = HOST

    def __init__(
        self, database: PostgresServer, folder: Path, *, bus: str = "", redis: RedisServer | None = None
    ) -> None:
        self.database = database
        self.redis = redis
        settings = {"db": database.dsn, "bus": bus, "exports": folder / "exports"}
        self.servers = [Server(db=folder / f"{name}.db", settings=settings).start() for name in "ab"]
        self._turns = itertools.cycle(self.servers)

    @property
    def port(self) -> int:
        """Of one of them, in turn: as a load balancer gives it."""
        return next(self._turns).port

    def kill(self) -> None:
        for server in self.servers:
            server.kill()


BUSES = ["through the database", "redis", "none"]


@pytest.fixture(params=BUSES)
def nodes(request: pytest.FixtureRequest, database: PostgresServer, tmp_path: Path) -> Iterator[Nodes]:
    """Two servers that wake each other in each way that there is."""
    redis = RedisServer().start() if request.param == "redis" else None
    bus = {"redis": redis.url if redis else "", "none": "none"}.get(request.param, "")
    nodes = Nodes(database, tmp_path, bus=bus, redis=redis)
    try:
        yield nodes
    finally:
        nodes.kill()
        if redis is not None:
            redis.remove()


def test_servers_on_one_database_are_one(nodes: Nodes, listen: Listen) -> None:
    """A stream of one hears what was published on the other; a cursor, a ticket and an inbox are good on both."""
    one, other = nodes.servers
    stream = listen(other, "alice")
    published = [one.publish({"user": "alice"}, data=number) for number in range(20)]
    events = stream.take(20)
    assert [event.id for event in events] == [answer["cursor"] for answer in published]
    again = listen(one, "alice", last_event_id=events[9].id)
    assert [event.id for event in again.take(10)] == [event.id for event in events[10:]]
    answer = other.request("POST", "/v1/inbox/read?user=alice", {"up_to": events[-1].id})
    assert answer.json["counters"]["unread"] == 0
    assert again.next().type == "inbox.read"
    counters = one.request("GET", "/v1/inbox/counters?user=alice").json
    assert counters["unread"] == 0
    for server in nodes.servers:
        server.stop()
        assert logged_errors(server) == ""


@pytest.mark.parametrize("nodes", ["redis"], indirect=True)
def test_server_whose_bus_is_silent_is_degraded_and_hears_the_other_all_the_same(nodes: Nodes, listen: Listen) -> None:
    one, other = nodes.servers
    stream = listen(other, "alice")

    def status() -> str:
        answer = other.request("GET", "/readyz")
        assert answer.status == 200
        return str(answer.json["status"])

    eventually("the bus is up", lambda: status() == "ready")
    assert nodes.redis is not None and nodes.redis.process is not None
    nodes.redis.process.send_signal(signal.SIGSTOP)
    eventually("the silence is noticed", lambda: status() == "degraded")
    assert other.gauges()["tidings_bus_down"] == 1
    answers = [one.publish({"user": "alice"}, data=number) for number in range(5)]
    assert [event.id for event in stream.take(5)] == [answer["cursor"] for answer in answers]
    nodes.redis.process.send_signal(signal.SIGCONT)
    eventually("it comes back by itself", lambda: status() == "ready")


def a_node_is_killed(nodes: Nodes) -> None:
    nodes.servers[0].kill()
    nodes.servers[0].start()


def a_node_is_frozen(nodes: Nodes) -> None:
    """With whatever it holds: the others go on, and when it wakes it answers only what was committed."""
    for _ in range(3):
        os.kill(nodes.servers[0].pid, signal.SIGSTOP)
        time.sleep(PAUSE / 2)
        os.kill(nodes.servers[0].pid, signal.SIGCONT)
        time.sleep(0.1)


def postgres_is_killed(nodes: Nodes) -> None:
    nodes.database.kill()
    time.sleep(0.5)
    nodes.database.start()


def postgres_is_frozen(nodes: Nodes) -> None:
    process = nodes.database.process
    assert process is not None
    os.killpg(process.pid, signal.SIGSTOP)
    time.sleep(PAUSE)
    os.killpg(process.pid, signal.SIGCONT)


def connections_are_cut(nodes: Nodes) -> None:
    """Again and again, wherever they are in a transaction."""
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    for _ in range(20):
        subprocess.run([binaries() / "psql", nodes.database.dsn, "-qc", cut], check=True, capture_output=True)
        time.sleep(0.03)


def redis_is_killed(nodes: Nodes) -> None:
    assert nodes.redis is not None
    nodes.redis.kill()
    time.sleep(0.5)
    nodes.redis.start()


def redis_is_frozen(nodes: Nodes) -> None:
    assert nodes.redis is not None
    assert nodes.redis.process is not None
    nodes.redis.process.send_signal(signal.SIGSTOP)
    time.sleep(PAUSE)
    nodes.redis.process.send_signal(signal.SIGCONT)


Fault = Callable[[Nodes], None]
FAULTS: list[tuple[Fault, str]] = [
    (a_node_is_killed, "through the database"),
    (a_node_is_frozen, "redis"),
    (postgres_is_killed, "through the database"),
    (postgres_is_frozen, "through the database"),
    (connections_are_cut, "none"),
    (redis_is_killed, "redis"),
    (redis_is_frozen, "redis"),
]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("fault", "nodes"), FAULTS, indirect=["nodes"], ids=[f"{fault.__name__}, {bus}" for fault, bus in FAULTS]
)
async def test_answered_publishes_reach_every_reader_once_and_in_order(nodes: Nodes, fault: Fault) -> None:
    readers = [Reader(f"u{n}") for n in range(STREAMS)]
    following = [
        asyncio.create_task(reader.follow((HOST, nodes.servers[place % 2].port)))
        for place, reader in enumerate(readers)
    ]
    await asyncio.to_thread(eventually, "all are connected", lambda: all(reader.connects for reader in readers))

    start = time.monotonic()
    publishers = [
        Publisher(nodes, range(n, COUNT, PUBLISHERS), start=start, target=lambda _: {"all": True})
        for n in range(PUBLISHERS)
    ]
    for publisher in publishers:
        publisher.start()

    def begun() -> bool:
        return sum(len(publisher.answered) for publisher in publishers) >= COUNT // 4

    await asyncio.to_thread(eventually, "a quarter is answered", begun)
    await asyncio.to_thread(fault, nodes)
    for publisher in publishers:
        await asyncio.to_thread(publisher.join)
    assert [publisher.failed for publisher in publishers] == [None] * PUBLISHERS
    answered = {number: cursor for publisher in publishers for number, cursor in publisher.answered.items()}
    assert sorted(answered) == list(range(COUNT))

    await end_when_complete(readers, following, count=COUNT)

    for server in nodes.servers:
        assert server.process is not None
        assert server.process.poll() is None, server.log_text()
    expected = {cursor: number for number, cursor in answered.items()}
    orders = defaultdict(list)
    for reader in readers:
        assert reader.faults == [], reader.user
        assert reader.numbers == expected, f"{reader.user}: once, as it was answered, and nothing else"
        orders[tuple(reader.numbers)].append(reader.user)
    assert len(orders) == 1, "all in the same order"
