"""Writing into the outbox: in the transaction of each library, and gone with it."""

import asyncio
import importlib
import json
import re
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import psycopg
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from tests.embedding.hosts import DOCS, programs
from tests.postgres import shared_server
from tidings import outbox
from tidings.outbox.tables import opened_table

LIKE = {"to": {"user": 7}, "type": "like", "title": "Bob"}


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute(outbox.ddl("sqlite"))
    return path


def rows(db: Path) -> list[tuple[str, object]]:
    with sqlite3.connect(db) as connection:
        found = connection.execute("SELECT id, notification FROM tidings_outbox ORDER BY position").fetchall()
    return [(id, json.loads(text)) for id, text in found]


def test_notification_is_there_after_the_commit_and_never_after_a_rollback(db: Path) -> None:
    connection = sqlite3.connect(db)
    outbox.notify(connection, to={"all": True}, title="never")
    connection.rollback()
    id = outbox.notify(connection, **LIKE)  # type: ignore[arg-type]
    assert rows(db) == []
    connection.commit()
    connection.close()
    assert rows(db) == [(id, LIKE)]


def test_times_are_written_as_rfc_3339_and_what_json_has_not_is_refused(db: Path) -> None:
    with sqlite3.connect(db) as connection:
        outbox.notify(connection, to={"all": True}, title="x", expire_time=datetime(2026, 12, 1, tzinfo=UTC))
        with pytest.raises(TypeError, match="JSON has no set"):
            outbox.notify(connection, to={"all": True}, data={1})
        with pytest.raises(TypeError, match="to is"):
            outbox.notify(connection, to="alice", title="x")  # type: ignore[arg-type]
    assert rows(db)[0][1] == {"to": {"all": True}, "title": "x", "expire_time": "2026-12-01T00:00:00+00:00"}


def test_sqlalchemy_connection_and_session(db: Path) -> None:
    engine = sqlalchemy.create_engine(f"sqlite:///{db}")
    with engine.begin() as connection:
        first = outbox.notify(connection, **LIKE)  # type: ignore[arg-type]
    with Session(engine) as session:
        outbox.notify(session, to={"all": True}, title="never")
        session.rollback()
        second = outbox.notify(session, **LIKE)  # type: ignore[arg-type]
        session.commit()
    engine.dispose()
    assert rows(db) == [(first, LIKE), (second, LIKE)]


def test_sqlalchemy_asynchronous_connection_and_session(db: Path) -> None:
    async def write() -> list[str]:
        engine = create_async_engine(f"sqlite+aiosqlite:///{db}")
        async with engine.begin() as connection:
            ids = [await outbox.notify_async(connection, **LIKE)]  # type: ignore[arg-type]
        async with AsyncSession(engine) as session:
            ids.append(await outbox.notify_async(session, **LIKE))  # type: ignore[arg-type]
            await session.commit()
        await engine.dispose()
        return ids

    ids = asyncio.run(write())
    assert rows(db) == [(id, LIKE) for id in ids]


def test_plain_insert_gets_an_id(db: Path) -> None:
    with sqlite3.connect(db) as connection:
        connection.execute("INSERT INTO tidings_outbox (notification) VALUES (?)", (json.dumps(LIKE),))
    ((id, notification),) = rows(db)
    assert len(id) == 32
    assert notification == LIKE


def test_foreign_connection_is_refused() -> None:
    with pytest.raises(TypeError, match="does not know this connection"):
        outbox.notify(object(), to={"all": True}, title="x")


DJANGO = """
import django
from django.conf import settings
databases = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db"}}
settings.configure(INSTALLED_APPS=["tidings.integrations.django"], DATABASES=databases, USE_TZ=True)
django.setup()
from django.core.management import call_command
from django.db import connection, transaction
from tidings import outbox
call_command("migrate", verbosity=0)
with transaction.atomic():
    outbox.notify(connection, to={"user": 7}, type="like", title="Bob")
try:
    with transaction.atomic():
        outbox.notify(connection, to={"all": True}, title="never")
        raise KeyError
except KeyError:
    pass
"""


def test_django_application_migrates_and_writes_in_its_transaction(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", DJANGO], cwd=tmp_path, check=True)
    assert [notification for _, notification in rows(tmp_path / "shop.db")] == [LIKE]
    code = DJANGO.partition("call_command(")[0] + "call_command('migrate', 'tidings', 'zero', verbosity=0)"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        assert not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (outbox.TABLE,)).fetchall()


@pytest.mark.processes
def test_connections_of_postgresql(tmp_path: Path) -> None:
    dsn = shared_server().dsn
    with psycopg.connect(dsn) as connection:
        connection.execute("DROP TABLE IF EXISTS tidings_outbox")
        connection.execute(outbox.ddl("postgresql"))

    async def write() -> list[str]:
        connection = await asyncpg.connect(dsn)
        async with connection.transaction():
            ids = [await outbox.notify_async(connection, **LIKE)]  # type: ignore[arg-type]
        await connection.close()
        async with await psycopg.AsyncConnection.connect(dsn) as other:
            ids.append(await outbox.notify_async(other, **LIKE))  # type: ignore[arg-type]
        return ids

    ids = asyncio.run(write())
    with psycopg.connect(dsn) as connection:
        ids.append(outbox.notify(connection, **LIKE))  # type: ignore[arg-type]
        connection.commit()
        found = connection.execute("SELECT id, notification FROM tidings_outbox ORDER BY position").fetchall()
    assert [(id, json.loads(text)) for id, text in found] == [(id, LIKE) for id in ids]
    with opened_table(dsn) as first, opened_table(dsn) as second:
        assert first.lock()
        assert not second.lock()
        assert 0 <= first.lag() < 60


def test_program_of_the_page_writes_with_its_like(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "likes.py").write_text(programs("outbox.md")["likes.py"])
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute(outbox.ddl("sqlite"))
        connection.execute("CREATE TABLE likes (post INTEGER, user TEXT UNIQUE)")
    like = importlib.import_module("likes").like
    like(str(path), 9, by="Bob", author=7)
    with pytest.raises(sqlite3.IntegrityError):
        like(str(path), 10, by="Bob", author=7)
    ((_, notification),) = rows(path)
    assert notification == {"to": {"user": 7}, "type": "like", "title": "Bob liked your post", "entity": "post/9"}


def test_alembic_revision_of_the_page_makes_the_table_and_drops_it(tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "outbox.py").write_text(programs("outbox.md")["revision.py"])
    (tmp_path / "env.py").write_text(
        "from alembic import context\n"
        "from sqlalchemy import create_engine\n"
        "with create_engine('sqlite:///shop.db').begin() as connection:\n"
        "    context.configure(connection=connection)\n"
        "    context.run_migrations()\n"
    )
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = .\npath_separator = os\n")

    def alembic(*argv: str) -> None:
        command = [sys.executable, "-m", "alembic", *argv]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    alembic("upgrade", "head")
    connection = sqlite3.connect(tmp_path / "shop.db")
    outbox.notify(connection, **LIKE)  # type: ignore[arg-type]
    connection.commit()
    connection.close()
    assert [notification for _, notification in rows(tmp_path / "shop.db")] == [LIKE]
    alembic("downgrade", "base")
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        rows(tmp_path / "shop.db")


def test_insert_of_the_page_is_the_contract(db: Path) -> None:
    page = (DOCS / "outbox.md").read_text(encoding="utf-8")
    (statement,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    with sqlite3.connect(db) as connection:
        connection.execute(statement)
    assert rows(db)[0][1] == {"to": {"user": "alice"}, "type": "like", "title": "Bob liked your post"}
