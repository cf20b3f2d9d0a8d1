"""Libraries of other people receive awkward notifications through `kill -9`: all of them, once, in order.

The result of each is a row of docs/compatibility.md, which these tests hold true; `TIDINGS_WRITE_DOCS=1` writes it.
"""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.compatibility import Row, hold_rows
from tests.conftest import StartServer
from tests.e2e.js_pages import buffering_nginx
from tests.servers import Mode, Server, environment, eventually, spawn
from tests.through_kills import USER, faults_through_kills

CLIENTS = Path(__file__).parent / "clients"
NPM = json.loads((CLIENTS / "package.json").read_text())["dependencies"]


class Client(NamedTuple):
    """One receiver: a library, or a small reader with a library's limit."""

    language: str
    name: str
    version: str
    argv: tuple[str, ...]


def python(name: str) -> Client:
    return Client("Python", name, version(name), (sys.executable, str(CLIENTS / "receive.py"), name))


def node(name: str) -> Client:
    installed = CLIENTS / "node_modules" / name / "package.json"
    found = json.loads(installed.read_text())["version"] if installed.exists() else NPM[name].rpartition("@")[2]
    return Client("JavaScript", name, found, ("node", str(CLIENTS / "receive.js"), name))


def reader(name: str, limit: str) -> Client:
    return Client("any", name, "-", (sys.executable, str(CLIENTS / "readers.py"), limit))


PYTHON = [python(name) for name in ("requests", "sseclient-py", "httpx-sse", "requests-sse", "aiohttp-sse-client")]
JAVASCRIPT = [node(name) for name in NPM]
READERS = [
    reader("reads that fill blocks of 512 bytes", "blocks"),
    reader("lines of at most 64 KiB", "lines"),
    reader("a read time-out of 10 s", "time-out"),
    reader("an orderly end is for good", "end"),
]


def golang(folder: Path) -> list[Client]:
    """Go's libraries, built into one program."""
    shutil.copytree(CLIENTS / "go", folder)
    subprocess.run(["go", "build", "-o", "receive", "."], cwd=folder, check=True, timeout=BUILD)
    asked = re.findall(r"^\t(\S+) (v\S+)$", (folder / "go.mod").read_text(), re.MULTILINE)  # not `// indirect`
    program = str(folder / "receive")
    found = [Client("Go", path.removeprefix("github.com/"), version, (program, path)) for path, version in asked]
    return [*found, Client("Go", "bufio.Scanner", "-", (program, "bufio.Scanner"))]


def rust(folder: Path) -> list[Client]:
    """Rust's libraries, built into one program."""
    shutil.copytree(CLIENTS / "rust", folder, ignore=shutil.ignore_patterns("target"))
    subprocess.run(["cargo", "build", "--quiet"], cwd=folder, check=True, timeout=BUILD)
    asked = re.findall(r'^(\S+) = "=(.*)"$', (folder / "Cargo.toml").read_text(), re.MULTILINE)
    program = str(folder / "target" / "debug" / "receive")
    return [Client("Rust", name, version, (program, name)) for name, version in asked]


def java(folder: Path) -> list[Client]:
    """Java's libraries, compiled into one program."""
    shutil.copytree(CLIENTS / "java", folder)
    fetch = ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"]
    subprocess.run(fetch, cwd=folder, check=True, timeout=BUILD)
    subprocess.run(["javac", "-cp", "lib/*", "Receive.java"], cwd=folder, check=True, timeout=BUILD)
    asked = dict(
        re.findall(r"<artifactId>(.*)</artifactId>\s*<version>(.*)</version>", (folder / "pom.xml").read_text())
    )
    program = ("java", "-cp", f"{folder}:{folder}/lib/*", "Receive")
    names = ("okhttp-sse", "okhttp-eventsource", "spring-webflux")
    return [Client("Java", name, asked[name], (*program, name)) for name in names]


BUILD = 900  # seconds, for what a language's own tools fetch and build
LANGUAGES = {"go": golang, "cargo": rust, "mvn": java}  # by the tool that each needs


