"""The four ways to receive, behind one face: each reads only when it is asked to, over a socket of its own."""

import http.client
import json
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from tests.servers import PATIENCE, Server
from tests.streams import Ended, connect

PAUSE = 0.02  # seconds between two short polls
WAIT = 2  # seconds of a long poll


class Received(NamedTuple):
    """An event, as every transport has it."""

    id: str
    type: str
    data: Any


class Receiver(Protocol):
    """One client. Every wait raises `TimeoutError` when it is over, and `Ended` when the connection is."""

    start: str  # the cursor that it began after

    def take(self, count: int, *, within: float = PATIENCE) -> list[Received]:
        """The next events: of the log, and `reset`."""

    def expect_heartbeat(self, *, within: float) -> None:
        """Wait until the server shows that it is there, though there is nothing to tell."""

    def expect_goaway(self, *, within: float) -> None:
        """Wait for the end that a server makes when it stops. Raises `AssertionError` if it goes without a word."""

    def close(self) -> None: ...


def target(path: str, user: str, *, cursor: str | None, topics: Sequence[str], **more: object) -> str:
    query = [("user", user), ("cursor", cursor), *(("topic", topic) for topic in topics), *more.items()]
    return f"{path}?" + "&".join(f"{name}={quote(str(value), safe='')}" for name, value in query if value is not None)


class Sse:
    """Server-sent events."""

    def __init__(self, server: Server, user: str, *, cursor: str | None = None, topics: Sequence[str] = ()) -> None:
        self._stream = connect(
            (server.host, server.port),
            target("/v1/stream", user, cursor=cursor, topics=topics),
            receive_buffer=16 * 1024,
        ).begin()
        assert self._stream.hello is not None
        self.start = self._stream.hello.id

    def take(self, count: int, *, within: float = PATIENCE) -> list[Received]:
        return [Received(event.id, event.type, event.json) for event in self._stream.take(count, within=within)]

    def expect_heartbeat(self, *, within: float) -> None:
        before = self._stream.parser.comments
        self._stream.read_until(lambda: self._stream.parser.comments > before, within=within)

    def expect_goaway(self, *, within: float) -> None:
        assert [event.type for event in self._stream.rest(within=within)] in (["goaway"], [])

    def close(self) -> None:
        self._stream.close()


class Ws:
    """A WebSocket, by the protocol without I/O that the `websockets` library is made of."""

    def __init__(self, server: Server, user: str, *, cursor: str | None = None, topics: Sequence[str] = ()) -> None:
        self.frames: list[Frame] = []
        self._response: Response | None = None
        self._ready: list[Any] = []
        uri = f"ws://{server.host}:{server.port}" + target("/v1/ws", user, cursor=cursor, topics=topics)
        self._protocol = ClientProtocol(parse_uri(uri))
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        try:
            self._socket.settimeout(PATIENCE)
            self._socket.connect((server.host, server.port))
            self._protocol.send_request(self._protocol.connect())
            self._flush()
            hello = self.next()
            assert hello["type"] == "hello"
        except BaseException:
            self._socket.close()
            raise
        self.start: str = hello["id"]

    def next(self, *, within: float = PATIENCE) -> Any:
        """The next message."""
        self.read_until(lambda: bool(self._ready), within=within)
        return self._ready.pop(0)

    def say(self, message: object) -> None:
        self._protocol.send_text(json.dumps(message).encode())
        self._flush()

    def send_raw(self, data: bytes) -> None:
        """Bytes that need not be frames. The server may have hung up on earlier ones."""
        with suppress(ConnectionError):
            self._socket.sendall(data)

    def half_close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    @property
    def close_code(self) -> int | None:
        return self._protocol.close_code

    def take(self, count: int, *, within: float = PATIENCE) -> list[Received]:
        self.read_until(lambda: len(self._ready) >= count, within=within)
        taken, self._ready = self._ready[:count], self._ready[count:]
        return [Received(message.get("id", ""), message["type"], message["data"]) for message in taken]

    def expect_heartbeat(self, *, within: float) -> None:
        before = len(self.frames)
        self.read_until(lambda: Opcode.PING in [frame.opcode for frame in self.frames[before:]], within=within)

    def expect_goaway(self, *, within: float) -> None:
        with suppress(Ended):
            self.read_until(lambda: False, within=within)
        assert [message["type"] for message in self._ready] in (["goaway"], [])
        assert self._protocol.close_code in (1001, 1012)

    def read_until(self, enough: Callable[[], bool], *, within: float) -> None:
        deadline = time.monotonic() + within
        while not enough():
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                data = self._socket.recv(64 * 1024)
            except ConnectionError as error:
                # A reset may follow the server's last word: it hung up before it had read our answer to a ping.
                self._protocol.receive_eof()
                raise Ended(str(error)) from error
            if data:
                self._protocol.receive_data(data)
            else:
                self._protocol.receive_eof()
            self._flush()
            for event in self._protocol.events_received():
                if isinstance(event, Frame):
                    self.frames.append(event)
                    if event.opcode is Opcode.TEXT:
                        assert event.fin
                        self._ready.append(json.loads(bytes(event.data)))
            assert self._protocol.handshake_exc is None
            if not data:
                raise Ended(f"closed with {self._protocol.close_code} {self._protocol.close_reason}")

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            with suppress(OSError):  # the server may have hung up already
                if data:
                    self._socket.sendall(data)
                else:
                    self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._socket.close()


