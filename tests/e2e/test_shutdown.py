"""SIGTERM: everyone is asked to come back a little later, what was accepted is kept, and it ends in time."""

import asyncio
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.servers import Server, environment, eventually
from tests.streams import connect, crowd, stream_target

STREAMS = 5000
IN_TIME = 2.0  # seconds from SIGTERM to the end of the process
RETRY = 2000  # milliseconds; the setting's default


def end(server: Server) -> float:
    """SIGTERM, and how long it took to end."""
    began = time.monotonic()
    assert server.stop() == -signal.SIGTERM  # the process ends by the signal, as its sender expects
    return time.monotonic() - began


@pytest.mark.timeout(120)
async def test_five_thousand_streams_are_asked_to_come_back_each_at_a_time_of_its_own(
    start_server: StartServer,
) -> None:
    server = start_server()
    listeners = await crowd((server.host, server.port), [f"u{n}" for n in range(STREAMS)])
    assert await asyncio.to_thread(server.connections) == STREAMS
    took = await asyncio.to_thread(end, server)
    await asyncio.gather(*(listener.lost for listener in listeners))
    retries = []
    for listener in listeners:
        [goaway] = listener.events
        assert goaway.type == "goaway"
        assert goaway.json == {"reason": "shutdown", "retry": listener.response.parser.retry}
        assert goaway.id == listener.hello.result().id  # it is not in the log: the cursor stays
        retries.append(goaway.json["retry"])
    assert RETRY / 2 <= min(retries) < RETRY * 0.7 and RETRY * 1.8 < max(retries) <= RETRY * 2
    assert len(set(retries)) > 1000
    assert took < IN_TIME


def test_a_stalled_stream_does_not_hold_the_exit(start_server: StartServer) -> None:
    """One whose socket is full, one with a little left to send, one that has everything."""
    server = start_server()
    address = (server.host, server.port)
    full = connect(address, stream_target("full"), receive_buffer=4096).begin()
    some = connect(address, stream_target("some"), receive_buffer=4096).begin()
    well = connect(address, stream_target("well")).begin()
    fill = "x" * 4000
    batch: list[object] = [{"to": {"user": "full"}, "body": fill} for _ in range(2000)]
    server.publish_many(batch)
    for _ in range(100):  # until its kernel takes no more, and not so far that it counts as stalled
        server.publish({"user": "some"}, body=fill)
    server.publish({"user": "well"}, body="before the end")
    assert end(server) < IN_TIME
    assert [event.type for event in well.rest()] == ["notification.created", "goaway"]
    for stream in (full, some):
        assert all(event.type in {"notification.created", "goaway"} for event in stream.rest())
        stream.close()
    well.close()


