"""Hosts from the programs of a page, each served by an ASGI server in a process of its own."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.servers import free_port

DOCS = Path(__file__).resolve().parents[2] / "docs"
_PROGRAM = re.compile(r"```python\n# ([\w.]+)[^\n]*\n(.*?)```", re.DOTALL)
SECONDS = 20


@dataclass(frozen=True)
class Host:
    url: str
    process: "subprocess.Popen[str]"


def programs(page: str) -> dict[str, str]:
    """The programs of a page by the file name in their first line."""
    return dict(_PROGRAM.findall((DOCS / page).read_text()))


@contextmanager
def served(folder: Path, *command: str) -> Iterator[Host]:
    """A host; PORT in the command is a free port."""
    port = free_port()
    environ = {**os.environ, "TIDINGS_DB": str(folder / "t.db")}
    arguments = [one.replace("PORT", str(port)) for one in command]
    process = subprocess.Popen([sys.executable, "-m", *arguments], cwd=folder, env=environ, text=True)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                httpx2.get(f"{url}/tidings/healthz").raise_for_status()
                break
            except httpx2.TransportError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield Host(url, process)
    finally:
        process.terminate()
        process.wait(SECONDS)
