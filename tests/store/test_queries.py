"""Queries by name: the same in every dialect, with the same columns; all are used, and none reads a whole table."""

import ast
import asyncio
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import apsw
import apsw.ext
import asyncpg
import pytest

import tidings
from tests.postgres import fresh_schema, shared_server
from tidings.store.dialect import Statement, migrations, queries
from tidings.store.postgres.adapter import PostgresStore
from tidings.store.postgres.statements import numbered

PACKAGE = Path(tidings.__file__).parent
TRANSACTIONS = sorted((PACKAGE / "store" / "transactions").glob("*.py"))
DIALECTS = sorted(path.parent.name for path in (PACKAGE / "store").glob("*/queries"))
ADAPTERS = {dialect: sorted((PACKAGE / "store" / dialect).glob("*.py")) for dialect in DIALECTS}

# Big tables, and the queries that may walk one: in the order of its key, and no further than their limit.
LARGE = {"events", "items", "overrides", "users", "follows", "idempotency_keys"}
WALKS = {"aged_items"}

LISTS = {
    "asked",
    "intervals",
    "user_ids",
    "item_ids",
    "public_ids",
    "rows",
    "pairs",
    "tags",
}  # parameters that are JSON arrays
ONCE = {"start_log", "start_epochs", "add_epochs"}  # a second one is an error
PRAGMAS = {"overwrite_deleted", "leave_deleted"}  # SQLite compiles one each time


ASKING = {"Query", "Write", "Ask", "write", "write_last"}


