"""Finds the Pythons of a machine that Tidings supports."""

import os
import subprocess
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 14)


def version_of(python: Path) -> tuple[int, int] | None:
    """The version of that Python; None if it does not run (a shim of a version that is not chosen)."""
    code = "import sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    major, minor = map(int, done.stdout.split())
    return major, minor


def interpreters() -> dict[tuple[int, int], Path]:
    """The Pythons that are supported, of PATH and of pyenv, by version."""
    folders = [Path(folder) for folder in os.get_exec_path()]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders += sorted(pyenv.glob("versions/3.*/bin"))
    found: dict[tuple[int, int], Path] = {}
    for folder in folders:
        for python in sorted(folder.glob("python3.[0-9][0-9]")):
            version = version_of(python)
            if version is not None and OLDEST <= version <= NEWEST:
                found.setdefault(version, python)
    return found
