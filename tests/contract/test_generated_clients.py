"""Typed clients that generators make of the description: they compile, publish, list, mark and follow."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Name
from tests.described import described_api
from tests.servers import Server

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).parent / "generated"
MODULES = ROOT / "js" / "node_modules"
GO_GENERATOR = "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2"
JAVA_GENERATOR = "org.openapitools:openapi-generator-cli:7.14.0"

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


def run(folder: Path, *command: str | Path, **environ: str) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path, **environ}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the description and the programs in it, and the packages of npm."""
    shutil.copytree(PROGRAMS, tmp_path, dirs_exist_ok=True)
    (tmp_path / "openapi.json").write_text(json.dumps(described_api()))
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "node_modules").symlink_to(MODULES)
    return tmp_path


def compile_and_run(folder: Path, name: str, server: Server, user: str) -> None:
    options = {"strict": True, "skipLibCheck": True, "target": "es2022", "module": "nodenext", "types": []}
    config = {"compilerOptions": options, "files": [f"{name}.ts"]}
    (folder / "tsconfig.json").write_text(json.dumps(config))
    run(folder, MODULES / ".bin/tsc")
    run(folder, "node", f"{name}.js", server.url, user)


def test_openapi_python_client(server: Server, name: Name, folder: Path) -> None:
    run(folder, "openapi-python-client", "generate", "--path", "openapi.json", "--meta", "none",
        "--output-path", "generated")  # fmt: skip
    run(folder, sys.executable, "program.py", server.url, name("alice"))


def test_openapi_typescript(server: Server, name: Name, folder: Path) -> None:
    run(folder, MODULES / ".bin/openapi-typescript", "openapi.json", "-o", "api.d.ts")
    compile_and_run(folder, "program", server, name("alice"))


if shutil.which("mvn"):

    @pytest.mark.full
    @pytest.mark.timeout(600)
    def test_openapi_generator_typescript_fetch(server: Server, name: Name, folder: Path) -> None:
        run(folder, "mvn", "-q", "dependency:copy", f"-Dartifact={JAVA_GENERATOR}", f"-DoutputDirectory={folder}")
        (jar,) = folder.glob("*.jar")
        run(folder, "java", "-jar", jar, "generate", "-i", "openapi.json", "-g", "typescript-fetch", "-o", "client",
            "--additional-properties", "importFileExtension=.js")  # fmt: skip
        compile_and_run(folder, "fetch_program", server, name("alice"))


if shutil.which("go"):

    @pytest.mark.full
    @pytest.mark.timeout(600)
    def test_oapi_codegen(server: Server, name: Name, folder: Path) -> None:
        generate = ["go", "run", GO_GENERATOR, "-generate", "types,client", "-package", "main", "-o", "client.go"]
        run(folder, *generate, "openapi.json", GOFLAGS="-mod=mod")
        run(folder, "go", "mod", "init", "example.com/program")
        run(folder, "go", "mod", "tidy")
        run(folder, "go", "run", ".", server.url, name("alice"))
