"""A small server that speaks the contract over real sockets, and misbehaves on request.

It is written on bare asyncio streams, since the tests are about what is on the wire: heads that
never come, streams that stop in the middle, proxies that hold everything back.
"""

import asyncio
import contextlib
import json
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.utils import accept_key

EPOCH = "e1"


@dataclass
class Exchange:
    """One request, and where its answer goes."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    def one(self, name: str) -> str | None:
        return self.query.get(name, [None])[0]

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, status: int, body: Any = None, **headers: str) -> None:
        kind = "application/problem+json" if status >= 400 else "application/json"
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"content-type": kind, "content-length": str(len(content)), **headers}
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        await self.send(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + content)

    async def problem(self, status: int, code: str, **headers: str) -> None:
        await self.answer(status, {"status": status, "code": code, "detail": f"because of {code}"}, **headers)

    async def begin_stream(self, **headers: str) -> None:
        fields = {"content-type": "text/event-stream", "transfer-encoding": "chunked", **headers}
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        await self.send(f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode())

    async def chunk(self, data: bytes) -> None:
        await self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def event(self, kind: str, data: Any, id: str | None = None) -> None:
        lines = [f"id: {id}"] if id is not None else []
        lines += [f"event: {kind}", f"data: {json.dumps(data)}", "", ""]
        await self.chunk("\n".join(lines).encode())

    async def upgrade(self) -> None:
        """The server's side of a WebSocket handshake."""
        accept = accept_key(self.headers["sec-websocket-key"])
        head = "HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        await self.send(f"{head}sec-websocket-accept: {accept}\r\n\r\n".encode())

    async def frame(self, opcode: Opcode, data: bytes) -> None:
        await self.send(Frame(opcode, data).serialize(mask=False))

    async def message(self, kind: str, data: Any, id: str | None = None) -> None:
        value = {"type": kind, "data": data} | ({"id": id} if id is not None else {})
        await self.frame(Opcode.TEXT, json.dumps(value).encode())

    async def received(self) -> tuple[Opcode, bytes]:
        """The next frame of the client, which is short and masked."""
        first, second, *mask = await self.reader.readexactly(6)
        masked = await self.reader.readexactly(second & 0x7F)
        return Opcode(first & 0x0F), bytes(byte ^ mask[n % 4] for n, byte in enumerate(masked))


Handler = Callable[[Exchange], Awaitable[None]]


