"""One connection of a stream, from its request to its end: SSE, WebSocket or polls. Pure.

However it ends, it ends with a `ConnectionLost`; the one exception is a poll that is due to try a better transport,
which just returns.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

from tidings.client._backoff import bounded
from tidings.client._commands import Emit, GetToken, Open, Probe, Program, Read, Request, Response, Send, Sleep, execute
from tidings.client._exceptions import (
    ConnectionLost,
    GoAway,
    ReadTimedOut,
    TokenExpiring,
    TokenRefused,
    TransportUnavailable,
)
from tidings.client._position import Position
from tidings.client._requests import ClientConfig, headers_with, send, url_of
from tidings.client._responses import (
    ABSENT,
    BUSY_STATUSES,
    MISSED_HEARTBEATS,
    NO_CONTENT,
    REFUSED,
    decimal,
    decode,
    heartbeat_of,
    json_object,
    media_type,
    number,
    refusal,
    retry_after,
)
from tidings.client._sse import Parser
from tidings.client.errors import NotTidings, TidingsProblem
from tidings.client.types import Event, JsonObject, Transport

HELLO_WITHIN = 3.0  # seconds from the request; a proxy that holds a stream back never lets the hello through
DEFAULT_HEARTBEAT = 25.0  # seconds, where the server does not say
POLL_WAIT = 25  # seconds; proxies cut idle requests after 30 to 60
POLL_GRACE = 10.0  # seconds that a poll's response may be late
POLL_PAUSE = 1.0  # seconds; after a wait that something on the way cut short

_CONTROL = frozenset({"hello", "reset", "goaway", "expiring", "error"})

# Close codes of a WebSocket (docs/close-codes.md). A message that the server could not read did not get to it as it
# was sent: RFC 6455, section 7.4. 44xx stand for HTTP's 4xx.
_PROTOCOL_CODES = frozenset({1002, 1003, 1007, 1009})
_REFUSED_CODES = frozenset({4400 + status - 400 for status in REFUSED})


@dataclass(kw_only=True)
class Connection:
    """One connection, or one series of polls."""

    config: ClientConfig
    user: str | None
    topics: tuple[str, ...]
    position: Position
    until: float  # monotonic seconds; when to poll no more
    on_hello: Callable[[JsonObject], Program[None]]
    stale_token: str | None = None  # must not be sent again; None as soon as there is another
    keep_token: bool = False  # to its end, whatever is announced before

    token: str | None = None  # sent with the request
    asked_at: float = 0.0  # when the request was made
    retry: float | None = None  # seconds; the stream's `retry:`
    opened_at: float | None = None  # None: it has not said hello
    heard_at: float = 0.0  # the last sign of life
    _hello: JsonObject = field(default_factory=dict)
    _head_heartbeat: float | None = None  # seconds; of the response's head

    def program(self, transport: Transport) -> Program[None]:
        """Emit events until the connection ends. Raises ConnectionLost, TidingsProblem, NotTidings."""
        yield from {"sse": self._sse, "ws": self._ws, "poll": self._poll}[transport]()

    # The three transports.

    def _sse(self) -> Program[None]:
        headers = {"accept": "text/event-stream", "cache-control": "no-store", "accept-encoding": "identity"}
        response = yield from self._open("/v1/stream", "sse", headers)
        if response.status != 200 or media_type(response) != "text/event-stream":
            self._refuse(response)
        parser = Parser()
        while True:
            chunk: bytes = yield from execute(Read(self._within(heartbeats=MISSED_HEARTBEATS)))
            if not chunk:
                raise ConnectionLost("the server ended the stream")
            self.heard_at = self.config.clock()
            frames = parser.feed(chunk)
            if parser.retry is not None:
                self.retry = parser.retry / 1000
            for frame in frames:
                event_id = frame.id if frame.own_id else None
                if event_id is not None or frame.type in _CONTROL:
                    data = decode(frame.data, what=f"the data of {frame.type}")
                    yield from self._take(event_id, frame.type, data)

    def _ws(self) -> Program[None]:
        response = yield from self._open("/v1/ws", "ws", {})
        if response.status != 101:
            self._refuse(response)
        while True:
            message = yield from self._next_message()
            self.heard_at = self.config.clock()
            yield from self._message(decode(message, what="a message"))

    def _next_message(self) -> Program[bytes]:
        while True:
            try:
                message: bytes = yield from execute(Read(self._within(heartbeats=1.0)))
            except ReadTimedOut:
                if self.opened_at is None:
                    raise
                # websockets answers the server's pings itself, and they are not seen here: probe it.
                if not (yield from execute(Probe(self._heartbeat * (MISSED_HEARTBEATS - 1.0)))):
                    raise
                self.heard_at = self.config.clock()
            except ConnectionLost as lost:
                raise _by_close_code(lost) from lost
            else:
                return message

    def _poll(self) -> Program[None]:
        wait = 0  # the first response says that polling works, and at which cursor
        while self.config.clock() < self.until:
            page, interval = yield from self._poll_once(wait)
            self.heard_at = self.config.clock()
            if self.opened_at is None:
                yield from self._opened({})
            for event in page["events"]:
                yield from self._message(event)
            before, cursor = self.position.cursor, page.get("cursor")
            if isinstance(cursor, str):
                self.position.move(cursor)
            idle = not page["events"] and (page.get("more") is not True or self.position.cursor == before)
            if idle and wait and self.heard_at - self.asked_at < wait / 2:
                yield from execute(Sleep(max(interval, POLL_PAUSE)))
            wait = POLL_WAIT

    def _poll_once(self, wait: int) -> Program[tuple[JsonObject, float]]:
        request = yield from self._request("/v1/poll", {"cache-control": "no-store"}, [("wait", str(wait))])
        response = yield from send(Send(request, wait + POLL_GRACE))
        if response.status != 200:
            self._refuse(response)
        try:
            page = json_object(response, what="the answer to a poll")
            if not isinstance(page.get("events"), list):
                raise NotTidings("the answer to a poll has no list of events")
        except NotTidings as error:
            raise TransportUnavailable(error) from error
        return page, bounded(decimal(response.headers.get("x-poll-interval", "")) or 0.0)

    # Messages.

    def _message(self, value: Any) -> Program[None]:
        """Take an event as a WebSocket or a poll has it."""
        if not isinstance(value, dict) or not isinstance(value.get("type"), str):
            raise NotTidings("an event without a type")
        event_id = value.get("id")
        if event_id is not None and not isinstance(event_id, str):
            raise NotTidings("an event whose id is not a string")
        yield from self._take(event_id, value["type"], value.get("data"))

    def _take(self, event_id: str | None, type: str, data: Any) -> Program[None]:
        if type in _CONTROL:
            yield from self._control(event_id, type, data if isinstance(data, dict) else {})
        elif event_id and self.position.advance(event_id):
            yield from execute(Emit(Event(id=event_id, type=type, data=data)))

    def _control(self, event_id: str | None, type: str, data: JsonObject) -> Program[None]:
        match type:
            case "hello":
                yield from self._opened(data)
                # A hello at another cursor than the one asked for is followed by a reset. The position stays until
                # then: a connection that breaks in between would lead past it.
                if event_id and self.position.cursor in (None, "start"):
                    self.position.move(event_id)
            case "reset":
                cursor = str(data.get("cursor") or event_id or "start")
                self.position.reset(cursor)
                yield from execute(Emit(Event(id=cursor, type=type, data=data)))
            case "goaway" if data.get("reason") == "token_expired" and self.config.refreshable:
                raise TokenExpiring("the token came to its end")
            case "goaway":
                retry = number(data.get("retry"))
                pause = None if retry is None else retry / 1000
                raise GoAway(f"the server is going away ({data.get('reason')})", retry_after=pause)
            case "expiring" if self.config.refreshable and not self.keep_token:
                raise TokenExpiring("the token is about to end")

    def _opened(self, hello: JsonObject) -> Program[None]:
        self._hello = hello
        self.opened_at = self.heard_at = self.config.clock()
        yield from self.on_hello(hello)

    # ProgramRun, and being turned away.

    def _open(self, path: str, how: Literal["sse", "ws"], headers: dict[str, str]) -> Program[Response]:
        request = yield from self._request(path, headers, [])
        response = yield from send(Open(request, how, HELLO_WITHIN))
        self._head_heartbeat = heartbeat_of(response)
        return response

    def _request(self, path: str, headers: dict[str, str], params: list[tuple[str, str]]) -> Program[Request]:
        self.token = yield from execute(GetToken(self.stale_token))
        self.stale_token = None
        self.asked_at = self.config.clock()
        if self.user is not None:
            params.append(("user", self.user))
        if self.position.cursor is not None:
            params.append(("cursor", self.position.cursor))
        params.extend(("topic", topic) for topic in self.topics)
        url = url_of(self.config, path, params)
        return Request(method="GET", url=url, headers=headers_with(self.token, **headers))

    def _refuse(self, response: Response) -> NoReturn:
        """Raise the consequence of a response that is not the expected one."""
        error = refusal(response, what="the stream")
        if response.status in REFUSED:
            raise TokenRefused(error)
        if response.status in BUSY_STATUSES or response.status == NO_CONTENT:
            pause = retry_after(response.headers, now=self.config.now())
            raise ConnectionLost(f"the server answered {response.status}", retry_after=pause)
        raise TransportUnavailable(error) if isinstance(error, NotTidings) or response.status in ABSENT else error

    def _within(self, *, heartbeats: float) -> float:
        """Seconds until silence ends the connection; until the hello, those that are left for it."""
        if self.opened_at is not None:
            return self._heartbeat * heartbeats
        return max(self.asked_at + HELLO_WITHIN - self.config.clock(), 0.0)

    @property
    def _heartbeat(self) -> float:
        return self._head_heartbeat or number(self._hello.get("heartbeat")) or DEFAULT_HEARTBEAT


def _by_close_code(lost: ConnectionLost) -> Exception:
    """The consequence of the code that a WebSocket was closed with."""
    problem = TidingsProblem(status=lost.code or 0, problem={"code": f"websocket_{lost.code}", "detail": lost.reason})
    if lost.code in _REFUSED_CODES:
        return TokenRefused(problem)
    if lost.code in _PROTOCOL_CODES:
        return TransportUnavailable(problem)
    return problem if 4400 <= (lost.code or 0) < 4500 else lost
