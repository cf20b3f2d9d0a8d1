"""A host under each server: with open streams it stops in seconds, and under `tidings run` they cost no task."""

import contextlib
import signal
import threading
import time
from pathlib import Path

import httpx2
import pytest
from websockets.sync.client import connect

from tests.embedding.hosts import programs, served
from tidings.client import Client

pytestmark = pytest.mark.processes

STREAMS = 100
COMMANDS = [
    ("tidings", "run", "shop:api", "--port", "PORT", "--log-level", "warning"),
    ("uvicorn", "shop:api", "--port", "PORT", "--timeout-graceful-shutdown", "1", "--log-level", "warning"),
    ("hypercorn", "shop:api", "--bind", "127.0.0.1:PORT", "--graceful-timeout", "1"),
    ("granian", "--interface", "asgi", "--port", "PORT", "--workers-kill-timeout", "1", "shop:api"),
]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command[0]))
def test_host_with_a_hundred_open_streams_stops_on_its_signal(
    tmp_path: Path, command: tuple[str, ...], number: signal.Signals
) -> None:
    (tmp_path / "shop.py").write_text(programs("embedding.md")["shop.py"])
    with served(tmp_path, *command) as host, httpx2.Client() as http:
        opened = threading.Barrier(STREAMS + 1)

        def listen(user: str) -> None:
            asked = {"cookie": f"login={user}"}
            with http.stream("GET", f"{host.url}/tidings/v1/stream", headers=asked) as response:
                chunks = response.iter_raw()
                assert b"hello" in next(chunks)
                opened.wait(20)
                with contextlib.suppress(httpx2.TransportError):  # some servers end no body in order
                    b"".join(chunks)

        readers = [threading.Thread(target=listen, args=(f"user{n}",)) for n in range(STREAMS)]
        for thread in readers:
            thread.start()
        opened.wait(20)
        started = time.monotonic()
        host.process.send_signal(number)
        host.process.wait(20)
        assert time.monotonic() - started < 15  # a graceful stop that waits for the streams takes for ever
        for thread in readers:
            thread.join(5)


TASKS = """

@api.get("/tasks")
async def tasks() -> int:
    import asyncio

    return len(asyncio.all_tasks())
"""


@pytest.mark.parametrize(("command", "detached"), [(COMMANDS[0], True), (COMMANDS[1], False)])
def test_stream_of_a_host_costs_no_task_under_tidings_run(
    tmp_path: Path, command: tuple[str, ...], detached: bool
) -> None:
    (tmp_path / "shop.py").write_text(programs("embedding.md")["shop.py"] + TASKS)
    with (
        served(tmp_path, *command) as host,
        httpx2.Client(headers={"cookie": "login=alice"}) as http,
        contextlib.ExitStack() as stack,
    ):
        before = http.get(f"{host.url}/tasks").json()
        streams = []  # an iterator that is dropped closes its response
        for _ in range(20):
            response = stack.enter_context(http.stream("GET", f"{host.url}/tidings/v1/stream"))
            streams.append(response.iter_raw())
            assert b"hello" in next(streams[-1])
        after = http.get(f"{host.url}/tasks").json()
        assert (after - before < 5) is detached


def test_stream_of_a_host_gets_goaway_under_tidings_run(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(programs("embedding.md")["shop.py"])
    with (
        served(tmp_path, *COMMANDS[0]) as host,
        httpx2.Client(headers={"cookie": "login=alice"}) as http,
        http.stream("GET", f"{host.url}/tidings/v1/stream") as response,
    ):
        chunks = response.iter_raw()
        assert b"hello" in next(chunks)
        host.process.send_signal(signal.SIGTERM)
        assert b"goaway" in b"".join(chunks)


def test_websocket_of_a_host_works_under_tidings_run(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(programs("embedding.md")["shop.py"])
    with served(tmp_path, *COMMANDS[0]) as host:
        httpx2.post(f"{host.url}/posts/9/like").raise_for_status()
        url = host.url.replace("http", "ws") + "/tidings/v1/ws?cursor=start"
        headers = {"cookie": "login=alice", "origin": host.url}
        with connect(url, additional_headers=headers) as socket:
            assert "hello" in str(socket.recv(5))
            assert "Bob liked your post" in str(socket.recv(5))


def test_client_address_reaches_a_host_under_tidings_run(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        programs("embedding.md")["shop.py"]
        + "\n\n@api.get('/me')\ndef me(request: Request) -> str:\n    return request.client.host\n"
    )
    with served(tmp_path, *COMMANDS[0]) as host:
        assert httpx2.get(f"{host.url}/me").json() == "127.0.0.1"
        with Client(f"{host.url}/tidings") as client, pytest.raises(Exception, match="401"):
            client.counters()
