"""The queries of the dialect as the driver takes them: parameters by number in place of names. Pure."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from tidings.store.dialect import queries

_PARAMETER = re.compile(r"(?<!:):([a-z_]+)")  # and not the type after `::`
_COMMENT = re.compile(r"--.*")


class Numbered(NamedTuple):
    """A query with its parameters `$1`, `$2` ... in the order of `names`."""

    sql: str  # "" for one that this dialect has nothing to do for
    names: tuple[str, ...]
    row: Any  # the class of its rows; None: it returns none

    def values(self, params: Mapping[str, Any]) -> list[Any]:
        """The parameters that the query has, of those that a script gave."""
        return [params[name] for name in self.names]


def numbered(sql: str, row: Any = None) -> Numbered:
    """A query whose parameters have names."""
    bare = _COMMENT.sub("", sql).strip()
    names = tuple(dict.fromkeys(_PARAMETER.findall(bare)))
    return Numbered(_PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", bare), names, row)


def statements() -> dict[str, Numbered]:
    """Every query of the dialect, by name."""
    return {name: numbered(query.sql, query.row) for name, query in queries("postgres").items()}
