"""The tables of docs/compatibility.md, which tests hold true, and write with `TIDINGS_WRITE_DOCS=1`."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[1] / "docs" / "compatibility.md"
EVERYTHING = "all, once, in order"  # the result of a receiver of awkward notifications

WALKED = "every act, by mouse and keys"  # of the bell


class Row(NamedTuple):
    """One thing that was tried: its name in the first columns, its version and the result in the last two."""

    name: tuple[str, ...]
    version: str
    result: str = EVERYTHING
    pinned: bool = True  # False: the version is the system's, so it may be another one than in the page

    def text(self) -> str:
        return f"| {' | '.join([*self.name, self.version, self.result])} |"

    def holds(self, line: str) -> bool:
        cells = tuple(line.strip("| ").split(" | "))
        return line == self.text() or (not self.pinned and (*cells[:-2], cells[-1]) == (*self.name, self.result))


def hold_rows(table: str, rows: Sequence[Row]) -> None:
    """Hold these rows of a table, which stands between the comments `table` and `end of table`."""
    begin, end = f"<!-- {table} -->\n", f"<!-- end of {table} -->\n"
    head, _, rest = PAGE.read_text().partition(begin)
    lines, _, tail = rest.partition(end)
    kept = lines.splitlines()
    missing = [row for row in rows if not any(map(row.holds, kept))]
    if os.environ.get("TIDINGS_WRITE_DOCS"):
        ours = tuple(f"| {' | '.join(row.name)} |" for row in rows)
        kept = sorted([line for line in kept if not line.startswith(ours)] + [row.text() for row in rows])
        PAGE.write_text(head + begin + "".join(f"{line}\n" for line in kept) + end + tail)
        return
    assert not missing, "TIDINGS_WRITE_DOCS=1 writes them"
