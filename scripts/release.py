"""Builds what is published, twice, and checks it in empty environments: the wheel, the sdist and npm's tarball.

`make release` does it into dist/, of the commit that is checked out. It publishes nothing.
"""

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.interpreters import interpreters  # noqa: E402

PINS = ROOT / "requirements" / "run.txt"
_RUN_DEV = """
import subprocess, sys, time, urllib.request
server = subprocess.Popen(sys.argv[1:])
try:
    for _ in range(600):
        time.sleep(0.1)
        try:
            urllib.request.urlopen("http://127.0.0.1:18999/readyz").read()
            break
        except OSError:
            if server.poll() is not None:
                sys.exit("it ended")
    else:
        sys.exit("it does not answer")
finally:
    server.terminate()
    server.wait()
"""


def run(*argv: str | Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> str:
    """The output of a command. Raises `SystemExit` with all it said if it fails."""
    environ = {**os.environ, **(env or {})}
    done = subprocess.run(argv, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, argv))}\n{done.stdout}{done.stderr}")
    return done.stdout


def commit_time() -> str:
    """Seconds since 1970: the time that files in the artefacts have (reproducible-builds.org, SOURCE_DATE_EPOCH)."""
    return run("git", "log", "-1", "--format=%ct").strip()


def build(out: Path, *, packages: bool = True) -> None:
    """Build from the committed files alone, in a folder of another name each time. Without `packages`: the wheel."""
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
        with tarfile.open(fileobj=BytesIO(archive)) as tar:
            tar.extractall(tree, filter="data")
        kinds = ("-t", "wheel", "-t", "sdist") if packages else ("-t", "wheel")
        environ = {"SOURCE_DATE_EPOCH": commit_time()}
        run(sys.executable, "-m", "hatchling", "build", *kinds, "-d", out, cwd=tree, env=environ)
        if packages:
            (tree / "js" / "node_modules").symlink_to(ROOT / "js" / "node_modules")
            run("npm", "pack", "--silent", "--pack-destination", out, cwd=tree / "js", env=environ)


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each artefact."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def build_twice(out: Path) -> dict[str, str]:
    """Build, build again elsewhere, and compare. Raises `SystemExit` if any byte differs."""
    with tempfile.TemporaryDirectory() as folder:
        build(out)
        build(Path(folder) / "again")
        first, second = hashes(out), hashes(Path(folder) / "again")
    if first != second:
        raise SystemExit(f"not reproducible: {first} {second}")
    return first


def check_python(artefact: Path, python: Path) -> None:
    """Install into an empty environment: the client alone, then the server, which must find its settings sound."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        run(sys.executable, "-m", "uv", "venv", "--quiet", "--python", python, home / "venv")
        pip = (sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", home / "venv" / "bin" / "python")
        tidings = home / "venv" / "bin" / "tidings"
        run(*pip, "--constraint", PINS, f"tidings @ {artefact.as_uri()}")
        run(home / "venv" / "bin" / "python", "-c", "from tidings import Client", cwd=home)
        run(*pip, "--constraint", PINS, f"tidings[server] @ {artefact.as_uri()}")
        secret = run(tidings, "token", "--new-secret", cwd=home).strip()
        run(tidings, "serve", "--check", cwd=home, env={"TIDINGS_SECRET": secret})


def check_uvx(wheel: Path) -> None:
    """`uvx` starts `tidings dev` from the wheel."""
    with tempfile.TemporaryDirectory() as folder:
        uvx = (sys.executable, "-m", "uv", "tool", "run", "--from", f"tidings[server] @ {wheel}")
        run(sys.executable, "-c", _RUN_DEV, *uvx, "tidings", "dev", "--port", "18999", cwd=Path(folder))


def check_npm(tarball: Path) -> None:
    """Install into an empty folder, and import what needs no DOM."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        run("npm", "init", "--yes", cwd=home)
        run("npm", "install", "--silent", "--no-audit", "--no-fund", tarball, cwd=home)
        code = 'import("tidings/stream.js").then(({ connect }) => { if (!connect) process.exit(1) })'
        run("node", "-e", code, cwd=home)


def main(out: Path) -> None:
    """Build, compare, check, and write SHA256SUMS."""
    if run("git", "status", "--porcelain", "--untracked-files=no"):
        raise SystemExit("commit first: a release is of a commit")
    found = build_twice(out)
    [wheel], [sdist], [tarball] = (list(out.glob(kind)) for kind in ("*.whl", "*.tar.gz", "*.tgz"))
    for version, python in sorted(interpreters().items()):
        check_python(wheel, python)
        print("wheel: Python {}.{}".format(*version))
    check_python(sdist, Path(sys.executable))
    check_uvx(wheel)
    check_npm(tarball)
    print("sdist, uvx, npm")
    sums = "".join(f"{digest}  {name}\n" for name, digest in found.items())
    (out / "SHA256SUMS").write_text(sums)
    print(sums, end="")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
