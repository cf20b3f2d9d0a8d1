"""SQL by name: `-- name` on a line of its own starts a query, in `<dialect>/*.sql`."""

import re
from importlib.resources import files
from importlib.resources.abc import Traversable

_NAME = re.compile(r"^-- ([a-z_]+)$", re.MULTILINE)


def queries(dialect: str) -> dict[str, str]:
    """Every query of a dialect. Raises `ValueError` if a name stands twice."""
    found: dict[str, str] = {}
    for file in _files(dialect):
        _, *parts = _NAME.split(file.read_text("utf-8"))
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            if name in found:
                raise ValueError(f"two queries are called {name}")
            found[name] = text.strip()
    return found


def migrations(dialect: str) -> list[str]:
    """The numbered files that make the schema, in order: the n-th leads from version n-1 to n."""
    folder = files(__name__) / dialect / "migrations"
    return [file.read_text("utf-8") for file in sorted(folder.iterdir(), key=lambda file: file.name)]


def _files(dialect: str) -> list[Traversable]:
    folder = files(__name__) / dialect
    return sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
