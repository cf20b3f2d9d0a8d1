"""Queries by name: every one that is used exists, every one that exists is used, and none reads a whole table."""

import ast
import re
from pathlib import Path

import apsw
import pytest

import tidings
from tidings.store.sql import migrations, queries

PACKAGE = Path(tidings.__file__).parent
TRANSACTIONS = sorted((PACKAGE / "store" / "transactions").glob("*.py"))
ADAPTERS = {"sqlite": PACKAGE / "store" / "sqlite.py"}
DIALECTS = sorted(path.name for path in (PACKAGE / "store" / "sql").iterdir() if (path / "migrations").is_dir())

# Big tables, and the queries that may walk one: in the order of its key, and no further than their limit.
LARGE = {"events", "notifications", "marks", "people", "follows", "keys"}
WALKS = {"aged_items"}

LISTS = {"who", "spans", "users", "nids", "origins", "rows", "pairs", "tags"}  # parameters that are JSON arrays
ONCE = {"start_log"}  # a second one is an error


def asked_by_name(path: Path) -> set[str]:
    """The first argument of each `Query(...)`. A name that is put together would not be found: there is none."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Query":
            first = node.args[0]
            assert isinstance(first, ast.Constant), f"{path.name}:{node.lineno}"
            assert isinstance(first.value, str)
            names.add(first.value)
    return names


def asked_by_adapter(path: Path) -> set[str]:
    """The names in `self._sql["..."]`."""
    return set(re.findall(r'_sql\["([a-z_]+)"\]', path.read_text("utf-8")))


@pytest.fixture(scope="module")
def database() -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    for step in migrations("sqlite"):
        connection.execute(step)
    return connection


def test_every_dialect_has_an_adapter_that_this_test_reads() -> None:
    assert sorted(ADAPTERS) == DIALECTS


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_names_in_the_scripts_and_in_the_sql_are_the_same(dialect: str) -> None:
    used = set().union(*map(asked_by_name, TRANSACTIONS))
    assert len(used) > 20
    assert used | asked_by_adapter(ADAPTERS[dialect]) == set(queries(dialect))


@pytest.mark.parametrize("name", sorted(queries("sqlite")))
def test_a_query_is_good_sql_and_does_not_read_a_whole_table(database: apsw.Connection, name: str) -> None:
    query = queries("sqlite")[name]
    bindings = dict.fromkeys(re.findall(r":([a-z_]+)", query), "[]")
    plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {query}", bindings)]
    scanned = {match[1] for step in plan if (match := re.match(r"SCAN (\w+)(?! USING)", step))}
    aliases = dict(re.findall(r"\b(?:FROM|JOIN|UPDATE)\s+(\w+)\s+(?!WHERE|SET|ORDER|GROUP|LIMIT|CROSS|ON)(\w+)", query))
    tables = {table for table, alias in aliases.items() if alias in scanned} | scanned
    assert name in WALKS or tables.isdisjoint(LARGE), plan


@pytest.mark.parametrize("name", sorted(queries("sqlite")))
def test_a_query_is_compiled_once_whatever_is_bound(database: apsw.Connection, name: str) -> None:
    query = queries("sqlite")[name]
    names = set(re.findall(r":([a-z_]+)", query))
    compiled: list[object] = []

    def authorizer(*what: object) -> int:  # SQLite asks it whenever it compiles
        compiled.append(what)
        return apsw.SQLITE_OK

    database.authorizer = authorizer
    database.execute("SAVEPOINT before")
    try:
        for number in range(3):
            bound = {name: "[]" if name in LISTS else number for name in names}
            compiled.clear()
            database.execute(query, bound).fetchall()
            assert bool(compiled) == (number == 0)
            if name in ONCE:
                break
    finally:
        database.authorizer = None
        database.execute("ROLLBACK TO before")
        database.execute("RELEASE before")


def test_a_name_that_stands_twice_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.sql").write_text("-- a\nSELECT 1;\n-- b\n-- with a comment\nSELECT 2;\n", "utf-8")
    monkeypatch.setattr("tidings.store.sql.files", lambda _: tmp_path.parent)
    assert queries(tmp_path.name) == {"a": "SELECT 1;", "b": "-- with a comment\nSELECT 2;"}
    (tmp_path / "two.sql").write_text("-- a\nSELECT 3;\n", "utf-8")
    with pytest.raises(ValueError, match="two queries are called a"):
        queries(tmp_path.name)


def test_migrations_are_numbered_without_holes() -> None:
    for dialect in DIALECTS:
        names = sorted(path.name for path in (PACKAGE / "store" / "sql" / dialect / "migrations").iterdir())
        assert names == [f"{number:04}.sql" for number in range(1, len(names) + 1)]
