"""A small, exact client of event streams, for tests.

`Response` is the protocol without I/O: HTTP/1.1 head, chunks, and events by the parsing rules of WHATWG HTML,
section 9.2.6. `Stream` is a blocking socket around it that reads only when it is asked to, so that a test can
stop reading, close half, or vanish. `Listener` is the same for asyncio, for crowds.
"""

import asyncio
import json
import re
import socket
import struct
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, cast
from urllib.parse import quote

PATIENCE = 30.0  # seconds
_LINE = re.compile(rb"\r\n|\r|\n")


class Ended(Exception):
    """The stream is over: the server closed it, or the connection broke."""


class Event(NamedTuple):
    """An event as a browser would dispatch it."""

    id: str  # the last event id, as of this event
    type: str
    data: str

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def seq(self) -> int:
        """The position in this event's id."""
        return int(self.id.rpartition("-")[2])


class Parser:
    """Bytes of a `text/event-stream`, in any pieces, to events."""

    def __init__(self) -> None:
        self.last_event_id = ""
        self.retry: int | None = None
        self.comments = 0
        self._id = ""
        self._type = ""
        self._data: list[str] = []
        self._rest = b""
        self._started = False
        self._after_cr = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete."""
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        data = self._rest + data
        if not self._started:
            if len(data) < 3 and b"\xef\xbb\xbf".startswith(data):
                self._rest = data
                return []
            self._started = True
            data = data.removeprefix(b"\xef\xbb\xbf")
        self._after_cr = self._after_cr or data.endswith(b"\r")
        *lines, self._rest = _LINE.split(data)
        found: list[Event] = []
        for line in lines:
            if line:
                self._field(line)
            else:
                self._dispatch(found)
        return found

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value.decode(errors="replace"))
        elif name == b"event":
            self._type = value.decode(errors="replace")
        elif name == b"id":
            if b"\0" not in value:
                self._id = value.decode(errors="replace")
        elif name == b"retry":
            if value.isdigit():
                self.retry = int(value)
        elif not name:
            self.comments += 1

    def _dispatch(self, found: list[Event]) -> None:
        self.last_event_id = self._id
        if self._data:
            found.append(Event(self._id, self._type or "message", "\n".join(self._data)))
        self._data = []
        self._type = ""


class Response:
    """An HTTP/1.1 response whose body is a stream of events."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.parser = Parser()
        self.body = b""  # of a response that is not a stream of events
        self.complete = False  # the last chunk has come
        self._pending = b""
        self._chunked = False
        self._left = 0  # bytes of the current chunk, with the CRLF after it

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete."""
        if not self.status:
            self._pending += data
            head, found, rest = self._pending.partition(b"\r\n\r\n")
            if not found:
                return []
            first, *lines = head.decode("latin-1").split("\r\n")
            self.status = int(first.split(" ")[1])
            for line in lines:
                name, _, value = line.partition(":")
                self.headers[name.lower()] = value.strip()
            self._chunked = self.headers.get("transfer-encoding") == "chunked"
            self._pending = b""
            data = rest
        if self._chunked:
            data = self._dechunk(data)
        if self.headers.get("content-type", "").startswith("text/event-stream"):
            return self.parser.feed(data)
        self.body += data
        return []

    def _dechunk(self, data: bytes) -> bytes:
        data = self._pending + data
        self._pending = b""
        parts, at = [], 0
        while at < len(data) and not self.complete:
            if self._left:
                part = data[at : at + self._left]
                at += len(part)
                content = max(0, min(len(part), self._left - 2))
                self._left -= len(part)
                parts.append(part[:content])
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                self._pending = data[at:]
                break
            size = int(data[at:end], 16)
            at = end + 2
            self.complete = size == 0
            self._left = size + 2
        return b"".join(parts)


def request_head(target: str, *, host: str, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """A GET request, as a browser's EventSource would send it."""
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}", "Accept: text/event-stream"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode()


def stream_target(user: str | None, *, cursor: str | None = None, topics: Sequence[str] = ()) -> str:
    """The path and query of a stream."""
    query = [("user", user), ("cursor", cursor), *(("topic", topic) for topic in topics)]
    return "/v1/stream?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query if value is not None)


