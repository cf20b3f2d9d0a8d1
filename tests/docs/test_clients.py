"""The clients of docs/how-to/clients.md get every event, once, through a `kill -9` of the server."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.machine import EXAMPLES, token
from tests.servers import Server, eventually, spawn
from tidings.client import Client

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]


def kotlin(folder: Path) -> list[str]:
    """The compiled program of the page."""
    fetch = ["mvn", "-q", "-B", "dependency:copy", "-DoutputDirectory=" + str(folder / "lib")]
    names = ("kotlin-compiler-embeddable", "kotlin-stdlib", "kotlin-script-runtime", "kotlin-daemon-embeddable")
    for name in names:
        artifact = f"-Dartifact=org.jetbrains.kotlin:{name}:2.2.0"
        subprocess.run([*fetch, artifact], cwd=folder, check=True, timeout=600)
    for artifact in ("org.jetbrains.kotlinx:kotlinx-coroutines-core-jvm:1.8.0", "org.jetbrains:annotations:13.0"):
        subprocess.run([*fetch, f"-Dartifact={artifact}"], cwd=folder, check=True, timeout=600)
    source = str(EXAMPLES / "clients" / "Receive.kt")
    compiler = ["java", "-cp", f"{folder}/lib/*", "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler", "-no-stdlib"]
    libraries = ["-cp", ":".join(map(str, sorted((folder / "lib").glob("kotlin-stdlib*.jar"))))]
    subprocess.run([*compiler, *libraries, "-d", str(folder / "out"), source], check=True, timeout=600)
    return ["java", "-cp", f"{folder}/out:{folder}/lib/*", "ReceiveKt"]


@pytest.mark.parametrize("language", ["python", pytest.param("kotlin", marks=pytest.mark.full)])
@pytest.mark.timeout(2400)
def test_client_of_the_page_gets_every_event_through_a_kill(language: str, tmp_path: Path) -> None:
    if language == "kotlin" and shutil.which("mvn") is None:
        pytest.fail("no Maven here")
    receive = [sys.executable, str(EXAMPLES / "clients" / "receive.py")] if language == "python" else kotlin(tmp_path)
    server = Server(tmp_path / "t.db", mode="serve", settings={"retry": 1000}).start()
    environ = {**os.environ, "TIDINGS_URL": server.url, "TIDINGS_TOKEN": token("alice")}
    out = tmp_path / "received.txt"
    process = spawn(receive, log=out, env=environ, cwd=tmp_path)

    def titles() -> list[str]:
        return re.findall(r'^notification\.created .*"title": ?"(\w+)"', out.read_text(), re.MULTILINE)

    try:
        eventually("it is connected", lambda: "hello" in out.read_text())
        with Client(server.url, token=token(None, publish=True)) as client:
            client.publish(to={"user": "alice"}, title="one")
            eventually("it has the first", lambda: titles() == ["one"])
            server.kill()
            server.start()
            client.publish(to={"user": "alice"}, title="two")
        eventually("it has the second", lambda: titles() == ["one", "two"])
        server.stop()
    finally:
        process.kill()
        process.wait()
        server.kill()
