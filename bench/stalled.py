"""A stalled reader among 500: the others keep their latency, no memory grows, and it misses no event."""

import itertools
import re
import socket
import time
from dataclasses import dataclass

from bench.load import listeners, publish
from bench.runner import Figure, Runner, middle
from bench.servers import Failed, Running, payload

SIZE = 4000  # bytes of payload, so that what is missed is more than the kernel's buffers take
PUBLISHERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    per_second: float  # publishes
    p99_ms: float  # of the readers that read
    grown: float  # megabytes of server memory
    missed: int  # events the stalled reader lost or got out of order, once it read again


def stall(target: Running) -> socket.socket:
    """A reader that opens a stream and reads nothing."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.connect(("127.0.0.1", target.port))
    path = target.server.sse % 999_999
    reader.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n".encode())
    return reader


def wake(reader: socket.socket, *, events: int) -> int:
    """Read at last; how many events are missing or out of order."""
    reader.settimeout(15)
    stamps: list[bytes] = []
    rest = b""
    deadline = time.monotonic() + 60
    while len(stamps) < events and time.monotonic() < deadline:
        try:
            data = reader.recv(1 << 20)
        except TimeoutError:
            break
        if not data:
            break
        *lines, rest = (rest + data).split(b"\n")
        stamps += [mark for line in lines for mark in re.findall(rb"@(\d{19});", line)]
    in_order = sum(a < b for a, b in itertools.pairwise(stamps))
    return events - min(events, in_order + 1) if stamps else events


def measure(target: Running, *, readers: int, events: int, stalled: bool) -> Run:
    server = target.server
    memory = target.stats.memory()
    with listeners(target, server.sse, streams=readers, expect=readers * events, timeout=60) as client:
        reader = stall(target) if stalled else None
        target.stats.settle()
        done = publish(target, server.publish, server.one(payload(SIZE)), connections=PUBLISHERS, requests=events)
        heard = client.heard()
        grown = target.stats.memory() - memory
        missed = wake(reader, events=events) if reader else 0
        if reader:
            reader.close()
    if heard.count != readers * events or heard.closed:
        raise Failed(f"{heard.count} of {readers * events} events, {heard.closed} streams closed")
    return Run(per_second=done.per_second, p99_ms=heard.p99_ms, grown=grown / 1e6, missed=missed)


def run(runner: Runner) -> list[Figure]:
    readers, events = runner.size(500, 100), 2000
    without: list[Run] = []
    with_one: list[Run] = []
    for _ in range(runner.rounds):  # in turns
        for stalled, results in ((False, without), (True, with_one)):
            with runner.start(runner.tidings) as target:
                results.append(measure(target, readers=readers, events=events, stalled=stalled))
    speed = middle(without, lambda run: run.per_second)
    p99 = middle(without, lambda run: run.p99_ms)
    title = f"one stalled reader among {readers}"
    return [
        Figure(
            key="stalled-speed",
            group="Slow readers",
            title=f"{title}: publishes a second, {PUBLISHERS} publishers, {SIZE // 1000} KB each",
            unit="/s",
            measured=middle(with_one, lambda run: run.per_second),
            peers={"without it": speed},
            target="0.9 x without",
            limit=0.9 * speed,
            more_is_better=True,
        ),
        Figure(
            key="stalled-latency",
            group="Slow readers",
            title=f"{title}: latency of the others, p99",
            unit="ms",
            measured=middle(with_one, lambda run: run.p99_ms),
            peers={"without it": p99},
            target="1.2 x without",
            limit=1.2 * p99,
        ),
        Figure(
            key="stalled-memory",
            group="Slow readers",
            title=f"{title}: growth of the server's memory",
            unit="MB",
            measured=middle(with_one, lambda run: run.grown),
            peers={"without it": middle(without, lambda run: run.grown)},
        ),
        Figure(
            key="stalled-missed",
            group="Slow readers",
            title=f"{title}: events of {events:,} it lacks once it reads again",
            unit="events",
            measured=max(run.missed for run in with_one),
            target="0",
            limit=0,
        ),
    ]
