"""`make release`: the same bytes each time, which work in empty environments."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scripts.release import ROOT, build, hashes

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]


def test_wheel_is_the_same_bytes_wherever_it_is_built(tmp_path: Path) -> None:
    build(tmp_path / "one", packages=False)
    build(tmp_path / "two", packages=False)
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    [wheel] = (tmp_path / "one").iterdir()
    names = zipfile.ZipFile(wheel).namelist()
    assert {"tidings/py.typed", "tidings/js/define.js", "tidings/store/postgres/queries/log.sql"} - set(names) == set()
    assert [name for name in names if name.startswith(("tests/", "docs/", "js/"))] == []


@pytest.mark.full
def test_release_builds_everything_and_checks_it(tmp_path: Path) -> None:
    command = [sys.executable, "scripts/release.py", str(tmp_path / "dist")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sums = [line.split("  ") for line in (tmp_path / "dist" / "SHA256SUMS").read_text().splitlines()]
    assert {Path(name).suffix for _, name in sums} == {".whl", ".gz", ".tgz"}