@dataclass
class FakeServer:
    """Runs in a thread of its own, on a free port."""

    heartbeat: float = 20.0
    heartbeat_in_head: bool = True
    log: list[tuple[str, Any]] = field(default_factory=list)  # (type, data); seq is the place, from 1
    requests: list[Exchange] = field(default_factory=list)
    token: str | None = None  # the valid one; None: none is needed
    port: int = 0
    pings: int = 0  # of WebSockets, answered

    def __post_init__(self) -> None:
        self.next: dict[str, deque[Handler]] = {}  # path -> what the next requests get instead
        self.always: dict[str, Handler] = {}
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def open_connections(self) -> int:
        return sum(not writer.transport.is_closing() for writer in list(self._open))

    def at(self, path: str) -> list[Exchange]:
        return [request for request in self.requests if request.path == path]

    def instead(self, path: str, *handlers: Handler) -> None:
        """The answers to the next requests to a path."""
        self.next.setdefault(path, deque()).extend(handlers)

    def publish(self, *events: tuple[str, Any]) -> None:
        """Append to the log, from the test's thread."""

        async def append() -> None:
            async with self._grown:
                self.log.extend(events)
                self._grown.notify_all()

        asyncio.run_coroutine_threadsafe(append(), self._loop).result(5)

    def cut(self) -> None:
        """Break every connection off, without a word."""

        async def abort() -> None:
            for writer in list(self._open):
                writer.transport.abort()

        asyncio.run_coroutine_threadsafe(abort(), self._loop).result(5)

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main(started)), daemon=True)
        self._thread.start()
        assert started.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)

    async def _main(self, started: threading.Event) -> None:
        self._loop, self._stop, self._grown = asyncio.get_running_loop(), asyncio.Event(), asyncio.Condition()
        server = await asyncio.start_server(self._connection, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await self._stop.wait()
        server.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                await self._handle(await _request(reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._open.discard(writer)

    async def _handle(self, exchange: Exchange) -> None:
        self.requests.append(exchange)
        path = exchange.path
        if self.next.get(path):
            await self.next[path].popleft()(exchange)
        elif path in self.always:
            await self.always[path](exchange)
        elif self.token and exchange.headers.get("authorization") != f"Bearer {self.token}":
            await exchange.problem(401, "invalid_token")
        elif path == "/v1/stream":
            await self.stream(exchange)
        elif path == "/v1/poll":
            await self.poll(exchange)
        elif path == "/v1/ws":
            await self.websocket(exchange)
        else:
            await exchange.problem(404, "not_found")

    def start(self, exchange: Exchange) -> int:
        cursor = exchange.headers.get("last-event-id") or exchange.one("cursor")
        if cursor is None:
            return len(self.log)
        return 0 if cursor == "start" else int(cursor.removeprefix(f"{EPOCH}-"))

    async def hello(self, exchange: Exchange, at: int) -> None:
        cursor = f"{EPOCH}-{at}"
        data = {"cursor": cursor, "counters": {"unread": 0}, "heartbeat": self.heartbeat, "connection": "s"}
        await exchange.begin_stream(**{"tidings_heartbeat": f"{self.heartbeat}"} if self.heartbeat_in_head else {})
        await exchange.event("hello", data, id=cursor)

    async def stream(self, exchange: Exchange) -> None:
        at = self.start(exchange)
        await self.hello(exchange, at)
        while True:
            while at < len(self.log):
                kind, data = self.log[at]
                at += 1
                await exchange.event(kind, data, id=f"{EPOCH}-{at}")
            async with self._grown:
                grown = self._grown.wait_for(lambda: len(self.log) > at)  # noqa: B023
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(grown, self.heartbeat)
                    continue
            await exchange.chunk(b":\n\n")

    async def websocket(self, exchange: Exchange) -> None:
        at = self.start(exchange)
        await exchange.upgrade()
        await self.ws_hello(exchange, at)
        answering = asyncio.create_task(self._answer_frames(exchange))
        try:
            while True:
                while at < len(self.log):
                    kind, data = self.log[at]
                    at += 1
                    await exchange.message(kind, data, id=f"{EPOCH}-{at}")
                async with self._grown:
                    await self._grown.wait_for(lambda: len(self.log) > at)  # noqa: B023
        finally:
            answering.cancel()

    async def ws_hello(self, exchange: Exchange, at: int) -> None:
        data = {"cursor": f"{EPOCH}-{at}", "counters": {}, "heartbeat": self.heartbeat, "connection": "s"}
        await exchange.message("hello", data, id=f"{EPOCH}-{at}")

    async def _answer_frames(self, exchange: Exchange) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                opcode, data = await exchange.received()
                if opcode is Opcode.PING:
                    self.pings += 1
                    await exchange.frame(Opcode.PONG, data)
                elif opcode is Opcode.CLOSE:
                    await exchange.frame(Opcode.CLOSE, Close(CloseCode.NORMAL_CLOSURE, "").serialize())
                    exchange.writer.close()

    async def poll(self, exchange: Exchange) -> None:
        at = self.start(exchange)
        wait = float(exchange.one("wait") or 0)
        async with self._grown:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._grown.wait_for(lambda: len(self.log) > at), wait)
        page = self.log[at : at + 2]  # small pages, so that `more` is used
        events = [
            {"id": f"{EPOCH}-{at + n}", "type": kind, "data": data} for n, (kind, data) in enumerate(page, start=1)
        ]
        end = at + len(page)
        await exchange.answer(200, {"events": events, "cursor": f"{EPOCH}-{end}", "more": end < len(self.log)})


async def _request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Exchange:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Exchange(method, target, headers, body, reader, writer)