def asked_by_name(path: Path) -> set[str]:
    """The first argument of each `Query(...)`, `Write(...)` and `.write(...)`, and of each `queries(...)[...]`."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in ASKING:
            first = node.args[0]
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "sql":
            first = node.slice
        else:
            continue
        # A name that is put together would not be found. (A variable holds a name that is written elsewhere.)
        assert isinstance(first, ast.Constant | ast.Name), f"{path.name}:{node.lineno}"
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            names.add(first.value)
    return names


@pytest.fixture(scope="module")
def database() -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    for step in migrations("sqlite"):
        connection.execute(step)
    return connection


def test_every_dialect_has_an_adapter_that_this_test_reads() -> None:
    assert DIALECTS == ["postgres", "sqlite"]
    assert all(ADAPTERS.values())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_names_in_the_scripts_and_in_the_sql_are_the_same(dialect: str) -> None:
    used = set().union(*map(asked_by_name, TRANSACTIONS))
    assert len(used) > 20
    assert used.union(*map(asked_by_name, ADAPTERS[dialect])) == set(queries(dialect))


CONTRIBUTOR = "items_with_actor"  # a contributor begins with its id: thousands may stand in one item
_OF_SQLITE = re.compile(r"value ->>? '(\w+)'")
_OF_POSTGRES = re.compile(r"\bv ->>? '(\w+)'")
_RECORDSET = re.compile(r"jsonb_to_recordset\([^()]*\) AS \w+ \(([^()]*)\)")


def names_taken(dialect: str, sql: str) -> set[str]:
    """The fields that a query takes from the elements of its lists."""
    if dialect == "sqlite":
        return set(_OF_SQLITE.findall(sql))
    columns = [column for found in _RECORDSET.findall(sql) for column in found.split(",")]
    return {column.split()[0].strip('"') for column in columns} | set(_OF_POSTGRES.findall(sql))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_query_takes_a_field_by_its_position(dialect: str) -> None:
    by_position = {name for name, query in queries(dialect).items() if re.search(r"->>? \d", query.sql)}
    assert by_position <= {CONTRIBUTOR}


def test_every_dialect_takes_the_same_fields_from_what_it_is_given() -> None:
    of_each = [{name: names_taken(d, query.sql) for name, query in queries(d).items()} for d in DIALECTS]
    assert of_each[0] == of_each[1]
    assert sum(map(bool, of_each[0].values())) > 20


def columns_of_sqlite(statements: Mapping[str, Statement]) -> dict[str, tuple[str, ...]]:
    """The columns of each query, as the database reports them."""
    database = apsw.Connection(":memory:")
    for step in migrations("sqlite"):
        database.execute(step)
    return {
        name: tuple(column[0] for column in apsw.ext.query_info(database, statement.sql).description)
        for name, statement in statements.items()
    }


def columns_of_postgres(statements: Mapping[str, Statement]) -> dict[str, tuple[str, ...]]:
    async def ask() -> dict[str, tuple[str, ...]]:
        schema = fresh_schema()
        await (await PostgresStore.open(shared_server().dsn, schema=schema)).close()
        connection = await asyncpg.connect(shared_server().dsn)
        await connection.execute(f"SET search_path = {schema}")
        found = dict.fromkeys(statements, ()) | {
            name: tuple(column.name for column in (await connection.prepare(query.sql)).get_attributes())
            for name, statement in statements.items()
            if (query := numbered(statement.sql)).sql
        }
        await connection.close()
        return found

    return asyncio.run(ask())


COLUMNS: dict[str, Callable[[Mapping[str, Statement]], dict[str, tuple[str, ...]]]] = {
    "postgres": columns_of_postgres,
    "sqlite": columns_of_sqlite,
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_query_returns_the_columns_that_it_declares_in_that_order(dialect: str) -> None:
    statements = queries(dialect)
    declared = {name: statement.columns for name, statement in statements.items()}
    assert COLUMNS[dialect](statements) == declared


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_dialects_declare_the_same_names_and_columns(dialect: str) -> None:
    """In any order: rows are read by name."""
    first, other = queries(DIALECTS[0]), queries(dialect)
    assert {name: set(statement.columns) for name, statement in first.items()} == {
        name: set(statement.columns) for name, statement in other.items()
    }


@pytest.mark.parametrize("name", sorted(queries("sqlite")))
def test_a_query_is_good_sql_and_does_not_read_a_whole_table(database: apsw.Connection, name: str) -> None:
    query = queries("sqlite")[name].sql
    bindings = dict.fromkeys(re.findall(r":([a-z_]+)", query), "[]")
    plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {query}", bindings)]
    scanned = {match[1] for step in plan if (match := re.match(r"SCAN (\w+)(?! USING)", step))}
    aliases = dict(re.findall(r"\b(?:FROM|JOIN|UPDATE)\s+(\w+)\s+(?!WHERE|SET|ORDER|GROUP|LIMIT|CROSS|ON)(\w+)", query))
    tables = {table for table, alias in aliases.items() if alias in scanned} | scanned
    assert name in WALKS or tables.isdisjoint(LARGE), plan


@pytest.mark.parametrize("name", sorted(queries("sqlite")))
def test_a_query_is_compiled_once_whatever_is_bound(database: apsw.Connection, name: str) -> None:
    query = queries("sqlite")[name].sql
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
            if name in ONCE | PRAGMAS:
                break
    finally:
        database.authorizer = None
        database.execute("ROLLBACK TO before")
        database.execute("RELEASE before")


def test_a_name_that_stands_twice_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder := tmp_path / "queries").mkdir()
    (folder / "one.sql").write_text("-- a\nDELETE FROM x;\n-- b -> c, d\n-- with a comment\nSELECT c, d;\n", "utf-8")
    monkeypatch.setattr("tidings.store.dialect.files", lambda _: tmp_path.parent)
    found = {name: (statement.sql, statement.columns) for name, statement in queries(tmp_path.name).items()}
    assert found == {"a": ("DELETE FROM x;", ()), "b": ("-- with a comment\nSELECT c, d;", ("c", "d"))}
    (folder / "two.sql").write_text("-- a\nDELETE FROM y;\n", "utf-8")
    with pytest.raises(ValueError, match="two queries are called a"):
        queries(tmp_path.name)


def test_migrations_are_numbered_without_holes() -> None:
    for dialect in DIALECTS:
        names = sorted(path.name for path in (PACKAGE / "store" / dialect / "migrations").glob("*.sql"))
        assert names == [f"{number:04}.sql" for number in range(1, len(names) + 1)]