class Running:
    """A client that runs, and what it told so far."""

    def __init__(self, client: Client, url: str, folder: Path) -> None:
        self._out = folder / f"{client.language}-{client.name.replace('/', '-')}.jsonl"
        argv = [*client.argv, f"{url}/v1/stream?user={USER}&heartbeat=4"]
        self.process = spawn(argv, log=self._out, env=environment({}))

    def events(self, type: str) -> list[Any]:
        *lines, _ = self._out.read_bytes().split(b"\n")  # the last is not whole; str.splitlines() breaks at U+2028
        told = [json.loads(line) for line in lines if line.startswith(b"{")]
        return [event for event in told if event["type"] == type]

    def ended(self) -> bool:
        return self.process.poll() is not None

    def said(self) -> str:
        return self._out.read_text()[-2000:]

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Any]:
    with ExitStack() as stack:

        def start(client: Client, url: str) -> Running:
            running = Running(client, url, tmp_path)
            stack.callback(running.end)
            return running

        yield start


def everything_arrives(clients: Sequence[Client], number: int, server: Server, run: Any, *, url: str = "") -> None:
    """`url`: where the clients ask, if not the server itself."""
    faults = faults_through_kills([run(client, url or server.url) for client in clients], number, server)
    assert {client.name: fault for client, fault in zip(clients, faults, strict=True) if fault} == {}


def libraries_receive_everything(clients: Sequence[Client], number: int, server: Server, run: Any) -> None:
    everything_arrives(clients, number, server, run)
    hold_rows("clients", [Row((client.language, client.name), client.version) for client in clients])


@pytest.mark.timeout(150)
def test_libraries_receive_everything_through_kills(start_server: StartServer, run: Any) -> None:
    libraries_receive_everything([*PYTHON, *JAVASCRIPT, *READERS], 39, start_server(), run)


@pytest.mark.full
@pytest.mark.timeout(400)
def test_libraries_receive_five_hundred_through_kills(start_server: StartServer, run: Any) -> None:
    libraries_receive_everything([*PYTHON, *JAVASCRIPT, *READERS], 500, start_server(), run)


@pytest.mark.full
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("tool", [tool for tool in LANGUAGES if shutil.which(tool)])
def test_libraries_of_other_languages_receive_five_hundred_through_kills(
    start_server: StartServer, run: Any, tmp_path: Path, tool: str
) -> None:
    libraries_receive_everything(LANGUAGES[tool](tmp_path / tool), 500, start_server(), run)


def test_reader_with_a_short_time_out_stays_while_nothing_happens(start_server: StartServer, run: Any) -> None:
    """Ten seconds are okhttp's default, and half of the usual heartbeat."""
    impatient = run(READERS[2], start_server().url)
    eventually("it listens", lambda: bool(impatient.events("hello")))
    time.sleep(11)  # more than its time-out
    assert len(impatient.events("hello")) == 1


@pytest.mark.timeout(150)
@pytest.mark.parametrize(
    "mode", ["uvicorn", *(pytest.param(mode, marks=pytest.mark.full) for mode in ("hypercorn", "granian"))]
)
def test_other_servers_deliver_everything_through_kills(start_server: StartServer, run: Any, mode: Mode) -> None:
    everything_arrives([PYTHON[0], node("eventsource")], 39, start_server(mode=mode), run)
    hold_rows("servers and proxies", [Row((mode,), version(mode))])


@pytest.mark.timeout(150)
def test_nginx_that_buffers_delivers_everything_through_kills(
    start_server: StartServer, run: Any, tmp_path: Path
) -> None:
    """While the server is away nginx answers 502, which ends an EventSource for good: these are asked again."""
    server = start_server()
    with buffering_nginx(server.url, tmp_path) as url:
        everything_arrives([PYTHON[0], READERS[0]], 39, server, run, url=url)
    said = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
    hold_rows("servers and proxies", [Row(("nginx",), said.strip().rpartition("/")[2], pinned=False)])
