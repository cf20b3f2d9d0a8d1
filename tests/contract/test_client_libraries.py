"""Libraries of other people receive awkward notifications through `kill -9`: all of them, once, in order.

The result of each is a row of docs/compatibility.md, which these tests hold true; `TIDINGS_WRITE_DOCS=1` writes it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from http.client import HTTPException
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import StartServer
from tests.servers import Server, environment, eventually, spawn

CLIENTS = Path(__file__).parent / "clients"
PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"
BEGIN, END = "<!-- rows -->\n", "<!-- end of rows -->\n"  # of the table in that page
USER = "alice"
LIVES = 3  # of the server: two `kill -9`
NPM = json.loads((CLIENTS / "package.json").read_text())["dependencies"]

AWKWARD = [
    "one\ntwo\r\nthree\rfour",
    "\u2028\u2029\x85\x0b\x0c\x1c",
    "data: x\n\nevent: reset\nid: 1\n\n",
    ": a comment",
    "\ufeffbegins with a mark of byte order",
    "\U0001f514\U0001f468\u200d\U0001f469\u200d\U0001f467 \u05e9\u05dc\u05d5\u05dd e\u0301",
    " blank at both ends ",
    "\t",
    '{"json": "in \\"json\\""}',
    "0\r\n\r\n",
    "<script>&amp;</script>",
    "x" * 30_000,
    "\u20ac" * 10_000,
]


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

    def __init__(self, client: Client, server: Server, folder: Path) -> None:
        self.client = client
        self._out = folder / f"{client.language}-{client.name.replace('/', '-')}.jsonl"
        argv = [*client.argv, f"{server.url}/v1/stream?user={USER}&heartbeat=4"]
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

        def start(client: Client, server: Server) -> Running:
            running = Running(client, server, tmp_path)
            stack.callback(running.end)
            return running

        yield start


def publish(server: Server, number: int) -> tuple[str, str]:
    """Publish one notification, however often that takes; its cursor and its text."""
    text = f"{number} {AWKWARD[number % len(AWKWARD)]}"
    key = {"Idempotency-Key": f"n{number}"}
    while True:
        try:
            answer = server.request("POST", "/v1/notifications", {"to": {"user": USER}, "body": text}, headers=key)
        except (OSError, HTTPException):
            time.sleep(0.05)
            continue
        assert answer.status == 201, answer.body
        return answer.json["cursor"], text


def receive_through_kills(clients: Sequence[Client], number: int, server: Server, run: Any) -> dict[Client, str]:
    """The result of each client with `number` notifications and two `kill -9`: `""`, or what went wrong."""
    everyone = [run(client, server) for client in clients]
    sent: list[tuple[str, str]] = []
    for life in range(1, LIVES + 1):
        eventually("all are there", lambda: all(len(one.events("hello")) >= life or one.ended() for one in everyone))  # noqa: B023
        until = number * life // LIVES
        sent += [publish(server, n) for n in range(len(sent), until - 1)]
        if life < LIVES:  # the server dies as the next is published, with what it sent half-way to its readers
            server.kill()
            server.start()
        sent.append(publish(server, until - 1))
    last = sent[-1][0]

    def is_through(one: Running) -> bool:
        return one.ended() or last in [event["id"] for event in one.events("notification.created")]

    with suppress(AssertionError):
        eventually("everybody has everything", lambda: all(map(is_through, everyone)), within=60)
    return {one.client: fault(one, sent) for one in everyone}


def fault(one: Running, sent: list[tuple[str, str]]) -> str:
    """The notifications that a client did not get as they were sent, or `""`."""
    got = [(event["id"], json.loads(event["data"])["body"]) for event in one.events("notification.created")]
    if got != sent:
        right = sum(mine == theirs for mine, theirs in zip(got, sent, strict=False))
        return f"{len(got)} of {len(sent)} events, the first {right} right: {one.said()}"
    if one.events("reset"):
        return "was reset"
    greeted = len(one.events("hello"))
    return "" if greeted == LIVES else f"connected {greeted} times for {LIVES} lives of the server"


def hold_page(clients: Sequence[Client]) -> None:
    """Hold the rows of these clients, who all got everything, in docs/compatibility.md."""
    head, begin, rest = PAGE.read_text().partition(BEGIN)
    table, end, tail = rest.partition(END)
    rows = {
        client: f"| {client.language} | {client.name} | {client.version} | all, once, in order |" for client in clients
    }
    kept = table.splitlines()
    missing = set(rows.values()) - set(kept)
    if missing and os.environ.get("TIDINGS_WRITE_DOCS"):
        ours = tuple(f"| {client.language} | {client.name} |" for client in clients)
        kept = sorted([row for row in kept if not row.startswith(ours)] + list(rows.values()))
        PAGE.write_text(head + begin + "".join(f"{row}\n" for row in kept) + end + tail)
        return
    assert not missing, "TIDINGS_WRITE_DOCS=1 writes them"


def everything_arrives(clients: Sequence[Client], number: int, server: Server, run: Any) -> None:
    faults = receive_through_kills(clients, number, server, run)
    assert {client.name: said for client, said in faults.items() if said} == {}
    hold_page(clients)


@pytest.mark.timeout(150)
def test_libraries_receive_everything_through_kills(start_server: StartServer, run: Any) -> None:
    everything_arrives([*PYTHON, *JAVASCRIPT, *READERS], 39, start_server(), run)


@pytest.mark.full
@pytest.mark.timeout(400)
def test_libraries_receive_five_hundred_through_kills(start_server: StartServer, run: Any) -> None:
    everything_arrives([*PYTHON, *JAVASCRIPT, *READERS], 500, start_server(), run)


@pytest.mark.full
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("tool", [tool for tool in LANGUAGES if shutil.which(tool)])
def test_libraries_of_other_languages_receive_five_hundred_through_kills(
    start_server: StartServer, run: Any, tmp_path: Path, tool: str
) -> None:
    everything_arrives(LANGUAGES[tool](tmp_path / tool), 500, start_server(), run)


def test_reader_with_a_short_time_out_stays_while_nothing_happens(start_server: StartServer, run: Any) -> None:
    """Ten seconds are okhttp's default, and half of the usual heartbeat."""
    impatient = run(READERS[2], start_server())
    eventually("it listens", lambda: bool(impatient.events("hello")))
    time.sleep(11)  # more than its time-out
    assert len(impatient.events("hello")) == 1
