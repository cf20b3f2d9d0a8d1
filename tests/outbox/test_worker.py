"""The outbox worker: in order, once, and past what the server refuses."""

import re
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.servers import Server, environment, eventually, free_ports, spawn
from tidings import outbox
from tidings.integrations.outbox_worker import outbox_worker
from tidings.outbox.tables import opened_table
from tidings.outbox.worker import Away, OutboxWorker
from tidings.testing import InMemoryServer


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute(outbox.ddl("sqlite"))
    return path


@pytest.fixture
def tidings() -> Iterator[InMemoryServer]:
    with InMemoryServer() as server:
        yield server


def write(db: Path, *titles: str) -> None:
    with sqlite3.connect(db) as connection:
        for title in titles:
            outbox.notify(connection, to={"user": "alice"}, title=title)


def left(db: Path) -> list[tuple[str, str | None]]:
    with sqlite3.connect(db) as connection:
        return connection.execute("SELECT notification, error FROM tidings_outbox ORDER BY position").fetchall()


def drain(db: Path, worker: OutboxWorker) -> None:
    with opened_table(str(db)) as table:
        assert table.lock()
        while worker.step(table):
            pass


@contextmanager
def running(worker: OutboxWorker) -> Iterator[None]:
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join()


def titles(tidings: InMemoryServer) -> list[str]:
    return [one["title"] for one in reversed(tidings.notifications("alice"))]


def test_rows_are_published_in_order_and_forgotten(db: Path, tidings: InMemoryServer) -> None:
    expected = [f"{n:03}" for n in range(250)]  # more than two batches
    write(db, *expected)
    worker = outbox_worker(str(db), tidings.client())
    drain(db, worker)
    assert titles(tidings) == expected
    assert left(db) == []
    assert (worker.published, worker.rejected) == (250, 0)


@pytest.mark.parametrize("broken", ["not JSON", "[]", "7", '{"title": "no to"}', '{"to": {"user": ""}, "title": "x"}'])
def test_invalid_row_keeps_its_error_and_blocks_nobody(db: Path, tidings: InMemoryServer, broken: str) -> None:
    write(db, "before")
    with sqlite3.connect(db) as connection:
        connection.execute("INSERT INTO tidings_outbox (notification) VALUES (?)", (broken,))
    write(db, "after")
    worker = outbox_worker(str(db), tidings.client())
    drain(db, worker)
    assert titles(tidings) == ["before", "after"]
    ((text, error),) = left(db)
    assert text == broken
    assert error
    assert (worker.published, worker.rejected, worker.lag) == (2, 1, 0)


def test_batch_that_was_published_and_not_forgotten_is_not_published_again(db: Path, tidings: InMemoryServer) -> None:
    """A worker that dies between the two leaves such a batch; later rows do not change it."""
    write(db, "one", "two")
    client = tidings.client()
    died = outbox_worker(str(db), client)
    with opened_table(str(db)) as table:
        table.delete = lambda batch: None  # type: ignore[method-assign]
        died.step(table)
    write(db, "three")
    drain(db, outbox_worker(str(db), client))
    assert titles(tidings) == ["one", "two", "three"]
    assert left(db) == []


def test_transaction_that_commits_late_is_not_passed_over(db: Path) -> None:
    """SQLite has one writer; a position below one that was published stands for what PostgreSQL does."""
    sent: list[str] = []
    write(db, "later")
    with sqlite3.connect(db) as connection:
        connection.execute("UPDATE tidings_outbox SET position = 10")

    def publish(texts: Sequence[str], name: str) -> None:
        sent.extend(texts)

    worker = OutboxWorker(lambda: opened_table(str(db)), publish)
    drain(db, worker)
    with sqlite3.connect(db) as connection:
        connection.execute("INSERT INTO tidings_outbox (position, notification) VALUES (5, 'earlier')")
    drain(db, worker)
    assert sent[1:] == ["earlier"]


def test_server_that_is_away_costs_time_alone(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidings.outbox.worker.AWAY", (0.01, 0.02))
    names: list[str] = []
    done = threading.Event()

    def publish(texts: Sequence[str], name: str) -> None:
        names.append(name)
        if len(names) < 4:
            raise Away("nobody is there")
        done.set()

    write(db, "one")
    with running(OutboxWorker(lambda: opened_table(str(db)), publish)):
        assert done.wait(10)
    assert len(set(names)) == 1  # one key for all tries
    assert left(db) == []


def test_second_worker_waits_for_the_first(db: Path) -> None:
    with opened_table(str(db)) as first, opened_table(str(db)) as second:
        assert first.lock()
        assert not second.lock()
    with opened_table(str(db)) as third:
        assert third.lock()


def test_notification_arrives_within_a_second_of_the_commit(db: Path, tidings: InMemoryServer) -> None:
    with running(outbox_worker(str(db), tidings.client())):
        for n in range(1, 6):
            began = time.monotonic()
            write(db, str(n))
            tidings.events("alice", n)
            assert time.monotonic() - began < 1


def test_lag_is_the_age_of_the_oldest_row(db: Path) -> None:
    write(db, "x")
    with sqlite3.connect(db) as connection:
        connection.execute("UPDATE tidings_outbox SET created_at = datetime('now', '-90 seconds')")
    with opened_table(str(db)) as table:
        assert 90 <= table.lag() < 100


def test_worker_of_the_command_line_serves_its_numbers(db: Path, tmp_path: Path) -> None:
    write(db, "waits for a server that is away")
    port, away = free_ports(2)
    command = [sys.executable, "-m", "tidings", "outbox", "run", "--db", str(db)]
    options = ["--url", f"http://127.0.0.1:{away}", "--metrics", str(port)]
    process = spawn([*command, *options], log=tmp_path / "worker.log", env=environment({}))

    def numbers() -> dict[str, float]:
        text = httpx2.get(f"http://127.0.0.1:{port}/metrics").text
        return {name: float(value) for name, value in re.findall(r"^(tidings_outbox_\w+) (\S+)$", text, re.MULTILINE)}

    def lags() -> bool:
        assert process.poll() is None, (tmp_path / "worker.log").read_text()
        try:
            return numbers().get("tidings_outbox_lag_seconds", 0) > 0
        except httpx2.TransportError:
            return False

    server = Server(tmp_path / "t.db", port=away)
    try:
        eventually("the row that waits has an age", lags)
        server.start()
        eventually("it is published", lambda: numbers()["tidings_outbox_published_total"] == 1)
        assert numbers()["tidings_outbox_rejected_total"] == 0
        eventually("nothing waits", lambda: numbers()["tidings_outbox_lag_seconds"] == 0)
        server.stop()
    finally:
        process.kill()
        process.wait()
        server.kill()
