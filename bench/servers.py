"""The servers that are compared: how each is started, where it listens, how it is published to."""

import contextlib
import importlib.util
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import jwt

from bench.process_stats import ProcessStats, family

HERE = Path(__file__).parent
NCHAN = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
START_WITHIN = 20.0  # seconds
STAMP = "@0000000000000000000;"  # the load clients put the time here; a listener finds its events by it


class NotInstalled(Exception):
    """The peer is not installed on this machine."""


class Failed(Exception):
    """A server or load client did not do its part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server of the comparison. In `argv`, PORT, FILES and BODY-less words are filled in at the start."""

    name: str
    argv: tuple[str, ...]
    needs: str = ""  # a module, or a file, without which it is not installed
    sse: str = "/sub"  # paths; empty where the server does not offer it; %d becomes the user's number
    ws: str = ""
    poll: str = ""
    poll_cursor: str = ""  # the parameter that takes the cursor of the last answer
    publish: str = "/pub"
    publish_many: str = ""  # takes an array of notifications; empty: one request each
    speaks_json: bool = False  # publishes {"to", "type", "body"}; the others take the payload itself
    first_frame: str = ""  # a WebSocket client has to say this first
    secret: str = ""  # asks for tokens that are signed with this
    slow: bool = False  # delivers so slowly that it gets fewer events

    def one(self, payload: str, *, to: object = None) -> bytes:
        """The body that publishes one notification, to everyone unless said otherwise."""
        return json.dumps(draft(payload, to=to)).encode() if self.speaks_json else payload.encode()

    def token(self, user: str | None, *, publish: bool = False) -> str:
        """A token of the server's own format (JWT, HS256), good for an hour."""
        claims: dict[str, object] = {"exp": int(time.time()) + 3600, "publish": publish}
        return jwt.encode(claims | ({"sub": user} if user else {}), self.secret, algorithm="HS256")

    def installed(self) -> bool:
        return (
            Path(self.needs).exists()
            if "/" in self.needs
            else not self.needs or bool(importlib.util.find_spec(self.needs))
        )


def draft(payload: str, *, to: object = None) -> dict[str, object]:
    return {"to": to or {"all": True}, "type": "bench", "body": payload}


def payload(size: int) -> str:
    """Text of `size` characters with a place for the time, to be stamped by the publisher."""
    return STAMP + "x" * (size - len(STAMP))


def stamped(text: str) -> str:
    return text.replace(STAMP, f"@{time.time_ns()};", 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server that is up."""

    server: Server
    port: int
    stats: ProcessStats
    files: Path = field(repr=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(server: Server, files: Path) -> Iterator[Running]:
    """Start the server with `files` as its own directory; stop it, by process id, at the end."""
    if not server.installed():
        raise NotInstalled(server.name)
    files.mkdir(parents=True, exist_ok=True)
    port = free_port()
    limit = str(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    words = {"PORT": str(port), "FILES": str(files), "LIMIT": limit, "MODULE": str(NCHAN)}
    if server.name == "Nchan":
        (files / "nchan.conf").write_text(filled((HERE / "peers/nchan.conf").read_text(), words))
    log = files / "server.log"
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [filled(word, words) for word in server.argv],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=HERE.parent,
            env={**os.environ, "BENCH_FILE": str(files / "bench.db")},
        )
    try:
        wait_for_port(process, port, log)
        yield Running(server=server, port=port, stats=ProcessStats(process.pid), files=files)
    except Failed as why:
        if process.poll() is not None:
            raise Failed(f"{why}; {server.name} had ended: {tail(log)}") from why
        raise
    finally:
        stop(process)


def filled(text: str, words: dict[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def wait_for_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Failed(f"did not start: {tail(log)}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise Failed(f"nothing listens on its port after {START_WITHIN:.0f} s: {tail(log)}")


def stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    members = list(family(process.pid))
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(timeout=5)


def tail(log: Path) -> str:
    return " | ".join(log.read_text(errors="replace").splitlines()[-6:])


def uvicorn(module: str) -> tuple[str, ...]:
    return (
        *(sys.executable, "-m", "uvicorn", f"bench.peers.{module}:app", "--port", "PORT", "--loop", "uvloop"),
        *(
            "--http",
            "httptools",
            "--ws",
            "websockets-sansio",
            "--no-access-log",
            "--log-level",
            "warning",
            "--backlog",
            "4096",
        ),
    )


def tidings(command: Sequence[str]) -> Server:
    return Server(
        name="Tidings",
        argv=(*command, "dev", "--port", "PORT", "--db", "FILES/tidings.db"),
        sse="/v1/stream?user=u%d",
        ws="/v1/ws?user=u%d",
        poll="/v1/poll?user=u%d&wait=55",
        poll_cursor="cursor",
        publish="/v1/notifications",
        publish_many="/v1/notifications:batch",
        speaks_json=True,
    )


SECRET = "of 32 characters or more, for the bench"


def tidings_serve(command: Sequence[str]) -> Server:
    """As it runs in production: every caller has a token."""
    return replace(
        tidings(command),
        name="Tidings serve",
        argv=(
            "env",
            f"TIDINGS_SECRET={SECRET}",
            "TIDINGS_PUBLISHER_WRITES=0",
            *command,
            "serve",
            "--port",
            "PORT",
            "--db",
            "FILES/tidings.db",
        ),
        sse="/v1/stream",
        ws="/v1/ws",
        poll="/v1/poll?wait=55",
        secret=SECRET,
    )


BASELINE = Server(
    name="baseline",
    argv=(sys.executable, "-m", "bench.baseline", "PORT", "FILES/baseline.log"),
    needs="uvloop",
    ws="/ws",
    poll="/poll",
)
SSE_STARLETTE = Server(name="sse-starlette", argv=uvicorn("sse_starlette_app"), needs="sse_starlette")
STARLETTE = Server(name="Starlette", argv=uvicorn("starlette_app"), needs="starlette", ws="/ws", poll="/poll")
FASTAPI = Server(
    name="FastAPI",
    argv=uvicorn("fastapi_app"),
    needs="fastapi.sse" if importlib.util.find_spec("fastapi") else "fastapi",
    slow=True,
)
SOCKETIO = Server(
    name="python-socketio",
    argv=uvicorn("socketio_app"),
    needs="socketio",
    sse="",
    ws="/socket.io/?EIO=4&transport=websocket",
    first_frame="40",  # join the default namespace
    slow=True,
)
NCHAN_PEER = Server(
    name="Nchan",
    argv=("nginx", "-c", "FILES/nchan.conf"),
    needs=str(NCHAN),
    ws="/ws",
    poll="/poll",
)
