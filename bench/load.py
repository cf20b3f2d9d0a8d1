"""The load clients: small C programs, compiled when first used, that listen, publish and poll."""

import contextlib
import functools
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.servers import STAMP, Failed, Running

SOURCES = Path(__file__).parent / "load"
_ACCEPT = "Accept: text/event-stream\r\n"
_UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGlkaW5ncyBiZW5jaCBubw==\r\n"
)
HELLO = {"sse": ("1.1", _ACCEPT), "sse-bare": ("1.0", _ACCEPT), "ws": ("1.1", _UPGRADE)}  # HTTP/1.0 has no chunks


@functools.cache
def _bin() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="bench-")  # gone when the bench ends


@functools.cache
def compiled(name: str) -> str:
    compiler = shutil.which("cc")
    if not compiler:
        raise Failed("a C compiler (cc) is needed for the load clients")
    program = f"{_bin().name}/{name}"
    subprocess.run([compiler, "-O2", "-Wall", "-o", program, str(SOURCES / f"{name}.c")], check=True, timeout=120)
    return program


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The events that a load client received. Times are nanoseconds since 1970."""

    count: int
    out_of_order: int
    closed: int
    bytes: int
    began: int
    first: int
    last: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    marks: dict[int, tuple[int, int]]  # of each event: how many heard it, when the last did


class Client:
    """A load client at work."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.ready_seconds = 0.0

    def wait_ready(self) -> None:
        """Until every stream was answered, or every poll asked."""
        said = self._read()
        if "seconds" not in said or "answers" in said:
            raise Failed(f"not all streams opened: {said}")
        self.ready_seconds = said["seconds"]

    def result(self) -> dict[str, Any]:
        """The client's output at its end, which is near: it has its own time limit."""
        said = self._read()
        self._process.wait(timeout=10)
        return said

    def heard(self) -> Heard:
        return heard(self.result())

    def stop(self) -> None:
        """Ask for the result now."""
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout and self._process.stderr
        line = self._process.stdout.readline()
        if not line:
            raise Failed(f"a load client gave up: {self._process.stderr.read()[:500]}")
        said: dict[str, Any] = json.loads(line)
        return said


def heard(said: dict[str, Any]) -> Heard:
    return Heard(
        count=said["heard"],
        out_of_order=said["out_of_order"],
        closed=said.get("closed", 0),
        bytes=said.get("bytes", 0),
        began=said.get("began_ns", 0),
        first=said["first_ns"],
        last=said["last_ns"],
        p50_ms=said["p50_ms"],
        p99_ms=said["p99_ms"],
        max_ms=said["max_ms"],
        marks={stamp: (count, last) for stamp, count, last in said["marks"]},
    )


@contextlib.contextmanager
def _started(name: str, **options: object) -> Iterator[Client]:
    command = [compiled(name), *(f"{key}={value}" for key, value in options.items())]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    client = Client(process)
    try:
        yield client
    finally:
        client.stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
        process.kill()
        process.wait()
        assert process.stdout and process.stderr
        process.stdout.close()
        process.stderr.close()


@contextlib.contextmanager
def listeners(
    target: Running,
    path: str,
    *,
    streams: int,
    kind: str = "sse",
    expect: int = 0,
    timeout: float = 60,
    at_once: bool = False,
    first: int = 0,
    headers: str = "",
) -> Iterator[Client]:
    """Open `streams` streams; ends by itself when all together have heard `expect` events."""
    request = target.files / f"request-{time.time_ns()}"
    tokens = ""
    if target.server.secret:
        headers += "Authorization: Bearer %t\r\n"
        tokens = str(tokens_of(target, first + streams))
    version, fields = HELLO[kind]
    request.write_text(f"GET {path} HTTP/{version}\r\nHost: localhost\r\n{fields}{headers}\r\n")
    with _started(
        "listen",
        port=target.port,
        streams=streams,
        first=first,
        request=request,
        window=streams if at_once else 200,
        expect=expect,
        timeout=timeout,
        ws=int(kind == "ws"),
        say=target.server.first_frame,
        tokens=tokens,
        each=1,
    ) as client:
        client.wait_ready()
        yield client


def tokens_of(target: Running, count: int) -> Path:
    """A file with the tokens of the first users, a line each."""
    file = target.files / f"tokens-{count}"
    if not file.exists():
        file.write_text("".join(f"{target.server.token(f'u{number}')}\n" for number in range(count)))
    return file


@contextlib.contextmanager
def pollers(
    target: Running,
    path: str,
    *,
    clients: int,
    first: int = 0,
    expect: int = 0,
    timeout: float = 60,
    conditional: bool = False,
) -> Iterator[Client]:
    """Clients that poll: long (each answer makes the next request), or short with If-None-Match."""
    with _started(
        "poll",
        port=target.port,
        path=path,
        clients=clients,
        first=first,
        expect=expect,
        timeout=timeout,
        cursor=target.server.poll_cursor,
        conditional=int(conditional),
    ) as client:
        client.wait_ready()
        yield client


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The work of keep-alive publishers. `began` is nanoseconds since 1970."""

    answered: int
    seconds: float
    began: int
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        return self.answered / self.seconds


def publish(
    target: Running,
    path: str,
    body: bytes,
    *,
    connections: int = 32,
    requests: int = 0,
    seconds: float = 0,
    keys: bool = False,
) -> Published:
    """POST the body again and again, each connection as soon as it is answered; with `keys`, each with its own."""
    file = target.files / f"body-{time.time_ns()}"
    file.write_bytes(body)
    headers = f"Authorization: Bearer {target.server.token(None, publish=True)}\r\n" if target.server.secret else ""
    headers += f"Idempotency-Key: {STAMP}\r\n" if keys else ""
    options = {"port": target.port, "path": path, "body": file, "connections": connections, "headers": headers}
    with _started("publish", **options, requests=requests, seconds=seconds) as client:
        said = client.result()
    if said["good"] != said["answered"] or not said["good"]:
        raise Failed(f"{target.server.name} refused {said['answered'] - said['good']} of {said['answered']} publishes")
    return Published(
        answered=said["answered"],
        seconds=said["seconds"],
        began=said["began_ns"],
        p50_ms=said["p50_ms"],
        p99_ms=said["p99_ms"],
    )
