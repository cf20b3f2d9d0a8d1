"""The architecture: the imports that a module may have, the package's files, the pins."""

import ast
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from importlib import metadata, resources
from pathlib import Path

import pytest

import tidings

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"

PURE = (
    "tidings/domain/**/*.py",
    "tidings/hub/**/*.py",
    "tidings/transports/sse.py",
    "tidings/transports/close_codes.py",
    "tidings/transports/*frames*.py",
    "tidings/transports/*codec*.py",
    "tidings/bus/frame.py",
    "tidings/bus/names.py",
    "tidings/background/sequencer.py",
    "tidings/auth/grants.py",
)
# Time, randomness, ids and I/O are passed in as arguments.
IMPURE = {
    *("asyncio", "anyio", "uvloop", "threading", "concurrent", "multiprocessing", "subprocess"),
    *("socket", "ssl", "select", "selectors", "os", "tempfile", "shutil"),
    *("time", "random", "secrets", "uuid"),
}
CLOCKS = {"now", "utcnow", "today"}

# Packages whose `__init__` may export names. Every other `__init__` is a docstring with the package's rules.
FACES = {"tidings", "tidings.cli", "tidings.client", "tidings.outbox", "tidings.testing"}


def pure_files() -> list[Path]:
    return sorted({path for pattern in PURE for path in SRC.glob(pattern)})


def module_name(path: Path) -> str:
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, full name) of everything a file imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def impurities(source: str, *, pure: set[str]) -> list[str]:
    """`line: what` for each thing that a pure module may not say. `pure` are the modules it may lean on."""
    tree = ast.parse(source)
    found = []
    for line, name in imported(tree):
        if name.split(".")[0] in IMPURE:
            found.append(f"{line}: imports {name}")
        elif name.startswith("tidings.") and not ({name, name.rpartition(".")[0]} & pure):
            found.append(f"{line}: leans on {name}, which is not pure")
    found += [
        f"{node.lineno}: reads the clock with {node.func.attr}()"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS
    ]
    return found


@pytest.mark.parametrize("path", pure_files(), ids=module_name)
def test_pure_module_imports_nothing_impure(path: Path) -> None:
    pure = {module_name(other) for other in pure_files()}
    assert impurities(path.read_text(encoding="utf-8"), pure=pure) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import asyncio", ["1: imports asyncio"]),
        ("def f():\n    from time import monotonic", ["2: imports time.monotonic"]),
        ("import os.path as p", ["1: imports os.path"]),
        ("from datetime import datetime\nx = datetime.now()", ["2: reads the clock with now()"]),
        ("import timeit, oslo, json", []),
        ("from tidings.domain import topics\nfrom tidings.domain.topics import Topic", []),
        (
            "from tidings.store.sqlite.adapter import S",
            ["1: leans on tidings.store.sqlite.adapter.S, which is not pure"],
        ),
    ],
)
def test_the_purity_test_sees_through_every_way_of_importing(source: str, found: list[str]) -> None:
    assert impurities(source, pure={"tidings.domain", "tidings.domain.topics"}) == found


def test_only_the_server_package_imports_uvicorn() -> None:
    """The application runs under any ASGI server; what it needs of ours is a Protocol (`transports.detachable`)."""
    importers = {
        module_name(path)
        for path in sorted(SRC.glob("tidings/**/*.py"))
        for _, name in imported(ast.parse(path.read_text(encoding="utf-8")))
        if name.split(".")[0] in {"uvicorn", "httptools", "uvloop"}
    }
    assert {name.rpartition(".")[0] for name in importers} == {"tidings.server"}


def test_every_package_has_its_row_in_the_architecture() -> None:
    page = (SRC.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = {name for row in re.findall(r"^\| (`.+?) \|", page, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    found = {
        path.stem for path in (SRC / "tidings").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert found - {"__init__", "__main__"} == rows


def test_packages_that_must_be_pure_exist() -> None:
    packages = {".".join(module_name(path).split(".")[:2]) for path in pure_files()}
    assert packages >= {"tidings.domain", "tidings.hub"}


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(SRC.glob("tidings/**/__init__.py")) if module_name(path) not in FACES],
    ids=module_name,
)
def test_a_door_says_its_rules_and_hands_nothing_on(path: Path) -> None:
    """No re-exports inside the package: a name is imported from the module that defines it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert (ast.get_docstring(tree) or "").strip()
    assert [name for _, name in imported(tree) if name.split(".")[0] == "tidings"] == []


@pytest.mark.parametrize("package", ["api", "seed"])
def test_http_calls_the_verbs_and_neither_the_store_nor_the_hub(package: str) -> None:
    found = [
        f"{path.relative_to(SRC)}:{line}: {name}"
        for path in sorted((SRC / "tidings" / package).glob("**/*.py"))
        for line, name in imported(ast.parse(path.read_text(encoding="utf-8")))
        if name.startswith(("tidings.store", "tidings.hub", "tidings.bus"))
    ]
    assert found == []


def files_below(top: Path) -> set[str]:
    """The files that git would keep below `top`, relative to it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "."],
        cwd=top,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    return {name for name in listed if (top / name).is_file()}


def build(target: str, *, into: Path) -> Path:
    """The wheel or sdist of the working tree."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(into)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [built] = into.iterdir()
    return built


@pytest.fixture(scope="module")
def package() -> set[str]:
    """Every file of an installation: the package, and in it the browser's client."""
    return {f"tidings/{name}" for name in files_below(SRC / "tidings")} | {
        f"tidings/js/{name}" for name in files_below(ROOT / "js" / "dist")
    }


def test_wheel_holds_the_whole_package_and_nothing_else(package: set[str], tmp_path: Path) -> None:
    names = zipfile.ZipFile(build("wheel", into=tmp_path)).namelist()
    assert {name for name in names if ".dist-info/" not in name} == package


def test_sdist_holds_the_sources_of_the_wheel(package: set[str], tmp_path: Path) -> None:
    with tarfile.open(build("sdist", into=tmp_path)) as archive:
        names = {name.partition("/src/")[2] for name in archive.getnames()}
    assert names - {""} == package


def test_the_browsers_client_is_found_where_the_server_looks_for_it() -> None:
    shipped = resources.files("tidings") / "js"
    assert {entry.name for entry in shipped.iterdir()} == {path.name for path in (ROOT / "js/dist").iterdir()}


def test_the_package_and_its_metadata_agree_on_the_version() -> None:
    assert metadata.version("tidings") == tidings.__version__
    assert f"## {tidings.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["run.txt", "dev.txt"])
def test_pins_are_hashed_and_name_no_place(name: str) -> None:
    """The installing machine chooses its package index."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    assert re.search(r"://|^-|\bfind-links\b|\bindex\b|@ ", text, re.MULTILINE) is None
    blocks = re.split(r"^(?=\S)", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)
    pins = [block for block in blocks if block.strip()]
    assert pins
    assert [pin for pin in pins if not re.match(r"[\w.-]+==\S+[^\n]*\\\n\s+--hash=sha256:[0-9a-f]{64}", pin)] == []
