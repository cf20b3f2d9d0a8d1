"""A PostgreSQL server of the tests' own: Debian's package, on a free port, in a temporary folder, without fsync."""

import atexit
import functools
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.servers import free_port

START = 30.0  # seconds
_numbers = itertools.count(1)

_FAST = {
    "fsync": "off", "full_page_writes": "off", "autovacuum": "off", "max_connections": "200",
    "shared_buffers": "64MB", "max_wal_size": "256MB", "unix_socket_directories": "", "listen_addresses": "127.0.0.1",
}  # fmt: skip


class PostgresServer:
    """May be killed, stopped and started again on the same port, with what it had."""

    def __init__(self, **options: str) -> None:
        """`options` go beside the usual ones of postgresql.conf."""
        self._binaries = binaries()
        self._owner = "postgres" if os.geteuid() == 0 else None  # it does not run as root
        self._folder = Path(tempfile.mkdtemp(prefix="tidings-postgres-"))
        self.data = self._folder / "data"
        self._options = {**_FAST, **options}
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        if self._owner is not None:
            shutil.chown(self._folder, self._owner)
        self._run("initdb", "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8",
                  "--wal-segsize=16", "-D", str(self.data))  # fmt: skip

    @property
    def dsn(self) -> str:
        """The address of the database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> "PostgresServer":
        """Start it, and wait until it can be connected to."""
        options = [part for name, value in self._options.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                # It ends with the tests, however they end.
                ["setpriv", "--pdeathsig", "INT", self._binaries / "postgres", "-D", self.data, "-p", str(self.port),
                 *options],
                stdout=log, stderr=log, user=self._owner, group=self._owner, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START
        while self._run("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port), check=False):
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)
        return self

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End it at once, all its processes; what it had not written is recovered at the next start."""
        assert self.process is not None
        os.killpg(self.process.pid, number)
        self.process.wait()

    def stop(self) -> None:
        """Shut it down; connections are cut."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(START)

    def remove(self) -> None:
        """Shut it down and remove what it had."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def log(self) -> str:
        """The log of the server."""
        return (self._folder / "log").read_text("utf-8", "replace")

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        done = subprocess.run(
            [self._binaries / program, *arguments], user=self._owner, group=self._owner, cwd="/", check=False,
            capture_output=True,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr.decode()
        return done.returncode


def binaries() -> Path:
    """The folder of the newest PostgreSQL of this machine. Debian has it off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if found:
        return found[-1]
    program = shutil.which("initdb")
    assert program, "PostgreSQL is not installed: `make test` does it, or apt-get install postgresql"
    return Path(program).resolve().parent


@functools.cache
def shared_server() -> PostgresServer:
    """One server for the tests of this process, started when the first one asks."""
    server = PostgresServer()
    atexit.register(server.remove)
    return server.start()


def fresh_schema() -> str:
    """A schema that no other test has."""
    return f"t{next(_numbers)}"
