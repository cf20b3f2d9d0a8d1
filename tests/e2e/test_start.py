"""From the first moment to the last: a start that can be ended, signals that drain, files that are private."""

import asyncio
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from tests.conftest import StartServer
from tests.servers import HOST, Server, environment, eventually, free_port
from tests.streams import connect, stream_target
from tidings.store.sqlite.adapter import SqliteStore

IN_TIME = 3.0  # seconds from a signal to the end of the process


class Locked:
    """A database that another process is writing to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        asyncio.run(self._make())
        self._connection = apsw.Connection(str(path))
        self._connection.execute("BEGIN EXCLUSIVE")

    async def _make(self) -> None:
        await (await SqliteStore.open(self.path)).close()

    def close(self) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.close()


def starting(db: Path, port: int) -> "subprocess.Popen[bytes]":
    argv = [sys.executable, "-m", "tidings", "dev", "--port", str(port)]
    return subprocess.Popen(argv, env=environment({"db": db}), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_start_on_a_locked_database_does_not_listen_and_ends_by_a_signal(tmp_path: Path, stop: signal.Signals) -> None:
    held = Locked(tmp_path / "tidings.db")
    port = free_port()
    process = starting(held.path, port)
    try:
        caught = 0
        while not caught & 1 << (signal.SIGHUP - 1):  # until the process handles signals itself
            status = Path(f"/proc/{process.pid}/status").read_text()
            [mask] = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
            caught = int(mask, 16)
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(1)  # well into the wait for the database
        assert process.poll() is None
        assert not accepts(port)
        began = time.monotonic()
        process.send_signal(stop)
        assert process.wait(30) in (-stop, 0)
        assert time.monotonic() - began < IN_TIME
    finally:
        process.kill()
        assert process.stdout is not None
        said = process.stdout.read().decode()
        process.stdout.close()
        held.close()
    assert "Traceback" not in said


def test_database_that_stays_locked_is_one_line_and_exit_1(tmp_path: Path) -> None:
    held = Locked(tmp_path / "tidings.db")
    try:
        process = starting(held.path, free_port())
        said, _ = process.communicate(timeout=40)
    finally:
        held.close()
    assert process.returncode == 1
    assert [line for line in said.decode().splitlines() if line.startswith("Error: ")] != []
    assert "Traceback" not in said.decode()


@pytest.mark.parametrize("stop", [signal.SIGHUP, signal.SIGTERM])
def test_signal_says_goaway_to_every_stream(start_server: StartServer, stop: signal.Signals) -> None:
    server = start_server()
    stream = connect((server.host, server.port), stream_target("alice")).begin()
    assert server.process is not None
    server.process.send_signal(stop)
    assert [event.type for event in stream.rest()] == ["goaway"]
    stream.close()
    assert server.process.wait(10) == -stop


def test_end_of_the_terminal_is_nothing_to_a_server_started_with_nohup(tmp_path: Path) -> None:
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # inherited, as `nohup` does it
    try:
        server = Server(db=tmp_path / "tidings.db").start()
    finally:
        signal.signal(signal.SIGHUP, ignored)
    assert server.process is not None
    try:
        server.process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            server.process.wait(2)
        assert server.request("GET", "/readyz").status == 200
    finally:
        server.kill()


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_second_signal_ends_a_drain_at_once(tmp_path: Path, first: signal.Signals) -> None:
    server = Server(db=tmp_path / "tidings.db", settings={"drain_seconds": 60}).start()
    stalled = socket.create_connection((server.host, server.port))
    stalled.sendall(b"POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
    assert server.process is not None
    try:
        server.process.send_signal(first)
        time.sleep(0.5)
        assert server.process.poll() is None  # it waits for the request
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(30)
        assert time.monotonic() - began < IN_TIME
    finally:
        server.kill()
        stalled.close()


def test_files_are_for_their_owner_alone(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    server.publish({"user": "alice"}, body="private")
    assert server.request("GET", "/notification/export-excel?user_email=alice").status == 202
    folder = server.db.with_name(f"{server.db.stem}-exports")
    modes: set[tuple[str, int]] = set()  # of all that lies there at any time

    def is_written() -> bool:
        with suppress(FileNotFoundError):  # renamed or taken away meanwhile
            modes.update((path.suffix, stat.S_IMODE(path.stat().st_mode)) for path in [folder, *folder.rglob("*")])
        return any(suffix == ".xlsx" for suffix, _ in modes)

    eventually("the workbook is written", is_written)
    assert {mode for suffix, mode in modes if suffix} == {0o600}
    assert {mode for suffix, mode in modes if not suffix} == {0o700}
    files = [path for path in tmp_path.iterdir() if path.name.startswith(server.db.name)]
    assert len(files) >= 2  # the database and its WAL
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
