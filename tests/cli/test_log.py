"""The server's log: every reason is in it, and one record is one line, whatever a stranger put into it."""

import hmac
import io
import logging
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import StartServer
from tests.servers import SECRET, Server, environment, eventually
from tests.streams import connect, stream_target
from tidings.api.ws import ClientMessages
from tidings.cli.log import HashUserIds, LineFormatter
from tidings.domain.topics import parse_user
from tidings.transports.close_codes import ProtocolViolation

MOMENT = 1767225600.042  # 2026-01-01


def said(message: str, extra: Mapping[str, object] | None = None, *, fails: str | None = None) -> str:
    """The log's line for one record."""
    log, out = logging.Logger("tidings.test"), io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(LineFormatter())
    log.addHandler(handler)
    log.addFilter(_on_new_year)
    if fails is None:
        log.warning(message, extra=extra)
    else:
        try:
            raise RuntimeError(fails)
        except RuntimeError:
            log.exception(message, extra=extra)
    return out.getvalue()


def _on_new_year(record: logging.LogRecord) -> bool:
    record.created, record.msecs = MOMENT, 42.9
    return True


@pytest.mark.parametrize(
    ("extra", "fields"),
    [
        ({}, ""),
        ({"code": "store_unavailable", "path": "/v1/ü"}, ' code="store_unavailable" path="/v1/ü"'),
        ({"n": 1, "nothing": None}, ' n="1" nothing="None"'),
        ({"path": '/a" code="ok\\'}, ' path="/a\\" code=\\"ok\\\\"'),
        ({"path": "/a\r\n2026 \x1b[2J\x9b\u2028\u202e\udcff"}, r' path="/a\r\n2026 \x1b[2J\x9b\u2028\u202e\udcff"'),
    ],
)
def test_a_record_is_a_line_with_all_that_was_said_of_it(extra: Mapping[str, object], fields: str) -> None:
    assert said("refused", extra) == f"2026-01-01T00:00:00.042Z WARNING tidings.test refused{fields}\n"


def test_a_traceback_follows_and_none_of_its_lines_can_be_taken_for_a_record() -> None:
    first, *rest = said("failed", {"path": "/x"}, fails="a\n2026-01-01T00:00:00.000Z ERROR\x1b[2J").splitlines()
    assert first == '2026-01-01T00:00:00.042Z ERROR tidings.test failed path="/x"'
    assert rest[0] == "  Traceback (most recent call last):"
    assert rest[-2:] == ["  RuntimeError: a", r"  2026-01-01T00:00:00.000Z ERROR\x1b[2J"]
    assert all(line.startswith("  ") for line in rest)


@given(st.text(), st.text())
def test_no_text_makes_a_second_line(message: str, value: str) -> None:
    line = said(message.replace("%", ""), {"value": value})
    assert line[:-1].isprintable() and line.endswith('"\n')


def test_a_server_says_once_why_it_refused(start_server: StartServer) -> None:
    server = start_server(max_connections=1)
    stream = connect((server.host, server.port), stream_target("a")).begin()
    assert server.request("GET", stream_target("b")).status == 503
    stream.close()
    server.stop()
    lines = [line for line in server.log_text().splitlines() if "refused" in line]
    assert len(lines) == 1, server.log_text()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WARNING tidings\.api refused "
        r'code="too_many_connections" path="/v1/stream" detail=".+"',
        lines[0],
    ), lines


def events(server: Server) -> list[str]:
    """The log of a server, without the times."""
    return [line.split(" ", 1)[1] for line in server.log_text().splitlines() if re.match(r"\d{4}-\d\d-\d\dT", line)]


def test_log_at_info_tells_the_life_of_the_server_and_its_settings_without_secrets(start_server: StartServer) -> None:
    server = start_server("serve", heartbeat=7)
    server.stop()
    starting, *rest = events(server)
    assert starting.startswith('INFO tidings starting mode="serve"')
    assert ' heartbeat="7.0"' in starting and ' secret="***"' in starting and SECRET not in server.log_text()
    words = [line.split(" ")[2] for line in rest]
    # Where the system allows fewer file descriptors than there may be connections, a warning says so.
    assert [word for word in words if word != "few_file_descriptors"] == ["open", "leaving", "draining", "stopped"]


