"""docs/how-to/service.md: the unit and the Dockerfile, by their commands, on a machine that stays as it is."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.machine import NOTHING, as_service, end_service, stubs
from tests.docs.test_tutorials import environ_here
from tests.docs.walkthrough import DOCS, Walkthrough, walking
from tests.servers import SECRET, Server, environment, eventually, free_port, spawn

ROOT = DOCS.parent
DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walkthrough]:
    with walking(tmp_path / "walk", environ=environ_here()) as walk:
        yield walk


def unit() -> dict[str, list[str]]:
    """The unit's values by name."""
    lines = re.findall(r"^(\w+)=(.*)$", (DEPLOY / "tidings.service").read_text(), re.MULTILINE)
    return {name: [value for other, value in lines if other == name] for name, _ in lines}


def test_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    here = tmp_path / "tidings.service"
    here.write_text((DEPLOY / "tidings.service").read_text().replace("/opt/tidings/bin", str(BIN)))
    done = subprocess.run(["systemd-analyze", "verify", str(here)], capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "tidings.service" in line]) == (0, [])


def test_commands_of_the_unit_serve_with_the_file_of_the_page(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "secret").chmod(0o600)
    config = (DEPLOY / "tidings.toml").read_text().replace("port = 8000", f"port = {port}")
    config = config.replace("/var/lib/tidings", str(tmp_path)).replace("/etc/tidings", str(tmp_path))
    (tmp_path / "tidings.toml").write_text(config)

    def argv(command: str) -> list[str]:
        return shlex.split(command.replace("/opt/tidings/bin", str(BIN)).replace("/etc/tidings", str(tmp_path)))

    [check], [start] = unit()["ExecStartPre"], unit()["ExecStart"]
    subprocess.run(argv(check), check=True, env=environment({}))
    server = Server(tmp_path / "tidings.db", port=port, argv=argv(start), mode="serve")
    try:
        server.start()
        server.stop()
        assert (tmp_path / "tidings.db").exists()
    finally:
        server.kill()


def test_commands_of_the_dockerfile_serve_and_are_healthy(tmp_path: Path) -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    port = free_port()
    said = re.search(r"^ENV (.*)$", text, re.MULTILINE)
    commands = dict(re.findall(r"^(HEALTHCHECK CMD|CMD) (\[.*\])$", text, re.MULTILINE))
    assert said is not None
    here = said[1].replace("/data", str(tmp_path)).replace("8000", str(port)).replace("0.0.0.0", "127.0.0.1")
    environ = environment({"secret": SECRET}) | dict(one.split("=") for one in here.split())
    environ["PATH"] = f"{BIN}{os.pathsep}{environ['PATH']}"
    log = tmp_path / "log"
    process = spawn(json.loads(commands["CMD"]), log=log, env=environ, cwd=tmp_path)
    check = json.loads(commands["HEALTHCHECK CMD"].replace("8000", str(port)))
    try:
        eventually(
            "it is healthy",
            lambda: subprocess.run(check, env=environ, capture_output=True, check=False).returncode == 0,
        )
        process.terminate()
        process.wait(20)
        assert subprocess.run(check, env=environ, capture_output=True, check=False).returncode != 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.full
@pytest.mark.timeout(900)
def test_commands_of_the_page_on_services_install_one_that_runs(walk: Walkthrough, tmp_path: Path) -> None:
    built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", f"{tmp_path}/dist"]
    subprocess.run(built, cwd=ROOT, check=True, capture_output=True)
    as_service(walk, tmp_path)
    moved = {
        "/opt/tidings": f"{tmp_path}/opt",
        "/etc/tidings/tidings.toml": str(walk.folder / "tidings.toml"),  # before its folder
        "/etc/tidings": f"{tmp_path}/etc",
        "/var/lib/tidings": f"{tmp_path}/lib",
    }
    (tmp_path / "lib").mkdir()
    folder = stubs(tmp_path / "more", useradd=NOTHING, chown=NOTHING, install='#!/bin/sh\nmkdir -p "$6"\n')
    walk.said = moved
    walk.environ = {name: text for name, text in walk.environ.items() if name != "PIP_NO_INDEX"} | {
        "PIP_FIND_LINKS": f"{tmp_path}/dist",
        "PATH": f"{folder}{os.pathsep}{walk.environ['PATH']}",
        "SERVICE": "exec "
        + unit()["ExecStart"][0]
        .replace("/opt/tidings", moved["/opt/tidings"])
        .replace("/etc/tidings/tidings.toml", moved["/etc/tidings/tidings.toml"]),
    }
    try:
        walk.follow("how-to/service.md")
    finally:
        end_service(walk)
