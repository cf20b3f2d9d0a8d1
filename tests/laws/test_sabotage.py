"""Each law has a test that goes red when the law is broken. (A test that cannot fail proves nothing.)"""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.laws.sabotages import SABOTAGES

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
pytestmark = pytest.mark.timeout(240)  # each test starts a test run
LAWS = set(range(1, 12))
WAIT = 10  # seconds, one test


def run(tests: Sequence[str], folder: Path, *, sabotage: str | None = None) -> "subprocess.CompletedProcess[str]":
    """These tests in a process of their own, as they are or under a sabotage."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_CURRENT")}
    env["HYPOTHESIS_STORAGE_DIRECTORY"] = str(folder)
    if sabotage is not None:
        env |= {"SABOTAGE": sabotage, "PYTHONPATH": os.pathsep.join(map(str, (HERE / "inject", ROOT)))}
    words = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-profile=quick"]
    words += ["-o", f"timeout={WAIT}", "-o", "timeout_method=signal", *tests]  # to hang is to fail, too
    return subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


def test_every_law_has_a_sabotage() -> None:
    assert {sabotage.law for sabotage in SABOTAGES.values()} == LAWS


def test_without_a_sabotage_all_pass(tmp_path: Path) -> None:
    done = run(sorted({test for sabotage in SABOTAGES.values() for test in sabotage.tests}), tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", SABOTAGES)
def test_under_sabotage_each_test_of_the_law_fails(name: str, tmp_path: Path) -> None:
    tests = SABOTAGES[name].tests
    done = run(tests, tmp_path, sabotage=name)
    assert "sitecustomize" not in done.stderr, done.stderr  # it could not be applied
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    failed = set(re.findall(r"^FAILED (\S+)", done.stdout, re.MULTILINE))
    missing = [test for test in tests if not any(node.startswith(test) for node in failed)]
    assert not missing, f"not even under sabotage: {missing}\n{done.stdout}"
