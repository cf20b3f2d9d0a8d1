"""The wheel in empty environments: bare and with each extra, it does what that is for.

On the interpreter that runs the tests; with the marker `full` on every other one of this machine, too.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import tidings
from scripts.interpreters import interpreters
from tests.conftest import Name, logged_errors
from tests.servers import SECRET, Server, environment, eventually, free_port

ROOT = Path(__file__).resolve().parents[2]
PINS = ROOT / "requirements" / "run.txt"  # what is tested is what was tested yesterday

pytestmark = pytest.mark.timeout(300)  # seconds; packages may have to be fetched

CURRENT = sys.version_info[:2]
OF_THE_APP = {"apsw", "jwt", "prometheus_client", "starlette"}
OF_THE_SERVER = {"httptools", "uvicorn", "uvloop"}


PYTHONS = [
    pytest.param(Path(sys.executable), id="{}.{}".format(*CURRENT)),
    *(
        pytest.param(python, id="{}.{}".format(*version), marks=pytest.mark.full)
        for version, python in sorted(interpreters().items())
        if version != CURRENT
    ),
]


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment with the wheel in it."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def tidings(self) -> str:
        return str(self.folder / "bin" / "tidings")

    def run(self, *argv: str, status: int = 0, **settings: object) -> "subprocess.CompletedProcess[str]":
        """One of its programs, outside of the source tree."""
        done = subprocess.run(
            [self.folder / "bin" / argv[0], *argv[1:]], cwd=self.folder, env=environment(settings),
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done

    def lacks(self) -> set[str]:
        """The packages of extras that are not there."""
        names = sorted(OF_THE_APP | OF_THE_SERVER | {"xlsxwriter"})
        code = f"from importlib.util import find_spec; print([name for name in {names} if not find_spec(name)])"
        return set(re.findall(r"\w+", self.run("python", "-c", code).stdout))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [built] = folder.iterdir()
    return built


def install(wheel: Path, extras: str, python: Path, folder: Path) -> Installed:
    made = Installed(folder)
    where = ["--python", str(made.python), "--constraint", str(PINS)]
    for command in (
        ["venv", "--quiet", "--no-python-downloads", "--python", str(python), str(folder)],
        ["pip", "install", "--quiet", *where, f"tidings{extras} @ {wheel.as_uri()}"],
    ):
        done = subprocess.run([sys.executable, "-m", "uv", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module", params=PYTHONS)
def python(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture(scope="module")
def bare(wheel: Path, python: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(wheel, "", python, tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="module")
def with_app(wheel: Path, python: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(wheel, "[app]", python, tmp_path_factory.mktemp("app"))


@pytest.fixture(scope="module")
def with_server(wheel: Path, python: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(wheel, "[server]", python, tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def with_demo(wheel: Path, python: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(wheel, "[server,demo]", python, tmp_path_factory.mktemp("demo"))


@contextmanager
def serving(installed: Installed, command: str, db: Path) -> Iterator[Server]:
    """The installed command's own server."""
    port = free_port()
    server = Server(
        db=db, mode="serve" if command == "serve" else "dev", port=port,
        argv=[installed.tidings, command, "--port", str(port)],
    )  # fmt: skip
    try:
        yield server.start()
        server.stop()
        assert logged_errors(server) == ""
    finally:
        server.kill()


# Bare: the client


def test_bare_installation_has_its_version_and_nothing_of_the_server(bare: Installed) -> None:
    assert bare.run("tidings", "--version").stdout == f"tidings, version {tidings.__version__}\n"
    bare.run("python", "-c", "import tidings.client; from tidings import AsyncClient, Client")
    assert bare.lacks() == OF_THE_APP | OF_THE_SERVER | {"xlsxwriter"}


