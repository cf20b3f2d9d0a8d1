"""The command line: a mistake of its user is one clear line on the terminal, never a traceback."""

import os
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import pytest
from click.testing import CliRunner

from tests.servers import environment
from tidings.auth.keys import secret_keys
from tidings.auth.tokens import TokenRules, check
from tidings.cli import main
from tidings.cli.token import CENTURY
from tidings.store import dialect

NO_SETTINGS = dict.fromkeys(name for name in os.environ if name.startswith("TIDINGS_"))
SECRET = "0123456789abcdef" * 2


def refused(output: str, exit_code: int, *, saying: str, status: int) -> None:
    assert exit_code == status, output
    [line] = output.splitlines()
    assert line.startswith("Error: ")
    assert saying in line


def refuses(*words: str, saying: str, settings: Mapping[str, object] = {}, status: int = 2) -> None:
    """The command says so before it starts anything. 2: it makes no sense; 1: it could not be done."""
    done = CliRunner(env={**NO_SETTINGS, **environment(settings)}).invoke(main, words)
    refused(done.output, done.exit_code, saying=saying, status=status)


def newer(db: Path) -> None:
    db.parent.mkdir()
    connection = apsw.Connection(str(db))
    connection.execute(f"CREATE TABLE head (x); PRAGMA user_version = {len(dialect.migrations('sqlite')) + 1}")
    connection.close()


def of_something_else(db: Path) -> None:
    db.parent.mkdir()
    connection = apsw.Connection(str(db))
    connection.execute("CREATE TABLE customers (name)")
    connection.close()


def no_database(db: Path) -> None:
    db.parent.mkdir()
    db.write_bytes(b"Dear diary, " * 1000)


def a_folder(db: Path) -> None:
    db.mkdir(parents=True)


def in_no_folder(db: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("command", "make", "saying"),
    [
        ("serve", newer, "was written by a newer Tidings (schema"),
        ("dev", of_something_else, "is a database of something else"),
        ("dev", no_database, "cannot open the database"),
        ("dev", a_folder, "cannot open the database"),
        ("dev", in_no_folder, "cannot open the database"),
    ],
)
def test_a_database_that_cannot_be_used(tmp_path: Path, command: str, make: Any, saying: str) -> None:
    """The whole process, which is about to serve and then does not."""
    db = tmp_path / "sub" / "0.db"
    make(db)
    done = subprocess.run(
        [sys.executable, "-m", "tidings", command, "--port", "0"],
        env=environment({"db": db, "secret": SECRET, "log_level": "warning"}), cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
    )  # fmt: skip
    refused(done.stdout, done.returncode, saying=saying, status=1)
    assert str(db) in done.stdout


@pytest.mark.parametrize("command", ["dev", "serve"])
def test_port_in_use_is_one_line(tmp_path: Path, command: str) -> None:
    db = tmp_path / "0.db"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        saying = f"port {port}: something else is using it"
        refuses(command, "--port", str(port), saying=saying, status=1, settings={"db": db, "secret": SECRET})
    assert not db.exists()  # nothing was made


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org", ""])
def test_dev_listens_on_this_machine_only(host: str) -> None:
    refuses("dev", "--port", "0", "--host", host, saying="listens on this machine only")


@pytest.mark.parametrize("host", ["0.0.0.0", "example.org", ""])
def test_dev_refuses_to_listen_on_other_addresses(host: str) -> None:
    refuses("dev", "--port", "0", saying="listens on this machine only", settings={"host": host})


@pytest.mark.parametrize("command", ["dev", "serve"])
def test_a_port_and_a_host_of_the_environment_are_taken_unless_others_are_said(tmp_path: Path, command: str) -> None:
    settings = {"db": tmp_path / "0.db", "secret": SECRET}
    with socket.create_server(("127.0.0.2", 0)) as other:  # so the command ends and says where it would have been
        port = other.getsockname()[1]
        there = f"cannot listen on 127.0.0.2 port {port}: something"
        refuses(command, saying=there, status=1, settings=settings | {"host": "127.0.0.2", "port": port})
        said = ("--host", "127.0.0.2", "--port", str(port))
        refuses(command, *said, saying=there, status=1, settings=settings | {"host": "127.0.0.3", "port": 1})


def names_of_this_machine() -> list[str]:
    names = ["localhost", "127.1.2.3"]
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        names.append("::1")
    return names


