"""A page of the documentation, done word for word: its files are written, its commands run, its servers started."""

import os
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers import HOST, PATIENCE, eventually, free_ports, spawn

DOCS = Path(__file__).resolve().parents[2] / "docs"
COMMAND_SECONDS = 300  # a command may fetch packages
# Commands that run until they are stopped, and the port that the pages say they listen on.
SERVERS = {"tidings run": 8000, "tidings serve": 8000, "python server.py": 8080, "npm run dev": 5173}

_BLOCK = re.compile(r"^```(\{literalinclude\} )?(\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_CAPTION = re.compile(r"^:caption: (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that the page shows: its name, and what is in it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Commands:
    """A block of commands for a shell."""

    text: str

    @property
    def port(self) -> int | None:
        """Where the server that it starts listens; None if it ends by itself."""
        return next((port for command, port in SERVERS.items() if self.text.startswith(command)), None)


def steps(page: Path) -> Iterator[WrittenFile | Commands]:
    """The steps of a reader of the page, in order."""
    for include, word, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if include:
            caption = _CAPTION.search(text)
            assert caption is not None, f"{page.name}: {word} has no caption"
            yield WrittenFile(caption[1], (page.parent / word).read_text(encoding="utf-8"))
        elif word == "sh":
            yield Commands(text.strip())


@dataclass
class Walkthrough:
    """A folder in which pages are followed. Ports are free ones in place of those that the pages name."""

    folder: Path
    environ: Mapping[str, str]
    said: Mapping[str, str] = field(default_factory=dict)  # text in place of other text, beside the ports
    ports: dict[int, int] = field(default_factory=dict)
    running: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def __post_init__(self) -> None:
        named = sorted(set(SERVERS.values()))
        self.ports.update(zip(named, free_ports(len(named)), strict=True))

    def url(self, port: int) -> str:
        """Of the server that a page says is on that port."""
        return f"http://{HOST}:{self.ports[port]}"

    def follow(self, page: str) -> None:
        """Do what the page says. Raises `AssertionError` with the output of a command that fails."""
        for step in steps(DOCS / page):
            text = self._here(step.text)
            if isinstance(step, WrittenFile):
                path = self.folder / step.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            elif step.port is None:
                self.run(text)
            else:
                self._start(text, self.ports[step.port])

    def run(self, text: str) -> None:
        """Run commands. Raises `AssertionError` with their output if one fails."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text], cwd=self.folder, env=self.environ, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"

    def end(self) -> None:
        """Stop the servers, the last one first."""
        for process in reversed(self.running):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)

    def _here(self, text: str) -> str:
        for there, here in self.said.items():
            text = text.replace(there, here)
        return re.sub(r"\b(8000|8080|5173)\b", lambda port: str(self.ports[int(port[1])]), text)

    def _start(self, text: str, port: int) -> None:
        log = self.folder / f"server-{len(self.running)}.log"
        process = spawn(shlex.split(text), log=log, env=self.environ, cwd=self.folder)
        self.running.append(process)

        def listens() -> bool:
            assert process.poll() is None, f"{text}\n{log.read_text()}"
            with suppress(OSError), socket.create_connection((HOST, port), 1):
                return True
            return False

        eventually(f"{text} listens", listens)


@contextmanager
def walking(
    folder: Path, *, environ: Mapping[str, str], said: Mapping[str, str] | None = None
) -> Iterator[Walkthrough]:
    """A walkthrough whose servers are stopped at the end."""
    folder.mkdir(exist_ok=True)
    walk = Walkthrough(folder, environ, said or {})
    try:
        yield walk
    finally:
        walk.end()
