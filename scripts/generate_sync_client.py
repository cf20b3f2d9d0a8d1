"""Generate the blocking client (tidings.client._sync) from the asynchronous one (tidings.client._async).

    python scripts/generate_sync_client.py            write the generated modules
    python scripts/generate_sync_client.py --check    exit 1 if one of them is not what would be written

The generated text is the source without `async` and `await` and with other names; ruff formats it.
"""

import difflib
import re
import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).resolve().parent.parent / "src" / "tidings" / "client"
BY_HAND = {"__init__.py", "io.py", "websocket.py"}  # written for each

HEADER = "# Generated from ../_async/{name} by scripts/generate_sync_client.py: edit that and run this.\n\n"

REPLACEMENTS = [
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\btidings\.client\._async\b", "tidings.client._sync"),
    (r"\b__a(iter|next|enter|exit)__\b", r"__\1__"),
    (r"\bAwaitable\[(list\[Published\])\]", r"\1"),
    (r"\bStopAsyncIteration\b", "StopIteration"),
    (r"\bAsync(?=[A-Z])", ""),  # AsyncClient, AsyncIterator
    (r"\ba(close|closing|next|read|iter_bytes)\b", r"\1"),
    (r"\ban (?=(Client|Stream)\b)", "a "),
    (r", on asyncio\. It belongs to one event loop; .*\n", ", for threads, which may share it.\n"),
]


def generated(source: str, name: str) -> str:
    """The blocking counterpart of a module of the asynchronous client."""
    for pattern, replacement in REPLACEMENTS:
        source = re.sub(pattern, replacement, source)
    sort = ["check", "--select", "I,F401", "--fix", "--quiet"]
    return _ruff(["format", "--quiet"], _ruff(sort, HEADER.format(name=name) + source, name), name)


def _ruff(arguments: list[str], text: str, name: str) -> str:
    command = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", str(CLIENT / "_sync" / name), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def main(*, check: bool) -> int:
    """Write or compare every generated module; the number of differences."""
    sources = {path.name: path for path in sorted((CLIENT / "_async").glob("*.py")) if path.name not in BY_HAND}
    wanted = {name: generated(path.read_text(), name) for name, path in sources.items()}
    found = {path.name: path.read_text() for path in (CLIENT / "_sync").glob("*.py") if path.name not in BY_HAND}
    if not check:
        for name in found.keys() - wanted.keys():
            (CLIENT / "_sync" / name).unlink()
        for name, text in wanted.items():
            (CLIENT / "_sync" / name).write_text(text)
        return 0
    wrong = [name for name in sorted(wanted.keys() | found.keys()) if wanted.get(name) != found.get(name)]
    for name in wrong:
        before, after = found.get(name, "").splitlines(), wanted.get(name, "").splitlines()
        print("\n".join(difflib.unified_diff(before, after, f"_sync/{name}", "generated", lineterm="")))
    return len(wrong)


if __name__ == "__main__":
    sys.exit(1 if main(check="--check" in sys.argv[1:]) else 0)
