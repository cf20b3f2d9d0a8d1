"""The outbox through kill -9 of the application, of the outbox worker and of Tidings: each commit once, in order."""

import itertools
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.postgres import shared_server
from tests.servers import Server, environment, eventually

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

_databases = itertools.count()

# An application: each order and its notification in one transaction, every fifth of them rolled back.
APPLICATION = """
import sqlite3, sys, time, psycopg
from tidings import outbox

db = sys.argv[1]
postgres = db.startswith("postgresql")
connection = psycopg.connect(db) if postgres else sqlite3.connect(db, timeout=30)
mark = "%s" if postgres else "?"
((last,),) = connection.execute("SELECT coalesce(max(number), 0) FROM orders").fetchall()
connection.commit()
for number in range(last + 1, last + 100_000):
    connection.execute(f"INSERT INTO orders (number) VALUES ({mark})", (number,))
    outbox.notify(connection, to={"user": "alice"}, title=str(number))
    if number % 5 == 0:
        connection.rollback()
    else:
        connection.commit()
    time.sleep(0.003)
"""


class Victim:
    """A process that is killed and started again."""

    def __init__(self, *command: str, **environ: object) -> None:
        self._command = [sys.executable, *command]
        self._environment = environment(environ)
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, env=self._environment, stderr=subprocess.DEVNULL)

    def kill(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()


@contextmanager
def victim(*command: str) -> Iterator[Victim]:
    running = Victim(*command)
    try:
        yield running
    finally:
        running.kill()


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The application's database, with its table of orders and the outbox as `tidings outbox ddl` makes it."""
    command = [sys.executable, "-m", "tidings", "outbox", "ddl", "--dialect", request.param]
    ddl = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if request.param == "sqlite":
        found = str(tmp_path / "shop.db")
    else:
        server, name = shared_server().dsn, f"shop{next(_databases)}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        found = f"{server.rpartition('/')[0]}/{name}"
    query(found, "CREATE TABLE orders (number bigint PRIMARY KEY)")
    query(found, ddl)
    return found


def query(db: str, sql: str) -> list[tuple[object, ...]]:
    connection = psycopg.connect(db) if db.startswith("postgresql") else sqlite3.connect(db, timeout=30)
    with connection:
        cursor = connection.execute(sql)
        rows: list[tuple[object, ...]] = cursor.fetchall() if cursor.description else []
    connection.close()
    return rows


def published(server: Server) -> list[int]:
    """The numbers of alice's notifications, in the order of the log."""
    found, cursor = [], "start"
    while True:
        page = server.request("GET", f"/v1/poll?user=alice&cursor={cursor}&limit=1000").json
        found += [int(event["data"]["title"]) for event in page["events"] if event["type"] == "notification.created"]
        cursor = page["cursor"]
        if not page["more"]:
            return found


def test_every_commit_is_published_once_and_in_order_whoever_is_killed(db: str, tmp_path: Path) -> None:
    server = Server(db=tmp_path / "tidings.db").start()
    run = ["-m", "tidings", "outbox", "run", "--db", db, "--url", server.url]
    chance = random.Random(15)
    try:
        with victim("-c", APPLICATION, db) as application, victim(*run) as worker:

            def restart_server() -> None:
                server.kill()
                server.start()

            deeds = [application.restart, worker.restart, restart_server] * 3
            chance.shuffle(deeds)
            for deed in deeds:
                time.sleep(chance.uniform(0.3, 0.8))  # anywhere in what the processes are doing
                deed()
            application.kill()
            committed = [number for (number,) in query(db, "SELECT number FROM orders ORDER BY number")]
            eventually("the outbox is empty", lambda: query(db, "SELECT count(*) FROM tidings_outbox") == [(0,)])
            assert len(committed) > 100
            assert published(server) == committed
            worker.kill(signal.SIGTERM)
            assert worker.process.returncode == 0
    finally:
        server.kill()
