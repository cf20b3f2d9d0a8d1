"""Readers that stop reading, among many that do not: publishing goes on, memory stays bounded, nothing is lost."""

import asyncio
import socket
import time
from contextlib import closing
from itertools import islice

import pytest

from tests.conftest import StartServer
from tests.servers import Server, eventually
from tests.streams import connect, crowd, resuming, stream_target

READERS = 450
STALLED = 50  # if each had a queue of what it missed, it would show
ROUNDS = 40
BUSY = 50  # notifications a round, on a topic that only those follow who stall
FILL = "x" * 4000
MISSED = ROUNDS * BUSY * len(FILL)  # bytes for each stalled connection: 8 MB, together 400 MB


def publish(server: Server, number: int) -> None:
    batch: list[object] = [{"to": {"topic": "busy"}, "data": [number, n], "body": FILL} for n in range(BUSY)]
    answer = server.request("POST", "/v1/notifications:batch", [*batch, {"to": {"all": True}, "data": [number]}])
    assert answer.status == 200, answer.body


def prepare(server: Server, names: list[str]) -> None:
    """Let the users follow the topic and mute each something, so that no two are written the same bytes object."""
    server.follow("busy", *names)
    for name in names:
        answer = server.request("PUT", f"/v1/preferences?user={name}", {"mutes": [f"type:nothing-{name}"]})
        assert answer.status == 200


@pytest.mark.timeout(180)
async def test_stalled_readers_among_five_hundred_delay_no_other_and_lose_nothing(start_server: StartServer) -> None:
    server = start_server()
    address = (server.host, server.port)
    readers = await crowd(address, [f"u{n}" for n in range(READERS)])
    names = [f"sleeper{n}" for n in range(STALLED)]
    await asyncio.to_thread(prepare, server, names)
    sleepers = [connect(address, stream_target(name), receive_buffer=4096).begin() for name in names]
    before = server.resident()
    largest = 0
    for number in range(ROUNDS):
        await asyncio.to_thread(publish, server, number)
        largest = max(largest, server.resident())

    def all_came() -> bool:
        return all(len(reader.events) >= ROUNDS for reader in readers)

    await asyncio.to_thread(eventually, "the others have all", all_came)
    for reader in readers:
        assert [event.json["data"] for event in reader.events] == [[number] for number in range(ROUNDS)]
        reader.transport.abort()
    # The ring, which is shared, holds what was published once; the database has its caches.
    assert largest - before < MISSED * STALLED / 4

    expected = [[r, n] if n < BUSY else [r] for r in range(ROUNDS) for n in range(BUSY + 1)]
    for name, sleeper in list(zip(names, sleepers, strict=True))[:5]:
        with closing(resuming(address, name, sleeper)) as missed:
            assert [event.json["data"] for event in islice(missed, len(expected))] == expected
    for sleeper in sleepers[5:]:
        sleeper.reset()


def test_a_reader_that_takes_a_little_all_the_time_is_never_ended(start_server: StartServer) -> None:
    """Its buffers are full all the while, here and there: that is slow, not dead."""
    heartbeat = 6.0
    server = start_server(heartbeat=heartbeat)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)  # on loopback a window opens by 64 KB
        slow.connect((server.host, server.port))
        slow.settimeout(heartbeat)
        slow.sendall(b"GET /v1/stream?user=slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        eventually("it is there", lambda: server.connections() == 1)
        for _ in range(4):
            batch = [{"to": {"user": "slow"}, "body": FILL} for _ in range(500)]  # 2 MB
            server.publish_many(batch)
        began = time.monotonic()
        while time.monotonic() - began < 2.5 * heartbeat:
            assert slow.recv(2048)
            time.sleep(0.5)
        assert server.connections() == 1


def test_stalled_reader_that_wakes_in_time_continues_where_it_stopped(start_server: StartServer) -> None:
    """On the same connection: it was full, stayed open, and the missed events come from the log."""
    server = start_server(heartbeat=60)
    server.follow("busy", "sleeper")
    sleeper = connect((server.host, server.port), stream_target("sleeper"), receive_buffer=4096).begin()
    for number in range(ROUNDS):
        publish(server, number)
    events = sleeper.take(ROUNDS * (BUSY + 1))
    assert [event.seq for event in events] == list(range(events[0].seq, events[0].seq + len(events)))
    publish(server, ROUNDS)
    assert sleeper.take(BUSY + 1)[-1].json["data"] == [ROUNDS]
    sleeper.close()
