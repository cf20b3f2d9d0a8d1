"""A bare installation: it works without the packages of the extras, and says which extra is missing."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tidings.extras import EXTRA_OF

ROOT = Path(__file__).resolve().parent.parent

OF_THE_SERVER = ("apsw", "httptools", "jwt", "prometheus_client", "starlette", "uvicorn", "uvloop", "xlsxwriter")

# A name that is None in `sys.modules` cannot be imported, as if it were not installed.
_WITHOUT = "import sys; sys.modules.update(dict.fromkeys({missing!r})); from tidings.cli import main; main({args!r})"


def run(*args: str, missing: tuple[str, ...] = OF_THE_SERVER) -> "subprocess.CompletedProcess[str]":
    """`tidings ARGS` where these packages are not installed."""
    code = _WITHOUT.format(missing=list(missing), args=list(args))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


def evaluates(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("args", [("--version",), ("--help",), ("publish", "--help"), ("listen", "--help")])
def test_bare_command_needs_no_package_of_the_server(args: tuple[str, ...]) -> None:
    done = run(*args)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize(
    ("command", "missing", "extra"),
    [
        (("serve",), OF_THE_SERVER, "server"),
        (("dev",), OF_THE_SERVER, "server"),
        (("serve",), ("uvicorn",), "server"),
        (("dev",), ("httptools",), "server"),
        (("token", "--new-secret"), OF_THE_SERVER, "app"),
    ],
)
def test_missing_extra_is_one_line_with_the_command_that_installs_it(
    command: tuple[str, ...], missing: tuple[str, ...], extra: str
) -> None:
    done = run(*command, missing=missing)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith(f"Error: tidings {command[0]} needs ")
    assert line.endswith(f": pip install 'tidings[{extra}]'")


def test_missing_package_of_no_extra_is_not_blamed_on_one() -> None:
    done = run("serve", missing=("click.testing", "msgspec"))
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "pip install" not in done.stderr


@pytest.mark.parametrize("code", ["import tidings", "import tidings.client", "from tidings import Client, AsyncClient"])
def test_client_loads_no_package_of_the_server(code: str) -> None:
    loaded = f"{code}; import sys; print(sorted(set(sys.modules) & set({OF_THE_SERVER!r})))"
    assert evaluates(loaded) == "[]"


def test_import_of_the_package_alone_loads_nothing_else() -> None:
    assert (
        evaluates("import sys, tidings; print([name for name in sys.modules if name.startswith('tidings.')])") == "[]"
    )


@pytest.mark.parametrize("code", ["import tidings.app", "import tidings.asgi", "from tidings import create_app"])
def test_application_loads_no_server_and_no_writer_of_workbooks(code: str) -> None:
    """The application runs under another server."""
    loaded = f"{code}; import sys; print(sorted(set(sys.modules) & {{'uvicorn', 'httptools', 'uvloop', 'xlsxwriter'}}))"
    assert evaluates(loaded) == "[]"


def test_every_export_is_there_and_listed() -> None:
    code = "import tidings; print(all(getattr(tidings, name) and name in dir(tidings) for name in tidings.__all__))"
    assert evaluates(code) == "True"


def test_unknown_export_is_an_attribute_error() -> None:
    code = "import tidings\ntry: tidings.nothing\nexcept AttributeError as error: print(error)"
    assert evaluates(code) == "module 'tidings' has no attribute 'nothing'"


def test_export_of_a_missing_extra_says_how_to_install_it() -> None:
    code = (
        "import sys; sys.modules['apsw'] = None; import tidings\n"
        "try: tidings.create_app\nexcept ModuleNotFoundError as error: print(error)"
    )
    assert evaluates(code) == "tidings.create_app needs pip install 'tidings[app]'"


def test_extras_named_in_the_code_are_those_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    bare = {_name(requirement) for requirement in project["dependencies"]}  # an extra may bound one of them
    imported_as = {"pyjwt": "jwt", "prometheus-client": "prometheus_client", "swagger-ui-py": "swagger_ui"}
    of_each = {
        imported_as.get(name, name): extra
        for extra, requirements in project["optional-dependencies"].items()
        for name in map(_name, requirements)
        if name not in {"tidings", *bare}
    }
    assert of_each == {**EXTRA_OF, "uvloop": "server"}  # uvicorn does without


def _name(requirement: str) -> str:
    return re.split(r"[^\w-]", requirement)[0]