class Poll:
    """Polls over one connection that is kept alive."""

    wait: int

    def __init__(self, server: Server, user: str, *, cursor: str | None = None, topics: Sequence[str] = ()) -> None:
        self._user = user
        self._topics = topics
        self._http = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
        self._ready: list[Received] = []
        self._cursor = cursor if cursor is not None else self.ask(wait=0)["cursor"]
        self.start: str = self._cursor

    def ask(self, *, wait: int) -> Any:
        """One poll."""
        self.send(wait=wait)
        return self.answer()

    def send(self, *, wait: int) -> None:
        cursor = getattr(self, "_cursor", None)
        self._http.request("GET", target("/v1/poll", self._user, cursor=cursor, topics=self._topics, wait=wait))

    def answer(self) -> Any:
        try:
            self.response = self._http.getresponse()
            body = self.response.read()
        except (http.client.HTTPException, ConnectionError) as error:
            raise Ended(str(error)) from error
        assert self.response.status == 200, body
        return json.loads(body)

    def take(self, count: int, *, within: float = PATIENCE) -> list[Received]:
        deadline = time.monotonic() + within
        while len(self._ready) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self._ready)} of {count} events")
            page = self.ask(wait=self.wait)
            self._cursor = page["cursor"]
            self._ready += [Received(event["id"], event["type"], event["data"]) for event in page["events"]]
            if not self.wait and not page["more"]:
                time.sleep(PAUSE)
        taken, self._ready = self._ready[:count], self._ready[count:]
        return taken

    def expect_heartbeat(self, *, within: float) -> None:
        began = time.monotonic()
        wait = min(self.wait, 1)
        assert self.ask(wait=wait) == {"events": [], "cursor": self._cursor, "more": False}
        assert wait <= time.monotonic() - began < within

    def close(self) -> None:
        self._http.close()


class LongPoll(Poll):
    """Polls that wait for the next event."""

    wait = WAIT

    def expect_goaway(self, *, within: float) -> None:
        self._http.sock.settimeout(within)
        assert self.answer() == {"events": [], "cursor": self._cursor, "more": False}
        assert self.response.getheader("connection") == "close"


class ShortPoll(Poll):
    """Polls that are answered at once."""

    wait = 0

    def expect_goaway(self, *, within: float) -> None:
        """Close the connection under a client between two polls."""
        self._http.sock.settimeout(within)
        assert self._http.sock.recv(1) == b""


RECEIVERS: dict[str, Callable[..., Receiver]] = {"sse": Sse, "ws": Ws, "long-poll": LongPoll, "short-poll": ShortPoll}
