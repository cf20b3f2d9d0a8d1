"""Shared fixtures: real servers and streams, and the runner of async tests."""

import os
import resource
import signal
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, settings

from tests.servers import HOST, MODES, Mode, Server
from tests.streams import Stream, connect, stream_target

# Assertions in the modules that tests lean on say what differed, too.
pytest.register_assert_rewrite("tests.hub.simulation", "tests.hub.fake_sink")

# A crowd of streams needs more files than a shell usually allows; servers inherit it.
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_hard, _hard))

# A shell starts what it puts in the background deaf to Ctrl-C, and so would be every command that is tested.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # so does `nohup` with the end of the terminal

# How much the property tests try. A change is judged by the same examples each time; `make test-all` and
# `pytest --hypothesis-profile=thorough` look for new ones.
_ANYWHERE = settings(
    deadline=None,  # the machine may be busy: a slow example is not a failure
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
settings.register_profile("quick", _ANYWHERE, max_examples=40, derandomize=True)
settings.register_profile("everyday", _ANYWHERE, max_examples=200, derandomize=True)
settings.register_profile("searching", _ANYWHERE, max_examples=200)
settings.register_profile("thorough", _ANYWHERE, max_examples=4000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "everyday"))

_PLAIN = SimpleNamespace(id="")  # of a test without parameters
_PROCESS_FOLDERS = {"contract", "demo", "e2e", "laws"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a server or a browser: those folders, each module that names a `Server`, and what is
    tried on PostgreSQL."""
    here = Path(__file__).parent
    for item in items:
        module = getattr(item, "module", None)
        starts = getattr(module, "Server", None) is Server or hasattr(module, "StartServer")
        starts |= hasattr(module, "PostgresServer") or "postgres" in getattr(item, "callspec", _PLAIN).id.split("-")
        if starts or item.path.relative_to(here).parts[0] in _PROCESS_FOLDERS:
            item.add_marker("processes")


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Async tests run on the loop that the server runs on."""
    return "asyncio", {"use_uvloop": True}


class StartServer(Protocol):
    """Starts a server that is stopped after the test. Settings are those of `tidings.settings`."""

    def __call__(
        self, mode: Mode = "dev", *, host: str = HOST, db: Path | None = None, **settings: object
    ) -> Server: ...


# ASGI has no word for "end this stream now", so uvicorn remarks on it when a reader that stalls is let go.
REMARK = "ASGI callable returned without completing response."


def logged_errors(server: Server) -> str:
    """The errors in a server's log, with the whole log."""
    said = server.log_text()
    grave = [
        line
        for line in said.splitlines()
        if not line.endswith(REMARK) and any(word in line for word in ("Traceback", "ERROR", "CRITICAL"))
    ]
    return said if grave else ""


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    servers: list[Server] = []

    def start(mode: Mode = "dev", *, host: str = HOST, db: Path | None = None, **settings: object) -> Server:
        path = db or tmp_path / f"{len(servers)}.db"
        server = Server(db=path, mode=mode, host=host, settings=settings)
        servers.append(server)
        return server.start()

    try:
        yield start
        for server in servers:
            server.stop()
            assert logged_errors(server) == ""
    finally:
        for server in servers:
            server.kill()


def _shared(mode: Mode, folder: Path) -> Iterator[Server]:
    server = Server(db=folder / f"{mode}.db", mode=mode, settings={"heartbeat": 1}).start()
    try:
        yield server
        server.stop()
        assert logged_errors(server) == ""
    finally:
        server.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One `tidings dev` for the tests of a file. Each uses users and topics of its own; announcements reach all."""
    yield from _shared("dev", tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module", params=MODES)
def any_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The same under each server that Tidings is said to run on: handed over, and the ordinary ASGI way."""
    if request.param == "dev":
        yield request.getfixturevalue("server")
    else:
        yield from _shared(request.param, tmp_path_factory.mktemp("server"))


class Listen(Protocol):
    """Opens a stream (past its `hello`) that is closed after the test."""

    def __call__(
        self,
        server: Server,
        user: str,
        *,
        cursor: str | None = None,
        topics: tuple[str, ...] = (),
        last_event_id: str | None = None,
        receive_buffer: int | None = None,
    ) -> Stream: ...


@pytest.fixture
def listen() -> Iterator[Listen]:
    with ExitStack() as stack:

        def open_stream(
            server: Server,
            user: str,
            *,
            cursor: str | None = None,
            topics: tuple[str, ...] = (),
            last_event_id: str | None = None,
            receive_buffer: int | None = None,
        ) -> Stream:
            stream = connect(
                (server.host, server.port),
                stream_target(user, cursor=cursor, topics=topics),
                headers=[("Last-Event-ID", last_event_id)] if last_event_id is not None else [],
                receive_buffer=receive_buffer,
            )
            stack.callback(stream.close)
            return stream.begin()

        yield open_stream


Name = Callable[[str], str]


@pytest.fixture
def name(request: pytest.FixtureRequest) -> Name:
    """Names that no other test uses on the shared server: `name("alice")`."""
    mark = zlib.crc32(request.node.nodeid.encode())
    return lambda short: f"{short}-{mark:08x}"
