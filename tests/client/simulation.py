"""A simulated network with a simulated server behind it: does what a stream's program asks.

No socket, no thread, no clock but its own. Everything that can go wrong is in `mishaps`, taken
one by one; when they are used up, everything works.
"""

import json
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tidings.client._commands import (
    Close,
    Command,
    Emit,
    GetToken,
    Open,
    Probe,
    ProgramRun,
    Read,
    ReportStatus,
    Request,
    Response,
    Send,
    Sleep,
)
from tidings.client._exceptions import ConnectionLost, ReadTimedOut, TokenUnavailable
from tidings.client._requests import ClientConfig
from tidings.client._subscription import Subscription, stream_options
from tidings.client.types import Event, Status

HEARTBEAT = 20.0
SSE = {"content-type": "text/event-stream; charset=utf-8"}
JSON = {"content-type": "application/json"}


@dataclass
class SimulatedLink:
    """An open stream, as the server sees it."""

    how: str
    at: int  # the reader's place
    waiting: deque[bytes] = field(default_factory=deque)  # on the wire


@dataclass
class SimulatedNetwork:
    """Time, the network, and a server with a log."""

    mishaps: deque[str] = field(default_factory=deque)
    chance: float = 0.5
    now: float = 1000.0
    epoch: int = 1
    head: int = 0
    floor: int = 0  # what is kept begins after it
    cut: int = 1000  # bytes that arrive together
    link: SimulatedLink | None = None
    emitted: list[Event] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    tokens: list[GetToken] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    token_takes: float = 0.0  # seconds
    tokenless: int = 0  # how often the next token cannot be had
    started_at: int | None = None  # where a stream without a cursor began

    def config(self, *, refreshable: bool = False, user: str | None = "alice") -> ClientConfig:
        return ClientConfig(
            url="http://h",
            user=user,
            refreshable=refreshable,
            timeout=10,
            retries=2,
            clock=lambda: self.now,
            now=lambda: datetime(2030, 1, 1, tzinfo=UTC),
            chance=lambda: self.chance,
        )

    def listen(self, *, refreshable: bool = False, **arguments: Any) -> ProgramRun[None]:
        listening = Subscription(self.config(refreshable=refreshable), stream_options(**arguments))
        return ProgramRun(listening.program())

    def run(self, run: ProgramRun[None], *, steps: int) -> int:
        """Go on until all is quiet, or for that many steps; how many were left."""
        for left in range(steps, 0, -1):
            command = run.command
            assert command is not None
            if not self.mishaps and self.quiet(command):
                return left
            run.resume(self.perform(command))
        return 0

    def quiet(self, command: Command) -> bool:
        """True if the program only waits for bytes or timers that are not there yet."""
        if isinstance(command, Read):
            return self.link is not None and not self.link.waiting and self.link.at == self.head
        if not isinstance(command, Send) or "wait=0" in command.request.url:
            return False
        return self.position(command.request) == (self.head, None)

    # The commands.

    def perform(self, command: Command) -> object:
        match command:
            case Emit(item):
                self.emitted.append(item)
            case ReportStatus(status):
                self.statuses.append(status)
                if status.hello and self.started_at is None:
                    self.started_at = int(status.hello["cursor"].partition("-")[2])
            case Sleep(seconds):
                self.slept.append(seconds)
                self.now += seconds
            case GetToken():
                self.now += self.token_takes
                if self.tokenless:
                    self.tokenless -= 1
                    return TokenUnavailable("there is no token: KeyError('id')")
                self.tokens.append(command)
                return f"token-{sum(token.instead_of is not None for token in self.tokens)}"
            case Close():
                self.link = None
            case Open(request, how, within):
                assert self.link is None, "the last connection was left open"
                self.requests.append(request)
                return self.open(request, how, within)
            case Send(request, within):
                self.requests.append(request)
                return self.poll(request, within)
            case Read(within):
                return self.read(within)
            case Probe(within):
                self.now += within
                return self.mishap() != "silence"
        return None

    def mishap(self) -> str:
        return self.mishaps.popleft() if self.mishaps else ""

    def refusal(self, within: float) -> Response | ConnectionLost | None:
        """The failure of a request, if any."""
        self.now += 0.01
        match self.mishap():
            case "publish" | "duplicate":
                self.head += 1
            case "unreachable":
                return ConnectionLost("connection refused")
            case "silence":
                self.now += within
                return ReadTimedOut("nothing came in time")
            case "busy":
                return Response(status=503, headers={"retry-after": "7"})
            case "foreign":
                return Response(status=200, headers={"content-type": "text/html"}, body=b"<html>")
            case "other log":
                self.epoch, self.head, self.floor = self.epoch + 1, self.head + 1, 0
            case "prune":
                self.floor = self.head
        return None

    def position(self, request: Request) -> tuple[int, str | None]:
        """The start of a request, and the reason if it is not the requested one."""
        [cursor] = parse_qs(urlsplit(request.url).query).get("cursor", [""])
        if not cursor:
            return self.head, None
        if cursor == "start":
            return self.floor, None
        epoch, _, seq = cursor.partition("-")
        if int(epoch) != self.epoch:
            return self.floor, "unknown_epoch"
        return (self.floor, "pruned") if int(seq) < self.floor else (int(seq), None)

    def cursor(self, seq: int) -> str:
        return f"{self.epoch}-{seq}"

    def event(self, how: str, kind: str, data: Any, seq: int | None = None) -> bytes:
        if how == "ws":
            frame = {"type": kind, "data": data} | ({} if seq is None else {"id": self.cursor(seq)})
            return json.dumps(frame).encode()
        lines = [] if seq is None else [f"id: {self.cursor(seq)}"]
        return "\r\n".join([*lines, f"event: {kind}", f"data: {json.dumps(data)}", "", ""]).encode()

    def open(self, request: Request, how: str, within: float) -> Response | ConnectionLost:
        refused = self.refusal(within)
        if refused is not None:
            return refused
        at, reset = self.position(request)
        hello = {"cursor": self.cursor(at), "heartbeat": HEARTBEAT, "connection": "s", "counters": {}}
        self.link = SimulatedLink(how, at, deque([self.event(how, "hello", hello, at)]))
        if reset:
            data = {"reason": reset, "cursor": self.cursor(at)}
            self.link.waiting.append(self.event(how, "reset", data, at))
        return Response(status=101, headers={}) if how == "ws" else Response(status=200, headers=SSE)

    def read(self, within: float) -> bytes | ConnectionLost:
        link = self.link
        assert link is not None
        self.now += 0.001
        if (not link.waiting and link.at == self.head) or not self.mishaps:
            lost = self.interruption(link, within)
            if lost is not None:
                return lost
        while link.at < self.head:
            link.at += 1
            link.waiting.append(self.event(link.how, "e", link.at, link.at))
        if link.how == "ws":
            return link.waiting.popleft() if link.waiting else ReadTimedOut("nothing came in time")
        if not link.waiting:
            self.now += HEARTBEAT
            return b":\r\n\r\n"
        wire = b"".join(link.waiting)
        link.waiting = deque([wire[self.cut :]] if len(wire) > self.cut else [])
        return wire[: self.cut]

    def interruption(self, link: SimulatedLink, within: float) -> ConnectionLost | None:
        match self.mishap():
            case "publish":
                self.head += 1
            case "duplicate" if self.emitted and (self.emitted[-1].type, self.emitted[-1].id) == (
                "e",
                self.cursor(link.at),
            ):
                link.waiting.append(self.event(link.how, "e", link.at, link.at))
            case "silence":
                self.now += within
                return ReadTimedOut("nothing came in time")
            case "unreachable" | "busy" | "foreign":
                return ConnectionLost("the connection was cut")
            case "goaway":
                goaway = {"reason": "shutdown", "retry": 3000}
                link.waiting.append(self.event(link.how, "goaway", goaway))
            case "expiring":
                link.waiting.append(self.event(link.how, "expiring", {"expire_time": "soon"}))
            case "prune":
                self.floor = self.head
            case "other log":
                self.epoch, self.head, self.floor = self.epoch + 1, self.head + 1, 0
                return ConnectionLost("the server was replaced")
        return None

    def poll(self, request: Request, within: float) -> Response | ConnectionLost:
        refused = self.refusal(within)
        if refused is not None:
            return refused
        at, reset = self.position(request)
        if self.started_at is None:
            self.started_at = at
        events: list[dict[str, Any]] = []
        if reset:
            data = {"reason": reset, "cursor": self.cursor(at)}
            events.append({"id": self.cursor(at), "type": "reset", "data": data})
        end = min(at + 3, self.head)
        events += [{"id": self.cursor(n), "type": "e", "data": n} for n in range(at + 1, end + 1)]
        if not events:
            [wait] = parse_qs(urlsplit(request.url).query)["wait"]
            self.now += float(wait)
        page = {"events": events, "cursor": self.cursor(end), "more": end < self.head}
        return Response(status=200, headers=JSON, body=json.dumps(page).encode())