def test_bare_installation_publishes_and_listens(bare: Installed, server: Server, name: Name) -> None:
    alice = name("alice")
    sent = ("tidings", "publish", "--url", server.url, "--to-user", alice, "--type", "like", "--body", "Hello")
    published = json.loads(bare.run(*sent).stdout)
    listening = subprocess.Popen(
        [bare.tidings, "listen", "--url", server.url, "--user", alice, "--cursor", "start", "--json"],
        cwd=bare.folder, env=environment({}), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert listening.stdout is not None
        event = json.loads(listening.stdout.readline())
    finally:
        listening.terminate()
        listening.communicate(timeout=30)
    assert (event["id"], event["data"]["body"]) == (published["cursor"], "Hello")


@pytest.mark.parametrize(("command", "extra"), [("serve", "server"), ("dev", "server"), ("token", "app")])
def test_bare_installation_names_the_extra_that_a_command_needs(bare: Installed, command: str, extra: str) -> None:
    [line] = bare.run("tidings", command, status=1).stderr.splitlines()
    assert line.endswith(f"pip install 'tidings[{extra}]'")


def test_bare_installation_names_the_extra_that_the_application_needs(bare: Installed) -> None:
    failed = bare.run("python", "-c", "from tidings import create_app", status=1).stderr
    assert "tidings.create_app needs pip install 'tidings[app]'" in failed.splitlines()[-1]


# [app]: the application, in a host's own server


def test_app_is_mounted_and_answers_without_a_server_of_ours(with_app: Installed, tmp_path: Path) -> None:
    assert with_app.lacks() == OF_THE_SERVER | {"xlsxwriter"}
    host = str(ROOT / "tests" / "e2e" / "asgi_host.py")
    told = json.loads(with_app.run("python", host, str(tmp_path / "0.db")).stdout)
    assert told["servers"] == []
    answers = told["answers"]
    assert {name: status for name, (status, _) in answers.items()} == dict.fromkeys(answers, 200) | {"published": 201}
    published = json.loads(answers["published"][1])
    assert f"id: {published['cursor']}\n" in answers["streamed"][1]
    assert [event["id"] for event in json.loads(answers["polled"][1])["events"]] == [published["cursor"]]
    assert [item["id"] for item in json.loads(answers["inbox"][1])["data"]] == [published["id"]]
    assert "tidings_events_total 1.0" in answers["metrics"][1]


def test_app_makes_tokens(with_app: Installed) -> None:
    assert with_app.run("tidings", "token", "--user", "alice", secret=SECRET).stdout.count(".") == 2


# [server]: `serve` and `dev`


def test_server_serves_those_with_tokens(with_server: Installed, tmp_path: Path) -> None:
    assert with_server.lacks() == {"xlsxwriter"}
    token = with_server.run("tidings", "token", "--user", "alice", "--publish", secret=SECRET).stdout.strip()
    with serving(with_server, "serve", tmp_path / "0.db") as server:
        assert server.request("GET", "/v1/inbox").status == 401
        sent = ("tidings", "publish", "--url", server.url, "--token", token, "--to-user", "alice", "--body", "Hello")
        published = json.loads(with_server.run(*sent).stdout)
        inbox = server.request("GET", "/v1/inbox", headers={"Authorization": f"Bearer {token}"}).json
        assert [item["id"] for item in inbox["data"]] == [published["id"]]


def test_server_without_the_writer_of_workbooks_does_all_but_export(with_server: Installed, tmp_path: Path) -> None:
    with serving(with_server, "dev", tmp_path / "0.db") as server:
        refused = server.request("GET", "/notification/export-excel?user_email=alice")
        assert (refused.status, refused.headers["content-type"]) == (501, "application/problem+json")
        assert refused.json["code"] == "extra_missing"
        assert refused.json["detail"].endswith("pip install 'tidings[demo]'")
        assert server.request("HEAD", "/notification/export-excel?user_email=alice").status == 501
        assert server.request("GET", "/v1/inbox?user=alice").json["data"] == []  # nothing was begun
        assert server.publish({"user": "alice"}, body="Hello")["live"] == 0
        assert server.request("GET", "/").status == 200


def test_server_with_the_writer_of_workbooks_exports(with_demo: Installed, tmp_path: Path) -> None:
    assert with_demo.lacks() == set()
    with serving(with_demo, "dev", tmp_path / "0.db") as server:
        begun = server.request("GET", "/notification/export-excel?user_email=alice")
        assert begun.status == 202
        eventually("the workbook is written", lambda: server.request("GET", begun.json["file"]).status == 200)
        assert server.request("GET", begun.json["file"]).body.startswith(b"PK")


# Types

HOST = """
from datetime import UTC, datetime

from tidings import AsyncClient, Client, Settings, create_app

app = create_app(Settings(mode="dev"))
reveal_type(app)
with Client("http://127.0.0.1:8000", user=42) as client:
    reveal_type(client.publish(to={"user": 42}, type="like", expire_time=datetime.now(UTC))["id"])
    reveal_type(client.counters(user=42)["unread"])
    for event in client.stream():
        reveal_type(event)


async def main() -> None:
    reveal_type((await AsyncClient("http://127.0.0.1:8000").publish(to={"users": [1, "bob"]}))["live"])
"""
REVEALED = ["tidings.app.Tidings", "str", "int", "tidings.client.types.Event", "int"]

MISTAKES = {
    'client.publish(to="alice")': "arg-type",
    'client.publish(to={"usr": "alice"})': "arg-type",
    'client.publish(to={"all": True}, titel="Hello")': "call-arg",
    'client.publish(to={"all": True}, priority="huge")': "arg-type",
    'client.publish_batch([{"type": "like"}])': "typeddict-item",
    "client.follow('post/9', 1.5)": "arg-type",
    "client.nothing()": "attr-defined",
    "tidings.nothing": "attr-defined",
}


def checked(program: str, installed: Installed, folder: Path) -> list[str]:
    """The output of `mypy --strict` for a program, where that is installed."""
    (folder / "host.py").write_text(program, encoding="utf-8")
    command = ["-m", "mypy", "--strict", "--config-file=", "--python-executable", str(installed.python), "host.py"]
    done = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def test_types_that_a_host_program_sees_are_real(with_app: Installed, tmp_path: Path) -> None:
    *revealed, _ = lines = checked(HOST, with_app, tmp_path)
    assert [line for line in lines if ": error:" in line] == []
    shown = [re.findall(r'"([^"]+)"', line)[0].replace("builtins.", "") for line in revealed]
    assert shown == REVEALED


def test_types_find_the_mistakes_of_a_host_program(with_app: Installed, tmp_path: Path) -> None:
    head = ["import tidings", "from tidings.client import Client", 'client = Client("http://127.0.0.1:8000")']
    lines = checked("\n".join([*head, *MISTAKES]), with_app, tmp_path)
    errors = [re.fullmatch(r"host\.py:(\d+): error: .*\[([\w-]+)\]", line) for line in lines]
    found = {int(error[1]): error[2] for error in errors if error is not None}
    assert found == dict(enumerate(MISTAKES.values(), start=len(head) + 1)), lines
