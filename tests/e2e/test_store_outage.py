"""A store that is away for a while ends nothing; a log that is not what it was ends the process."""

import contextlib
import fcntl
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import pytest

from tests.conftest import Listen, StartServer
from tests.servers import Server, command, environment, eventually, spawn

SHM_LOCKS, SHM_LOCK_COUNT = 120, 8  # bytes of the -shm file that SQLite's WAL locks lie on


def change(db: Path, sql: str) -> None:
    connection = apsw.Connection(str(db))
    connection.set_busy_timeout(5000)
    connection.execute(sql)
    connection.close()


def publish(server: Server, number: int) -> None:
    batch = [{"to": {"user": "alice"}, "data": n} for n in range(number)]
    assert server.request("POST", "/v1/notifications:batch", batch).status == 200


def test_start_on_a_log_whose_head_is_beyond_its_last_event_is_one_line_and_exit_1(start_server: StartServer) -> None:
    server = start_server()
    publish(server, 20)
    server.stop()
    change(server.db, "DELETE FROM events WHERE seq > 15")
    log = server.db.with_suffix(".again.log")
    argv = command("dev", host=server.host, port=server.port)
    process = spawn(argv, log=log, env=environment({"db": server.db}))
    assert process.wait(20) == 1
    said = log.read_text().strip().splitlines()
    assert said == ["Error: the log is said to reach to 20, but has nothing after 15"]


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_a_start_that_waits_for_a_locked_database(start_server: StartServer, stop: signal.Signals) -> None:
    server = start_server()
    server.stop()
    other = apsw.Connection(str(server.db))
    other.execute("BEGIN IMMEDIATE")
    argv = command("dev", host=server.host, port=server.port)
    process = spawn(argv, log=server.db.with_suffix(".again.log"), env=environment({"db": server.db}))
    try:
        eventually("it waits for the database", lambda: f"{server.db}-wal" in open_files(process.pid))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((server.host, server.port))
        began = time.monotonic()
        process.send_signal(stop)
        assert process.wait(20) in (-stop, 128 + stop, 0)
        assert time.monotonic() - began < 3
    finally:
        process.kill()
        other.close()


def open_files(pid: int) -> set[str]:
    with contextlib.suppress(OSError):
        return {os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir()}
    return set()


def test_log_whose_head_moves_beyond_its_last_event_ends_the_process(tmp_path: Path) -> None:
    server = Server(db=tmp_path / "tidings.db").start()
    try:
        publish(server, 3)
        change(server.db, "UPDATE head SET seq = seq + 5")
        assert server.process is not None
        assert server.process.wait(20) == 70
        assert "worker_died" in server.log_text()
        assert "has nothing after 3" in server.log_text()
    finally:
        server.kill()


@contextlib.contextmanager
def every_lock_of(db: Path) -> Iterator[None]:
    """Hold every lock that SQLite takes on a WAL database, as another program."""
    shm = os.open(f"{db}-shm", os.O_RDWR)
    try:
        fcntl.lockf(shm, fcntl.LOCK_EX, SHM_LOCK_COUNT, SHM_LOCKS)
        yield
    finally:
        os.close(shm)


@pytest.mark.timeout(120)
def test_readers_that_catch_up_wait_for_a_store_that_is_away(start_server: StartServer, listen: Listen) -> None:
    server = start_server(heartbeat=2)
    first = server.publish({"user": "alice"}, data=-1)["cursor"]
    for _ in range(10):
        publish(server, 1000)  # more than the ring holds
    streams = [listen(server, "alice", last_event_id=first, receive_buffer=4096) for _ in range(5)]
    with ThreadPoolExecutor(len(streams)) as threads:
        with every_lock_of(server.db):
            taken = [threads.submit(stream.take, 10_000, within=90) for stream in streams]
            eventually("the store is said to be away", lambda: "unavailable 1.0" in metrics(server), within=60)
            assert server.request("GET", "/readyz").status == 503
        assert [len(events.result()) for events in taken] == [10_000] * len(streams)
    eventually("ready again", lambda: server.request("GET", "/readyz").status == 200)
    assert "tidings_store_unavailable 0.0" in metrics(server)


def metrics(server: Server) -> str:
    return server.request("GET", "/metrics").body.decode()