@pytest.mark.parametrize("host", names_of_this_machine())
def test_dev_prints_its_address_when_it_can_be_reached(tmp_path: Path, host: str) -> None:
    """A program that reads the line may connect at once. Port 0 picks a free one."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tidings", "dev", "--port", "0", "--host", host],
        env=environment({}), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Tidings is at http://"), line
        assert line.endswith(" (database tidings.db; Ctrl-C stops it)\n")
        address, _, port = line.split("http://")[1].split(" ")[0].rpartition(":")
        with socket.create_connection((address.strip("[]"), int(port)), timeout=10) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
    finally:
        process.kill()
        process.communicate()
    assert (tmp_path / "tidings.db").exists()


@pytest.mark.parametrize(
    ("settings", "saying"),
    [
        ({}, "secret"),
        ({"secret": "short"}, "secret must have at least 32 characters"),
        ({"secret": SECRET, "cors_origins": "*", "cors_credentials": "true"}, "cors_credentials needs named origins"),
        ({"secret": SECRET, "cors_origins": "https://a.example,*", "cors_credentials": "true"}, "needs named origins"),
        ({"secret": SECRET, "cors_origins": "a.example"}, "cors_origins takes * or scheme://host[:port]"),
        ({"secret": SECRET, "heartbeat": "0"}, "heartbeat must be between"),
        ({"secret": SECRET, "heartbeat": "often"}, "heartbeat"),
        ({"secret": SECRET, "port": "http"}, "port must be a whole number between 0 and 65535"),
        ({"secret": SECRET, "inbox_age": "inf"}, "inbox_age must be between 0 and 3153600000"),
        ({"secret": SECRET, "drain_seconds": "nan"}, "drain_seconds must be between 0 and 3600"),
    ],
)
def test_a_setting_that_makes_no_sense(settings: Mapping[str, object], saying: str) -> None:
    refuses("serve", saying=saying, settings=settings)


@pytest.mark.parametrize(
    ("words", "saying"),
    [
        ([], "say what the token is for"),
        (["--user", "a b"], "not a user id"),
        (["--user", "a", "--topic", "x//y"], "not a topic"),
        *[(["--user", "a", "--hours", hours], "'--hours'") for hours in ("0", "inf", "nan", "1e300", "876001", "many")],
    ],
)
def test_a_token_that_cannot_be_made(words: list[str], saying: str) -> None:
    refuses("token", *words, saying=saying, settings={"secret": SECRET})


@pytest.mark.parametrize("secret", ["", "short", "s" * 40])
def test_token_needs_a_secret_that_is_one(secret: str) -> None:
    refuses("token", "--user", "alice", saying="secret", settings={"secret": secret})


def test_secret_is_not_taken_from_the_command_line() -> None:
    refuses("token", "--user", "alice", "--secret", SECRET, saying="--secret")


def test_a_token_may_be_good_for_a_hundred_years() -> None:
    env = {**NO_SETTINGS, "TIDINGS_SECRET": SECRET}
    made = CliRunner(env=env).invoke(main, ["token", "--user", "a", "--hours", "876000"])
    assert "TIDINGS_TOKEN_MAX_AGE" in made.stderr
    rules = TokenRules(max_age=CENTURY * 3600)
    assert check(made.stdout.strip(), secret_keys(SECRET), rules=rules, now=time.time()).user == "a"


# Settings from a file, and what is in force


def test_config_prints_what_is_in_force_and_where_it_is_from(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    file = tmp_path / "tidings.toml"
    file.write_text('secret_file = "secret"\nport = 9000\nretry = 500\nhosts = ["a.example"]\n')
    env = {**NO_SETTINGS, "TIDINGS_RETRY": "700", "TIDINGS_CONFIG": str(file)}
    done = CliRunner(env=env).invoke(main, ["config"])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert f"port = 9000  # file {file}" in lines
    assert "retry = 700  # TIDINGS_RETRY" in lines
    assert 'secret = "***"  # file ' + str(file) in lines
    assert "heartbeat = 20.0  # default" in lines
    assert SECRET not in done.output
    assert tomllib.loads(done.stdout)["hosts"] == ["a.example"]


def test_serve_checks_and_does_not_serve(tmp_path: Path) -> None:
    done = CliRunner(env={**NO_SETTINGS, "TIDINGS_SECRET": SECRET}).invoke(main, ["serve", "--check"])
    assert (done.exit_code, done.stdout) == (0, "The settings make sense.\n")
    refuses("serve", "--check", saying="secret")
    refuses("serve", "--check", saying="no PEM key", settings={"secret": SECRET, "token_keys": "x"})
    assert list(tmp_path.iterdir()) == []


def test_unknown_variable_is_a_warning_with_the_nearest() -> None:
    env = {**NO_SETTINGS, "TIDINGS_SECRET": SECRET, "TIDINGS_CORS_ORIGIN": "https://a.example"}
    done = CliRunner(env=env).invoke(main, ["serve", "--check"])
    assert done.exit_code == 0
    assert done.stderr == "Warning: TIDINGS_CORS_ORIGIN is no setting; do you mean TIDINGS_CORS_ORIGINS?\n"
