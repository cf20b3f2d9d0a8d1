"""A Redis of the tests' own: Debian's package, on a free port, which keeps nothing."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from tests.servers import HOST, eventually, free_port, spawn


class RedisServer:
    """May be killed, stopped and started again on the same port."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="tidings-redis-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}"

    def start(self) -> "RedisServer":
        """Start it, and wait until it answers."""
        program = shutil.which("redis-server")
        assert program, "Redis is not installed: `make test` does it, or apt-get install redis-server"
        argv = [program, "--port", str(self.port), "--bind", HOST, "--save", "", "--dir", str(self._folder)]
        self.process = spawn(argv, log=self._folder / "log", env=os.environ)
        eventually("Redis answers", self._answers)
        return self

    def kill(self) -> None:
        """End it at once."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def remove(self) -> None:
        """End it and remove what it said."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answers(self) -> bool:
        done = subprocess.run(["redis-cli", "-p", str(self.port), "ping"], capture_output=True, timeout=5, check=False)
        return done.stdout.strip() == b"PONG"
