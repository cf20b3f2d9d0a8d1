"""Several processes behind one address: one log, one presence, one page of metrics, whichever of them dies."""

import asyncio
import http.client
import os
import re
import signal
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import Listen, logged_errors
from tests.e2e.test_kill import Publisher, Reader, end_when_complete
from tests.servers import HOST, PATIENCE, Server, eventually, free_port

WORKERS = 2
STREAMS = 40
COUNT = 450
PUBLISHERS = 6


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(db=tmp_path / "tidings.db", settings={"workers": WORKERS, "log_level": "info"}).start()
    try:
        eventually("every worker answers", lambda: up(server) == dict.fromkeys(numbers(), 1.0))
        yield server
    finally:
        left = workers(server)
        server.kill()
        eventually("the workers leave with their supervisor", lambda: not any(map(runs, left)))


def numbers() -> list[str]:
    return [str(number) for number in range(1, WORKERS + 1)]


def workers(server: Server) -> list[int]:
    """The process ids, in the order of their start."""
    with suppress(FileNotFoundError):
        text = "".join(path.read_text() for path in Path(f"/proc/{server.pid}/task").glob("*/children"))
        return sorted(map(int, text.split()))
    return []


def runs(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def by_worker(server: Server, name: str) -> dict[str, float]:
    """A metric's sum over its other labels, by worker."""
    found: Counter[str] = Counter()
    for sample, value in server.gauges().items():
        if sample.startswith(f"{name}{{"):
            [worker] = re.findall(r'worker="(\d+)"', sample)
            found[worker] += value  # type: ignore[assignment]
    return dict(found)


def up(server: Server) -> dict[str, float]:
    return by_worker(server, "tidings_worker_up")


def test_connections_are_spread_over_the_workers(server: Server) -> None:
    readers: list[socket.socket] = []
    try:
        for n in range(400):
            reader = socket.create_connection((HOST, server.port), timeout=PATIENCE)
            readers.append(reader)
            reader.sendall(f"GET /v1/stream?user=u{n} HTTP/1.1\r\nHost: {HOST}:{server.port}\r\n\r\n".encode())
        eventually("all are open", lambda: sum(by_worker(server, "tidings_connections").values()) == 400)
        counts = by_worker(server, "tidings_connections").values()
        assert max(counts) / (400 / WORKERS) <= 1.3
    finally:
        for reader in readers:
            reader.close()


def test_worker_hears_what_another_has_published_and_knows_who_is_connected_there(
    server: Server, listen: Listen
) -> None:
    streams = [listen(server, "alice") for _ in range(8)]
    assert all(by_worker(server, "tidings_connections").values()), "both have some"
    for number in range(20):  # each on a connection of its own
        server.publish({"user": "alice"}, data=number)
    for stream in streams:
        assert [event.id.partition("-")[2] for event in stream.take(20)] == [str(n) for n in range(1, 21)]
    answer = server.request("GET", "/v1/users/alice/presence?user=x").json
    assert answer == {"user": "alice", "online": True, "connections": 8}


def test_silent_worker_is_not_up_and_presence_without_it_is_not_complete(server: Server) -> None:
    told, silent = False, workers(server)[0]
    deadline = time.monotonic() + PATIENCE
    while not told and time.monotonic() < deadline:
        silent = workers(server)[0]
        os.kill(silent, signal.SIGSTOP)
        while not told and runs(silent):  # half of the connections are the silent one's; after ten seconds it is killed
            with suppress(OSError, http.client.HTTPException):
                answer = server.request("GET", "/v1/users/alice/presence?user=x", timeout=0.9)
                found = by_worker_text(server.request("GET", "/metrics", timeout=2).body.decode())
                told = answer.json.get("complete") is False and sorted(found.values()) == [0.0, 1.0]
    assert told
    with suppress(ProcessLookupError):
        os.kill(silent, signal.SIGCONT)


def by_worker_text(text: str) -> dict[str, float]:
    return {worker: float(value) for worker, value in re.findall(r'tidings_worker_up\{worker="(\d+)"\} (\S+)', text)}


def test_hung_worker_is_replaced(server: Server) -> None:
    hung = workers(server)[0]
    os.kill(hung, signal.SIGSTOP)
    eventually("it is ended", lambda: not runs(hung))
    eventually("all answer", lambda: len(workers(server)) == WORKERS and list(up(server).values()) == [1.0] * WORKERS)
    assert 'hung="True"' in server.log_text()


def test_connections_that_wait_at_a_killed_worker_are_its_successors(server: Server) -> None:
    killed = workers(server)[0]
    os.kill(killed, signal.SIGSTOP)
    waiting = []
    try:
        for _ in range(100):
            one = socket.create_connection((HOST, server.port), timeout=PATIENCE)
            one.sendall(f"GET /healthz HTTP/1.1\r\nHost: {HOST}:{server.port}\r\nConnection: close\r\n\r\n".encode())
            waiting.append(one)
        os.kill(killed, signal.SIGKILL)
        for one in waiting:
            assert one.recv(100).startswith(b"HTTP/1.1 200 ")
    finally:
        for one in waiting:
            one.close()


def test_restart_refuses_no_connection(server: Server) -> None:
    """And nobody waits long for theirs: the successor accepts before the old worker leaves."""
    before = workers(server)
    ended = threading.Event()
    took: list[float] = []
    failed: list[Exception] = []

    def connect_again_and_again() -> None:
        while not ended.is_set():
            began = time.monotonic()
            try:
                assert server.request("GET", "/healthz").status == 200
            except (OSError, http.client.HTTPException, AssertionError) as error:
                failed.append(error)
            took.append(time.monotonic() - began)

    thread = threading.Thread(target=connect_again_and_again)
    thread.start()
    os.kill(server.pid, signal.SIGUSR2)
    try:
        eventually("the old ones are gone", lambda: not any(map(runs, before)))
        eventually("it is done", lambda: "restarted" in server.log_text())
    finally:
        ended.set()
        thread.join()
    assert failed == []
    assert len(workers(server)) == WORKERS
    print(f"{len(took)} connections, p99 {sorted(took)[int(len(took) * 0.99)] * 1000:.0f} ms")


def test_stop_drains_every_worker(server: Server, listen: Listen) -> None:
    streams = [listen(server, "alice") for _ in range(8)]
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    for stream in streams:
        assert stream.next().type == "goaway"
    stopping.join()
    assert server.process is not None
    assert server.process.returncode == -signal.SIGTERM
    assert logged_errors(server) == ""


def test_operators_have_their_address_with_workers_too(tmp_path: Path) -> None:
    port = free_port(skip=500)
    server = Server(
        db=tmp_path / "tidings.db", settings={"workers": WORKERS, "admin_address": f"{HOST}:{port}"}
    ).start()
    try:
        admin = Server(db=server.db, port=port)
        eventually("every worker answers there", lambda: up(admin) == dict.fromkeys(numbers(), 1.0))
        assert server.request("GET", "/metrics").status == 404
    finally:
        server.stop()


def test_address_that_another_server_has_is_refused(tmp_path: Path) -> None:
    for shared in (False, True):
        with socket.socket() as other:
            if shared:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            other.bind((HOST, 0))
            other.listen()
            port = other.getsockname()[1]
            server = Server(db=tmp_path / "tidings.db", port=port, settings={"workers": WORKERS})
            with pytest.raises(RuntimeError, match="something else is using it"):
                server.start()


@pytest.mark.timeout(120)
async def test_worker_that_is_killed_loses_nothing_that_was_answered(server: Server) -> None:
    readers = [Reader(f"u{n}") for n in range(STREAMS)]
    following = [asyncio.create_task(reader.follow((HOST, server.port))) for reader in readers]
    await asyncio.to_thread(eventually, "all are connected", lambda: all(reader.connects for reader in readers))
    start = time.monotonic()
    publishers = [
        Publisher(server, range(n, COUNT, PUBLISHERS), start=start, target=lambda _: {"all": True})
        for n in range(PUBLISHERS)
    ]
    for publisher in publishers:
        publisher.start()

    def answers_of(quarter: int) -> bool:
        return sum(len(publisher.answered) for publisher in publishers) >= COUNT * quarter // 4

    for quarter in (1, 2, 3):
        await asyncio.to_thread(eventually, "a quarter more is answered", partial(answers_of, quarter))
        await asyncio.to_thread(eventually, "all workers run", lambda: len(workers(server)) == WORKERS)
        os.kill(workers(server)[0], signal.SIGKILL)
    for publisher in publishers:
        await asyncio.to_thread(publisher.join)
    assert [publisher.failed for publisher in publishers] == [None] * PUBLISHERS
    answered = {number: cursor for publisher in publishers for number, cursor in publisher.answered.items()}
    assert sorted(answered) == list(range(COUNT))
    await end_when_complete(readers, following, count=COUNT)
    expected = {cursor: number for number, cursor in answered.items()}
    orders = defaultdict(list)
    for reader in readers:
        assert reader.faults == [], reader.user
        assert reader.numbers == expected, f"{reader.user}: once, as it was answered, and nothing else"
        orders[tuple(reader.numbers)].append(reader.user)
    assert len(orders) == 1, "all in the same order"
