"""`tidings listen`, watched from outside."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator


class ListenProcess:
    """`tidings listen` in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from tidings.cli.listen import listen; listen()", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def note(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.readline().rstrip("\n")

    def end(self, how: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=10)
        return self.process.returncode, out, err


Watch = Callable[..., ListenProcess]


def listen_processes() -> Iterator[Watch]:
    """Starts processes, and leaves none behind."""
    started: list[ListenProcess] = []

    def watch(*arguments: str) -> ListenProcess:
        started.append(ListenProcess(*arguments))
        return started[-1]

    yield watch
    for watching in started:
        if watching.process.poll() is None:
            watching.end(signal.SIGKILL)
