"""The baseline: the cheapest server there can be. `python -m bench.baseline PORT FILE`

A uvloop protocol that writes one bytes object to every socket and nothing else: no users, no order, no log,
no resume. The cost of a real server above this one is the cost of its features.

    GET /sub      event stream, one write per event      GET /joined   events of 5 ms in one write
    GET /replay   event stream that begins with the last hundred events
    GET /aside    event stream of what is posted to /aside
    GET /ws       WebSocket, one write per event         GET /poll     answered by the next event
    GET /same     304, always
    POST /pub     sends its body to everyone             POST /append  answers when its body is on the disk
"""

import asyncio
import base64
import hashlib
import os
import sys
from collections import deque
from typing import cast

import uvloop

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n: ok\n\n"
WEBSOCKET = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
DONE = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
SAME = b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n'
JOIN_WITHIN = 0.005  # seconds; the wait that joining costs


def frame(payload: bytes) -> bytes:
    """One unmasked WebSocket text frame (RFC 6455)."""
    length = len(payload)
    head = bytes((0x81, length)) if length < 126 else b"\x81\x7e" + length.to_bytes(2, "big")
    return head + payload


class Listeners:
    """All listening sockets."""

    def __init__(self, path: str) -> None:
        self.streams: set[asyncio.Transport] = set()
        self.joined: set[asyncio.Transport] = set()
        self.aside: set[asyncio.Transport] = set()
        self.sockets: set[asyncio.Transport] = set()
        self.polls: set[asyncio.Transport] = set()
        self.recent: deque[bytes] = deque(maxlen=100)
        self.waiting: list[bytes] = []
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.unwritten: list[tuple[bytes, asyncio.Transport]] = []
        self.writing: asyncio.Task[None] | None = None

    def publish(self, body: bytes) -> None:
        event = b"id: 1\ndata: " + body + b"\n\n"
        self.recent.append(event)
        for transport in self.streams:
            transport.write(event)
        if self.sockets:
            text = frame(body)
            for transport in self.sockets:
                transport.write(text)
        if self.polls:
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            for transport in self.polls:
                transport.write(answer)
            self.polls.clear()
        if self.joined:
            if not self.waiting:
                asyncio.get_running_loop().call_later(JOIN_WITHIN, self.flush)
            self.waiting.append(event)

    def flush(self) -> None:
        events = b"".join(self.waiting)
        self.waiting.clear()
        for transport in self.joined:
            transport.write(events)

    def append(self, body: bytes, transport: asyncio.Transport) -> None:
        self.unwritten.append((body, transport))
        if self.writing is None or self.writing.done():
            self.writing = asyncio.ensure_future(self.write_all())

    async def write_all(self) -> None:
        """Write in batches: bodies that arrive during a write go into the next one."""
        while self.unwritten:
            group, self.unwritten = self.unwritten, []
            await asyncio.to_thread(self.write, b"".join(body for body, _ in group))
            for _, transport in group:
                if not transport.is_closing():
                    transport.write(DONE)

    def write(self, data: bytes) -> None:
        os.write(self.file, data)
        os.fdatasync(self.file)

    def leave(self, transport: asyncio.Transport) -> None:
        for place in (self.streams, self.joined, self.aside, self.sockets, self.polls):
            place.discard(transport)


class BaselineProtocol(asyncio.Protocol):
    """One connection: enough of HTTP/1.1 for the load clients, one request at a time."""

    __slots__ = ("listeners", "received", "transport")

    def __init__(self, listeners: Listeners) -> None:
        self.listeners, self.received = listeners, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end or len(body) < int(header(head, b"content-length") or 0):
            return
        self.received = b""
        match head.split(b" ", 2)[1].split(b"?")[0]:
            case b"/sub":
                self.transport.write(STREAM)
                self.listeners.streams.add(self.transport)
            case b"/joined":
                self.transport.write(STREAM)
                self.listeners.joined.add(self.transport)
            case b"/replay":
                self.transport.write(STREAM + b"".join(self.listeners.recent))
                self.listeners.streams.add(self.transport)
            case b"/aside" if head.startswith(b"GET"):
                self.transport.write(STREAM)
                self.listeners.aside.add(self.transport)
            case b"/aside":
                for transport in self.listeners.aside:
                    transport.write(b"id: 1\ndata: " + body + b"\n\n")
                self.transport.write(DONE)
            case b"/ws":
                key = header(head, b"sec-websocket-key") + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
                self.transport.write(WEBSOCKET + base64.b64encode(hashlib.sha1(key).digest()) + b"\r\n\r\n")
                self.listeners.sockets.add(self.transport)
            case b"/poll":
                self.listeners.polls.add(self.transport)
            case b"/same":
                self.transport.write(SAME)
            case b"/pub":
                self.listeners.publish(body)
                self.transport.write(DONE)
            case b"/append":
                self.listeners.append(body, self.transport)
            case _:
                self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.listeners.leave(self.transport)


def header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n"):
        if line[: len(name)].lower() == name:
            return line[len(name) + 1 :].strip()
    return b""


async def main(port: int, path: str) -> None:
    listeners = Listeners(path)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: BaselineProtocol(listeners), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
