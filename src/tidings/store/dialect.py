"""The queries and migrations of one SQL dialect: `<dialect>/queries/*.sql` and `<dialect>/migrations/*.sql`.

A query begins with a line of its own: `-- name -> column, column` where it returns rows, `-- name` where it does not.
The rows come back with those names, so that no script depends on the order that one dialect selects them in.
"""

import re
from collections import namedtuple
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

_HEADER = re.compile(r"^-- ([a-z_]+)(?: -> ([a-z_]+(?:, [a-z_]+)*))?$", re.MULTILINE)


class Statement(NamedTuple):
    """One query of a dialect."""

    sql: str
    row: Any  # the class of its rows, a named tuple; None: it returns none

    @property
    def columns(self) -> tuple[str, ...]:
        return () if self.row is None else tuple(self.row._fields)


def queries(dialect: str) -> dict[str, Statement]:
    """Every query of a dialect, by name. Raises `ValueError` if a name stands twice."""
    found: dict[str, Statement] = {}
    for file in _files(dialect, "queries"):
        _, *parts = _HEADER.split(file.read_text("utf-8"))
        for name, columns, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            if name in found:
                raise ValueError(f"two queries are called {name}")
            row = namedtuple(name, columns.split(", ")) if columns else None
            found[name] = Statement(text.strip(), row)
    return found


def migrations(dialect: str) -> list[str]:
    """The numbered files that make the schema, in order: the n-th leads from version n-1 to n."""
    return [file.read_text("utf-8") for file in _files(dialect, "migrations")]


def _files(dialect: str, folder: str) -> list[Traversable]:
    found = (files(__package__) / dialect / folder).iterdir()
    return sorted((file for file in found if file.name.endswith(".sql")), key=lambda file: file.name)