class Stream:
    """One connection, read only when asked."""

    def __init__(self, connected: socket.socket, request: bytes) -> None:
        self.response = Response()
        self.hello: Event | None = None
        self._ready: list[Event] = []
        self.socket = connected
        connected.sendall(request)

    def begin(self) -> "Stream":
        """Read the head and `hello`; a stream that does not begin so is closed."""
        try:
            self.hello = self.next()
            assert self.response.status == 200
            assert self.hello.type == "hello"
        except BaseException:
            self.close()
            raise
        return self

    @property
    def parser(self) -> Parser:
        return self.response.parser

    def next(self, *, within: float = PATIENCE) -> Event:
        """The next event. Raises `Ended`, `TimeoutError`."""
        self.read_until(lambda: bool(self._ready), within=within)
        return self._ready.pop(0)

    def take(self, count: int, *, within: float = PATIENCE) -> list[Event]:
        """The next events. Raises `Ended`, `TimeoutError`."""
        self.read_until(lambda: len(self._ready) >= count, within=within)
        taken, self._ready = self._ready[:count], self._ready[count:]
        return taken

    def rest(self, *, within: float = PATIENCE) -> list[Event]:
        """Everything up to the end of the stream."""
        with suppress(Ended):
            self.read_until(lambda: False, within=within)
        taken, self._ready = self._ready, []
        return taken

    def read_until(self, enough: Callable[[], bool], *, within: float = PATIENCE) -> None:
        """Read while there is not enough. Raises `Ended`, `TimeoutError`."""
        deadline = time.monotonic() + within
        while not enough():
            if self.response.complete:
                raise Ended("the server ended the response")
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                data = self.socket.recv(256 * 1024)
            except ConnectionError as error:
                raise Ended(str(error)) from error
            if not data:
                raise Ended(f"status {self.response.status} {self.response.body.decode(errors='replace')}")
            self._ready += self.response.feed(data)

    def close(self) -> None:
        """As when a tab is closed: FIN. (RST, if something was not read.)"""
        self.socket.close()

    def reset(self) -> None:
        """As when the other end crashed and came back: RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def half_close(self) -> None:
        """Say that nothing more will be sent, and go on reading."""
        self.socket.shutdown(socket.SHUT_WR)


def connect(
    address: tuple[str, int],
    target: str,
    *,
    headers: Iterable[tuple[str, str]] = (),
    receive_buffer: int | None = None,
    make_socket: Callable[[], socket.socket] = socket.socket,
) -> Stream:
    """Ask for a stream. `receive_buffer` in bytes: a small one soon shows the server that the client stalls."""
    made = make_socket()
    try:
        if receive_buffer is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        made.settimeout(PATIENCE)
        made.connect(address)
        return Stream(made, request_head(target, host=f"{address[0]}:{address[1]}", headers=headers))
    except OSError:
        made.close()
        raise


def resuming(address: tuple[str, int], user: str, stream: Stream) -> Generator[Event, None, None]:
    """The events of a stream, and of those that follow it: when one ends, the next asks for what came after."""
    last = stream.parser.last_event_id
    try:
        while True:
            try:
                event = stream.next()
            except Ended:
                stream.close()
                stream = connect(address, stream_target(user), headers=[("Last-Event-ID", last)]).begin()
                continue
            last = event.id
            yield event
    finally:
        stream.close()


class Listener(asyncio.Protocol):
    """One connection of a crowd. Events go to `on_event`; with none given they are kept in `events`."""

    def __init__(self, head: bytes, on_event: Callable[[Event], None] | None = None) -> None:
        self.events: list[Event] = []
        self.response = Response()
        self.transport: asyncio.Transport
        loop = asyncio.get_running_loop()
        self.hello: asyncio.Future[Event] = loop.create_future()
        self.lost: asyncio.Future[None] = loop.create_future()
        self._head = head
        self._on_event = on_event or self.events.append

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._head)

    def data_received(self, data: bytes) -> None:
        for event in self.response.feed(data):
            if self.hello.done():
                self._on_event(event)
            else:
                self.hello.set_result(event)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.hello.done():
            self.hello.set_exception(Ended(f"status {self.response.status} {error}"))
        if not self.lost.done():
            self.lost.set_result(None)

    def reset(self) -> None:
        """RST, which leaves no TIME_WAIT behind."""
        raw = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


async def listen(
    address: tuple[str, int],
    user: str,
    *,
    last_event_id: str | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Listener:
    """Open a stream and wait for its `hello`. Raises `Ended`, `OSError`."""
    headers = [("Last-Event-ID", last_event_id)] if last_event_id is not None else []
    head = request_head(stream_target(user), host=f"{address[0]}:{address[1]}", headers=headers)
    _, listener = await asyncio.get_running_loop().create_connection(lambda: Listener(head, on_event), *address)
    await listener.hello
    return listener


async def crowd(address: tuple[str, int], users: Sequence[str], *, at_once: int = 200) -> list[Listener]:
    """A stream for each user, opened a few hundred at a time."""
    listeners: list[Listener] = []
    for start in range(0, len(users), at_once):
        opening = [listen(address, user) for user in users[start : start + at_once]]
        listeners += await asyncio.gather(*opening)
    return listeners