def test_log_at_debug_tells_of_each_connection_and_why_it_ended(start_server: StartServer) -> None:
    server = start_server(log_level="debug")
    address = (server.host, server.port)
    connect(address, stream_target("alice")).begin().close()
    eventually("alice has left", lambda: server.connections() == 0)
    stays = connect(address, stream_target("bob")).begin()
    server.stop()
    stays.close()
    assert [line for line in events(server) if "connected" in line] == [
        'DEBUG tidings connected transport="sse" user="alice" position="0"',
        'DEBUG tidings disconnected transport="sse" user="alice" reason="client_left"',
        'DEBUG tidings connected transport="sse" user="bob" position="0"',
        'DEBUG tidings disconnected transport="sse" user="bob" reason="shutdown"',
    ]


def test_mounted_application_leaves_the_log_of_its_host_alone(tmp_path: Path) -> None:
    words = "import logging, tidings.asgi as a, tidings.cli; a.app(); print(logging.getLogger().handlers)"
    env = environment({"mode": "dev", "db": tmp_path / "0.db"})
    done = subprocess.run([sys.executable, "-c", words], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


async def test_a_message_that_fails_is_in_the_log_with_its_verb(caplog: pytest.LogCaptureFixture) -> None:
    class Inbox:
        async def mark(self, *_: object) -> None:
            raise RuntimeError("the disk is on fire")

    async def settled() -> None: ...

    messages = ClientMessages(Inbox(), settled=settled)  # type: ignore[arg-type]
    answer = messages.handle(parse_user("alice"), '{"type": "read", "ids": ["n-e1-1"]}')
    assert not isinstance(answer, bytes)
    with pytest.raises(ProtocolViolation):
        await answer
    [record] = caplog.records
    assert (record.message, vars(record)["verb"], record.exc_info is not None) == ("failed", "read", True)


def test_log_has_hashes_in_place_of_user_ids_where_it_is_asked_to(start_server: StartServer) -> None:
    server = start_server("dev", log_level="debug", log_user_ids="hashed")
    for _ in range(2):
        connect((server.host, server.port), stream_target("alice@x.io")).begin().close()
    eventually("both have left", lambda: server.log_text().count("disconnected") == 2)
    users = set(re.findall(r' user="([^"]*)"', server.log_text()))
    assert "alice" not in server.log_text()
    assert len(users) == 1 and re.fullmatch("[0-9a-f]{16}", users.pop())


def test_hash_of_a_user_id_depends_on_the_key_and_leaves_all_else() -> None:
    def passed(key: bytes, **fields: object) -> dict[str, object]:
        record = logging.makeLogRecord({"msg": "x", **fields})
        assert HashUserIds(key).filter(record)
        return vars(record)

    path = "/v1/topics/author/4/followers/alice"
    one, other = (passed(key, user="alice", path=path, detail="d") for key in (b"a", b"b"))
    assert one["user"] != other["user"]
    assert one["path"] == f"/v1/topics/author/4/followers/{one['user']}"
    assert passed(b"a", path="/v1/users/alice/presence")["path"] == f"/v1/users/{one['user']}/presence"
    assert passed(b"a", path="/v1/inbox", user=None)["path"] == "/v1/inbox"
    assert one["detail"] == "d"


@pytest.mark.parametrize("field", ["detail", "reason", "path"])
@pytest.mark.parametrize("text", [
    "there is no export 'x' for 'alice@example.org'",
    "this request is meant for \"alice@example.org\", and its credential is another user's",
    "an export of alice@example.org is being made",
    "/v1/follows/user/alice@example.org",
    "/v1/topics/user%2Falice@example.org/followers",
    "Key (scope)=(user/alice@example.org) already exists",
])  # fmt: skip
def test_texts_of_errors_name_nobody_where_ids_are_hashed(field: str, text: str) -> None:
    record = logging.makeLogRecord({"msg": "refused", field: text})
    assert HashUserIds(b"key").filter(record)
    line = LineFormatter().format(record)
    assert "alice" not in line
    assert line.count(hashed("alice@example.org")) == 1


def test_traceback_names_nobody_where_ids_are_hashed() -> None:
    try:
        raise KeyError("alice@example.org")
    except KeyError:
        record = logging.makeLogRecord({"msg": "failed", "exc_info": sys.exc_info()})
    assert HashUserIds(b"key").filter(record)
    line = LineFormatter().format(record)
    assert f"KeyError: '{hashed('alice@example.org')}'" in line and "test_log.py" in line


def test_reason_of_a_failure_stays_where_ids_are_hashed() -> None:
    record = logging.makeLogRecord({"msg": "refused", "detail": "the database cannot take this now: disk I/O error"})
    assert HashUserIds(b"key").filter(record)
    assert "the database cannot take this now: disk I/O error" in LineFormatter().format(record)


def hashed(user: str) -> str:
    return hmac.digest(b"key", user.encode(), "sha256").hex()[:16]
