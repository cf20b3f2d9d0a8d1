"""Real server processes: started on a free port, stopped, killed, and started again on the same database."""

import ctypes
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.described import check_answer

Mode = Literal["dev", "serve", "uvicorn", "hypercorn", "granian"]
MODES: tuple[Mode, ...] = ("dev", "uvicorn", "hypercorn", "granian")  # the ways to run it for a developer

SECRET = "a secret for tests, of 32 characters or more"  # of servers in the mode "serve", who ask for tokens

HOST = "127.0.0.1"
ROWS = 1000  # that one request may become
PATIENCE = 30.0  # seconds; far beyond what anything here takes, even on a machine that is busy
_PR_SET_PDEATHSIG = 1  # prctl(2)
_SAMPLE = re.compile(r"^(\w+)(?:\{([^}]*)\})? (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A finished response."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def eventually(what: str, holds: Callable[[], bool], *, within: float = PATIENCE) -> None:
    """Wait for a condition, not for a time. Raises `AssertionError` with `what` when it does not come."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, f"not within {within:g} s: {what}"
        time.sleep(0.02)


def free_port(host: str = HOST, *, skip: int = 0) -> int:
    """A free port, `skip` above the first. It is below the ephemeral range, so no outgoing connection takes it
    meanwhile.

    Each process of one test run looks in a part of its own, or two could be given the same.
    """
    share = 12_000 // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    first = 20_000 + share * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for port in range(first + os.getpid() % (share // 2) + skip, first + share):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def free_ports(count: int) -> list[int]:
    """As many different ones."""
    with ExitStack() as stack:
        ports = []
        for _ in range(count):
            ports.append(free_port())
            stack.enter_context(socket.create_server((HOST, ports[-1])))
        return ports


def command(mode: Mode, *, host: str, port: int) -> list[str]:
    """The command line that serves the harness in this way."""
    factory = "tidings.asgi:app"
    return [sys.executable, "-m"] + {
        "dev": ["tidings", "dev", "--host", host, "--port", str(port)],
        "serve": ["tidings", "serve", "--host", host, "--port", str(port)],
        "uvicorn": ["uvicorn", "--factory", factory, "--host", host, "--port", str(port), "--http", "httptools",
                  "--ws", "none", "--log-level", "warning", "--timeout-graceful-shutdown", "2"],
        "hypercorn": ["hypercorn", "--bind", f"{host}:{port}", "--graceful-timeout", "2", "--log-level", "warning",
                      f"{factory}()"],
        "granian": ["granian", "--interface", "asgi", "--factory", "--host", host, "--port", str(port), "--no-ws",
                    "--workers", "1", "--log-level", "warning", "--workers-kill-timeout", "2", factory],
    }[mode]  # fmt: skip


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    """The environment of this process, with these settings of the server and no others."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TIDINGS_")}
    return clean | {f"TIDINGS_{name.upper()}": str(value) for name, value in settings.items()}


# The kernel kills what this thread started when the thread ends: no server outlives a test run that is itself killed.
_starter = ThreadPoolExecutor(1, thread_name_prefix="server-starter")


_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(argv: list[str], *, log: Path, env: Mapping[str, str], cwd: Path | None = None) -> "subprocess.Popen[bytes]":
    """Start a process in a session of its own. Its output goes to `log`."""
    with log.open("ab") as out:
        return _starter.submit(
            lambda: subprocess.Popen(
                argv,
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call
            )
        ).result()


@dataclass
class Server:
    """One server, through all its lives. `settings` are those of `tidings.settings`."""

    db: Path
    mode: Mode = "dev"
    host: str = HOST
    port: int = 0
    settings: Mapping[str, object] = field(default_factory=dict)
    argv: list[str] | None = None  # instead of what `mode` says
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        """Of the process that was started. (granian's is its supervisor.)"""
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> Path:
        return self.db.with_suffix(f".{self.mode}.log")

    def start(self) -> "Server":
        """Start, and wait until it is ready. Raises `RuntimeError` with what it said if it does not become so."""
        if not self.port:
            self.port = free_port(self.host)
        usual = {"db": self.db, "heartbeat": 20}
        if self.mode == "serve":
            usual |= {"mode": "serve", "secret": SECRET}
        else:
            usual |= {"mode": "dev", "seed": True, "cors_origins": "*"}
        settings = {**usual, **self.settings}
        argv = self.argv or command(self.mode, host=self.host, port=self.port)
        self.process = spawn(argv, log=self.log, env=environment(settings))
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < deadline:
            if self._ready():
                return self
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"the server did not start:\n{self.log_text()}")

    def _ready(self) -> bool:
        try:
            return self.request("GET", "/readyz", timeout=5).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def stop(self) -> int:
        """SIGTERM, and wait for the end. The exit code. Safe to call twice."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """SIGKILL: no drain, no clean-up. Safe to call twice."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)

    def restart(self) -> "Server":
        """Stop, and start on the same port and database."""
        self.stop()
        return self.start()

    def log_text(self) -> str:
        """The output of the process, over all its restarts."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def request(
        self,
        method: str,
        path: str,
        json_body: object = None,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = PATIENCE,
    ) -> HttpResponse:
        """One request on a connection of its own."""
        if json_body is not None:
            body = json.dumps(json_body).encode()
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            answer = HttpResponse(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()
        check_answer(method, path, answer.status, answer.headers, answer.body)
        return answer

    def publish(self, to: Mapping[str, object], **content: object) -> Any:
        """Publish one notification; the answer's JSON."""
        answer = self.request("POST", "/v1/notifications", {"to": to, **(content or {"body": "x"})})
        assert answer.status == 201, (answer.status, answer.body)
        return answer.json

    def publish_many(self, notifications: Sequence[object]) -> list[Any]:
        """Publish in batches of as many as one may have; the results."""
        results: list[Any] = []
        for start in range(0, len(notifications), ROWS):
            answer = self.request("POST", "/v1/notifications:batch", notifications[start : start + ROWS])
            assert answer.status == 200, (answer.status, answer.body)
            results += answer.json["results"]
        return results

    def follow(self, topic: str, *users: str) -> None:
        """Let users follow a topic."""
        for start in range(0, len(users), ROWS):
            named = {"users": users[start : start + ROWS]}
            answer = self.request("POST", f"/v1/topics/{topic}/followers", named)
            assert answer.status == 200, (answer.status, answer.body)

    def gauges(self) -> dict[str, float]:
        """Every sample of /metrics, under its name and labels: `tidings_connections{transport="sse"}`."""
        text = self.request("GET", "/metrics").body.decode()
        return {
            name + (f"{{{labels}}}" if labels else ""): float(value) for name, labels, value in _SAMPLE.findall(text)
        }

    def connections(self) -> int:
        """The number of open streams, over all transports."""
        return int(sum(value for name, value in self.gauges().items() if name.startswith("tidings_connections{")))

    def left_behind(self) -> dict[str, float]:
        """The gauges of readers that are not zero."""
        kinds = ("tidings_connections{", "tidings_users", "tidings_topics", "tidings_catching_up")
        return {name: value for name, value in self.gauges().items() if name.startswith(kinds) and value}

    def resident(self) -> int:
        """Bytes of memory the process holds."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        match = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert match is not None
        return int(match[1]) * 1024
