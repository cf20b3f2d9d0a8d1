"""One connection of a stream, from its request to its end: SSE, WebSocket or polls. Pure.

However it ends, it ends with a `Lost` that says how; the one exception is a poll whose time to
try something better has come, which just returns.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

from tidings.client.answers import (
    ABSENT,
    BUSY,
    REFUSED,
    decimal,
    decode,
    json_object,
    media_type,
    number,
    refusal,
    retry_after,
)
from tidings.client.backoff import bounded
from tidings.client.commands import Answer, Emit, Open, Probe, Program, Read, Request, Send, Sleep, Token, ask
from tidings.client.errors import NotTidings, TidingsProblem
from tidings.client.exchange import Server, headers_with, url_of
from tidings.client.facts import Event, JsonObject, Transport
from tidings.client.lost import Expiring, Foreign, GoAway, Lost, Refused, Silence
from tidings.client.memory import Memory
from tidings.client.sse import Parser

HELLO_WITHIN = 3.0  # seconds from the request; a proxy that holds a stream back never lets the hello through
HEARTBEAT = 25.0  # seconds, where the server does not say
SILENCE = 2.5  # heartbeats; one may be late and one may be lost
POLL_WAIT = 25  # seconds; proxies cut idle requests after 30 to 60
POLL_GRACE = 10.0  # seconds that an answer may be late
POLL_PAUSE = 1.0  # seconds; after a wait that something on the way cut short

_CONTROL = frozenset({"hello", "reset", "goaway", "expiring", "error"})

# Close codes of a WebSocket (docs/close-codes.md). What the server could not read did not get to it as it was
# sent: RFC 6455, section 7.4. 44xx stand for HTTP's 4xx.
_PROTOCOL_CODES = frozenset({1002, 1003, 1007, 1009})
_REFUSED_CODES = frozenset({4400 + status - 400 for status in REFUSED})


@dataclass(kw_only=True)
class Attempt:
    """One connection, or one row of polls."""

    server: Server
    user: str | None
    topics: tuple[str, ...]
    memory: Memory
    until: float  # when to leave off polling
    on_hello: Callable[[JsonObject], Program[None]]
    stale: str | None = None  # a token that must not be sent again; None as soon as there is another
    stays: bool = False  # to the end of its token, whatever is said before

    token: str | None = None  # sent with the request
    asked_at: float = 0.0  # when the request was made
    retry: float | None = None  # seconds; the server's lasting wish
    opened_at: float | None = None  # None: it has not said hello
    heard_at: float = 0.0  # the last sign of life
    _hello: JsonObject = field(default_factory=dict)

    def program(self, transport: Transport) -> Program[None]:
        """Emit events until it ends. Raises Lost, TidingsProblem, NotTidings."""
        yield from {"sse": self._sse, "ws": self._ws, "poll": self._poll}[transport]()

    # The three ways to receive.

    def _sse(self) -> Program[None]:
        headers = {"accept": "text/event-stream", "cache-control": "no-store", "accept-encoding": "identity"}
        answer = yield from self._open("/v1/stream", "sse", headers)
        if answer.status != 200 or media_type(answer) != "text/event-stream":
            self._turned_away(answer)
        parser = Parser()
        while True:
            chunk: bytes = yield from ask(Read(self._patience(heartbeats=SILENCE)))
            if not chunk:
                raise Lost("the server ended the stream")
            self.heard_at = self.server.clock()
            frames = parser.feed(chunk)
            if parser.retry is not None:
                self.retry = parser.retry / 1000
            for frame in frames:
                event_id = frame.id if frame.own_id else None
                if event_id is not None or frame.type in _CONTROL:
                    data = decode(frame.data, what=f"the data of {frame.type}")
                    yield from self._take(event_id, frame.type, data)

    def _ws(self) -> Program[None]:
        answer = yield from self._open("/v1/ws", "ws", {})
        if answer.status != 101:
            self._turned_away(answer)
        while True:
            message = yield from self._next_message()
            self.heard_at = self.server.clock()
            yield from self._message(decode(message, what="a message"))

    def _next_message(self) -> Program[bytes]:
        while True:
            try:
                message: bytes = yield from ask(Read(self._patience(heartbeats=1.0)))
            except Silence:
                if self.opened_at is None:
                    raise
                # The server's pings are answered below us and are not seen here: ask it.
                if not (yield from ask(Probe(self._heartbeat * (SILENCE - 1.0)))):
                    raise
                self.heard_at = self.server.clock()
            except Lost as lost:
                raise _closed(lost) from lost
            else:
                return message

    def _poll(self) -> Program[None]:
        wait = 0  # the first answer says that polling works, and where we are
        while self.server.clock() < self.until:
            page, interval = yield from self._poll_once(wait)
            self.heard_at = self.server.clock()
            if self.opened_at is None:
                yield from self._opened({})
            for event in page["events"]:
                yield from self._message(event)
            stood, cursor = self.memory.cursor, page.get("cursor")
            if isinstance(cursor, str):
                self.memory.move(cursor)
            idle = not page["events"] and (page.get("more") is not True or self.memory.cursor == stood)
            if idle and wait and self.heard_at - self.asked_at < wait / 2:
                yield from ask(Sleep(max(interval, POLL_PAUSE)))
            wait = POLL_WAIT

    def _poll_once(self, wait: int) -> Program[tuple[JsonObject, float]]:
        request = yield from self._request("/v1/poll", {"cache-control": "no-store"}, [("wait", str(wait))])
        answer: Answer = yield from ask(Send(request, wait + POLL_GRACE))
        if answer.status != 200:
            self._turned_away(answer)
        try:
            page = json_object(answer, what="the answer to a poll")
            if not isinstance(page.get("events"), list):
                raise NotTidings("the answer to a poll has no list of events")
        except NotTidings as error:
            raise Foreign(error) from error
        return page, bounded(decimal(answer.headers.get("x-poll-interval", "")) or 0.0)

    # What comes in.

    def _message(self, value: Any) -> Program[None]:
        """An event as a WebSocket or a poll has it."""
        if not isinstance(value, dict) or not isinstance(value.get("type"), str):
            raise NotTidings("an event without a type")
        event_id = value.get("id")
        if event_id is not None and not isinstance(event_id, str):
            raise NotTidings("an event whose id is not a string")
        yield from self._take(event_id, value["type"], value.get("data"))

    def _take(self, event_id: str | None, kind: str, data: Any) -> Program[None]:
        if kind in _CONTROL:
            yield from self._control(event_id, kind, data if isinstance(data, dict) else {})
        elif event_id and self.memory.take(event_id):
            yield from ask(Emit(Event(id=event_id, type=kind, data=data)))

    def _control(self, event_id: str | None, kind: str, data: JsonObject) -> Program[None]:
        match kind:
            case "hello":
                yield from self._opened(data)
                # Elsewhere than where we asked to go on from, a reset follows. Until it is here we stay, or a
                # connection that breaks in between would lead past it.
                if event_id and self.memory.cursor in (None, "start"):
                    self.memory.move(event_id)
            case "reset":
                cursor = str(data.get("cursor") or event_id or "start")
                self.memory.reset(cursor)
                yield from ask(Emit(Event(id=cursor, type=kind, data=data)))
            case "goaway" if data.get("reason") == "token_expired" and self.server.refreshable:
                raise Expiring("the token came to its end")
            case "goaway":
                retry = number(data.get("retry"))
                told = None if retry is None else retry / 1000
                raise GoAway(f"the server is going away ({data.get('reason')})", told=told)
            case "expiring" if self.server.refreshable and not self.stays:
                raise Expiring("the token is about to end")

    def _opened(self, hello: JsonObject) -> Program[None]:
        self._hello = hello
        self.opened_at = self.heard_at = self.server.clock()
        yield from self.on_hello(hello)

    # Asking, and being turned away.

    def _open(self, path: str, how: Literal["sse", "ws"], headers: dict[str, str]) -> Program[Answer]:
        request = yield from self._request(path, headers, [])
        answer: Answer = yield from ask(Open(request, how, HELLO_WITHIN))
        return answer

    def _request(self, path: str, headers: dict[str, str], params: list[tuple[str, str]]) -> Program[Request]:
        self.token = yield from ask(Token(self.stale))
        self.stale = None
        self.asked_at = self.server.clock()
        if self.user is not None:
            params.append(("user", self.user))
        if self.memory.cursor is not None:
            params.append(("cursor", self.memory.cursor))
        params.extend(("topic", topic) for topic in self.topics)
        url = url_of(self.server, path, params)
        return Request(method="GET", url=url, headers=headers_with(self.token, **headers))

    def _turned_away(self, answer: Answer) -> NoReturn:
        """An answer that is not what was asked for: raise what follows from it."""
        error = refusal(answer, what="the stream")
        if answer.status in REFUSED:
            raise Refused(error)
        if answer.status in BUSY:
            told = retry_after(answer.headers, now=self.server.now())
            raise Lost(f"the server answered {answer.status}", told=told)
        raise Foreign(error) if isinstance(error, NotTidings) or answer.status in ABSENT else error

    def _patience(self, *, heartbeats: float) -> float:
        """Seconds until silence means something."""
        if self.opened_at is not None:
            return self._heartbeat * heartbeats
        return max(self.asked_at + HELLO_WITHIN - self.server.clock(), 0.0)

    @property
    def _heartbeat(self) -> float:
        return number(self._hello.get("heartbeat")) or HEARTBEAT


def _closed(lost: Lost) -> Exception:
    """What follows from the code that a WebSocket was closed with."""
    problem = TidingsProblem(status=lost.code or 0, problem={"code": f"websocket_{lost.code}", "detail": lost.reason})
    if lost.code in _REFUSED_CODES:
        return Refused(problem)
    if lost.code in _PROTOCOL_CODES:
        return Foreign(problem)
    return problem if 4400 <= (lost.code or 0) < 4500 else lost