def test_a_request_that_never_ends_does_not_hold_the_exit(start_server: StartServer) -> None:
    server = start_server()
    with (
        socket.create_connection((server.host, server.port)) as half,
        socket.create_connection((server.host, server.port)) as idle,
    ):
        half.sendall(b"POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(1000).startswith(b"HTTP/1.1 200 OK")
        assert end(server) < IN_TIME + 1  # uvicorn gives it a second, then ends it


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_accepted_publishes_survive_shutdown(start_server: StartServer, stop: signal.Signals) -> None:
    """Publishers are at work when the signal comes: each answer of 201 is in the log, each once."""
    server = start_server()
    accepted: list[set[int]] = [set() for _ in range(6)]
    refused: list[int] = []

    def publish(place: int) -> None:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
        number = place
        try:
            while True:
                body = json.dumps({"to": {"user": "alice"}, "data": number})
                connection.request("POST", "/v1/notifications", body)
                response = connection.getresponse()
                response.read()
                if response.status != 201:
                    refused.append(response.status)
                    return
                accepted[place].add(number)
                number += len(accepted)
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()

    threads = [threading.Thread(target=publish, args=[place]) for place in range(len(accepted))]
    for thread in threads:
        thread.start()
    eventually("some were accepted", lambda: sum(map(len, accepted)) > 300)
    assert server.process is not None
    server.process.send_signal(stop)
    server.process.wait(10)
    for thread in threads:
        thread.join()
    assert set(refused) <= {503}

    server.start()
    head = server.request("GET", "/readyz").json["head"]
    stream = connect((server.host, server.port), stream_target("alice", cursor="start")).begin()
    kept = [event.json["data"] for event in stream.take(head)]
    stream.close()
    assert set().union(*accepted) <= set(kept)
    assert len(kept) == len(set(kept)) <= sum(map(len, accepted)) + len(accepted)


def test_the_database_is_folded_into_one_file(start_server: StartServer) -> None:
    server = start_server()
    server.publish({"user": "alice"}, body="x")
    assert Path(f"{server.db}-wal").exists()
    server.stop()
    assert not Path(f"{server.db}-wal").exists()


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_the_server_in_order_and_silently(tmp_path: Path, times: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tidings", "dev", "--port", "0", "--db", str(tmp_path / "0.db")],
        env=environment({}), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Tidings is at http://127.0.0.1:")
        port = int(line.split("127.0.0.1:")[1].split(" ")[0])
        stream = connect(("127.0.0.1", port), stream_target("alice")).begin()
        for _ in range(times):
            process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=10)
        heard = [event.type for event in stream.rest()]
        assert heard == ["goaway"] or (times == 2 and not heard)  # the second ends it at once
        stream.close()
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, rest) == (0, "")
    assert not (tmp_path / "0.db-wal").exists()


# A drain that is spread over some seconds

DRAIN = 6  # seconds
SPREAD = 300  # streams


@pytest.mark.timeout(120)
async def test_drain_is_unready_first_and_then_ends_streams_evenly(start_server: StartServer) -> None:
    server = start_server("dev", drain_seconds=DRAIN)
    address = (server.host, server.port)
    listeners = await crowd(address, [f"u{n}" for n in range(SPREAD)])
    ends: list[float] = []
    assert server.process is not None
    began = time.monotonic()
    for listener in listeners:
        listener.lost.add_done_callback(lambda _: ends.append(time.monotonic() - began))
    server.process.send_signal(signal.SIGTERM)

    def unready() -> bool:
        return server.request("GET", "/readyz").status == 503

    await asyncio.to_thread(eventually, "unready", unready, within=1)
    assert ends == []  # and all goes on
    late = await asyncio.to_thread(lambda: connect(address, stream_target("late")).begin())
    await asyncio.to_thread(server.publish, {"all": True}, body="still here")
    assert (await asyncio.to_thread(late.next)).type == "notification.created"
    await asyncio.to_thread(server.process.wait, DRAIN + 10)
    took = time.monotonic() - began
    await asyncio.gather(*(listener.lost for listener in listeners))
    late.close()
    first = DRAIN / 4
    parts = [sum(first + n * first <= end < first + (n + 1) * first for end in ends) for n in range(3)]
    assert all(SPREAD / 3 * 0.6 < part < SPREAD / 3 * 1.4 for part in parts), parts
    assert DRAIN <= took < DRAIN + IN_TIME + 1
    for listener in listeners:
        assert [event.type for event in listener.events] == ["notification.created", "goaway"]


def test_drain_accepts_publishes_while_streams_leave_and_ends_when_none_is_left(start_server: StartServer) -> None:
    server = start_server("dev", drain_seconds=DRAIN)
    stream = connect((server.host, server.port), stream_target("alice")).begin()
    assert server.process is not None
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    eventually("no stream is opened", lambda: server.request("HEAD", stream_target("bob")).status == 503, within=DRAIN)
    published = server.publish({"user": "alice"}, body="late")
    assert [event.id for event in stream.take(1)] == [published["cursor"]]
    stream.close()
    server.process.wait(10)
    assert time.monotonic() - began < DRAIN
    server.start()
    assert [item["body"] for item in server.request("GET", "/v1/inbox?user=alice").json["data"]] == ["late"]
