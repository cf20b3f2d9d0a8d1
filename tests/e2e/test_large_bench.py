"""The short form of the bench's day on a large database: each part of it ends, and does all that it should."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.large import TABLE

ROOT = Path(__file__).parents[2]


@pytest.mark.full
@pytest.mark.timeout(900)
def test_operators_day_on_two_hundred_thousand_notifications_is_done() -> None:
    """Times are not looked at: other tests run beside this one."""
    command = [sys.executable, "-m", "bench", "large", "--quick", "--no-write"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=850, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    for _, title, _, _ in TABLE:
        assert f"| {title} (" in done.stdout
    retracted = [int(number) for number in re.findall(r'"deleted":(\d+)', done.stdout)]
    assert len(retracted) == 2 and 8_000 < retracted[1] < 12_000  # a twentieth
