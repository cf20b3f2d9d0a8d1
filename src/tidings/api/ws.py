"""The receiving plane's WebSocket: the handshake, and what a client may say."""

import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute, WebSocketRoute
from websockets.datastructures import Headers
from websockets.exceptions import InvalidUpgrade, WebSocketException
from websockets.http11 import Request as Handshake
from websockets.server import ServerProtocol
from websockets.utils import accept_key

from tidings.api import schemas
from tidings.api.context import ApiContext
from tidings.api.http import ApiConnection, ApiRequest, problem
from tidings.api.operation import Answer, operation
from tidings.api.resume_token import start_of
from tidings.api.stream import (
    AFTER_RESET,
    CURSOR,
    EXTRA_TOPIC,
    HEARTBEAT,
    LAST_EVENT_ID,
    LAST_EVENT_ID_QUERY,
    TICKET,
    skips,
    topics_of,
)
from tidings.auth.grants import Grant
from tidings.auth.identity import Purpose
from tidings.domain.cursor import Cursor
from tidings.domain.errors import (
    InvalidHandshake,
    InvalidRequest,
    TidingsError,
    UpgradeRequired,
    UpgradeUnavailable,
)
from tidings.domain.json_text import mend_surrogates
from tidings.domain.ports import Encoding
from tidings.domain.topics import User
from tidings.services.call import Call
from tidings.services.inbox import VERBS, InboxService, Verb
from tidings.transports.asgi_fallback import AsgiWsSink
from tidings.transports.close_codes import FAILED, NOT_JSON, ProtocolViolation, of_status
from tidings.transports.stream import EventStream, Opening
from tidings.transports.ws_socket import WsStream

_HANDSHAKE = {b"connection", b"upgrade", b"sec-websocket-key", b"sec-websocket-version"}

_KEY = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==")  # 16 bytes in base64

_log = logging.getLogger("tidings.api")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


TAG = "Receiving"


async def open_socket(api: ApiContext, connection: ApiConnection, encoding: Encoding) -> Opening:
    """The stream of a connection. Raises `OriginForbidden` and what a stream's opening raises."""
    api.origins.check_page(connection.headers)
    grant = await api.grant(connection, purpose=Purpose.SOCKET)
    topics = topics_of(connection)
    return await api.services.streams.open(
        grant,
        start_of(connection),
        topics=topics,
        encoding=encoding,
        heartbeat=HEARTBEAT.of(connection),
        skip=skips(connection),
    )


@operation(
    "GET",
    "/v1/ws",
    id="webSocket",
    tag=TAG,
    parameters=(CURSOR, LAST_EVENT_ID, LAST_EVENT_ID_QUERY, EXTRA_TOPIC, AFTER_RESET, HEARTBEAT, TICKET),
    answers={101: Answer(description="A WebSocket of text frames, each a JSON object.")},
)
async def upgrade(request: ApiRequest, api: ApiContext) -> Response | WsStream:
    """Receive events over a WebSocket.

    The client may send `{"type": "read", "up_to": ...}` and the other marks, and `{"type": "ping"}`.
    """
    headers = handshake(request, api.handshakes)
    opened = await open_socket(api, request, api.ws)
    return WsStream(api.sockets, opened, headers=headers, otherwise=unavailable)


def socket_of_known(request: ApiConnection, api: ApiContext) -> WsStream | None:
    """The same where nothing has to be waited for, else None. Raises what refuses it."""
    accept = plain_accept(request.scope["headers"])
    if accept is None:
        return None
    api.origins.check_page(request.headers)
    grant = api.known_grant(request, purpose=Purpose.SOCKET)
    if grant is None:
        return None
    opened = api.services.streams.open_known(
        grant,
        start_of(request),
        topics=topics_of(request),
        encoding=api.ws,
        heartbeat=HEARTBEAT.of(request),
        skip=skips(request),
    )
    return None if opened is None else WsStream(api.sockets, opened, headers=accepted(accept), otherwise=unavailable)


async def unavailable(scope: Any, receive: Any, send: Any) -> None:
    """The answer where the server cannot give its socket away."""
    await problem(UpgradeUnavailable("receive over /v1/stream or /v1/poll"))(scope, receive, send)


def plain_route(api: ApiContext) -> BaseRoute:
    """The same in the ordinary ASGI way, for servers that do the handshake."""

    async def connect(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        try:
            opened = await open_socket(api, ApiConnection(scope), api.ws_lines)
        except TidingsError as error:
            await reject(error, scope, receive, send)
            return
        stream = EventStream(api.streaming, opened, headers=())
        await AsgiWsSink(api.sockets).run(stream, receive, send)

    return WebSocketRoute("/v1/ws", AsgiEndpoint(connect))


class AsgiEndpoint:
    """An ASGI application of one coroutine. (A class, so that Starlette calls it as one.)"""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)


def handshake(request: ApiConnection, protocol: ServerProtocol) -> list[tuple[bytes, bytes]]:
    """The headers that accept a handshake. Raises `UpgradeRequired`, `InvalidHandshake`."""
    if request.scope["method"] != "GET":
        raise UpgradeRequired("a WebSocket begins with GET")
    headers = Headers()
    for name, value in request.headers.raw:
        if name in _HANDSHAKE:
            headers[name.decode()] = value.decode("latin-1")
    try:
        accept, _, _ = protocol.process_request(Handshake(request.scope["path"], headers))
    except InvalidUpgrade as error:
        raise UpgradeRequired(str(error)) from error
    except WebSocketException as error:
        raise InvalidHandshake(str(error)) from error
    return accepted(accept)


def accepted(accept: str) -> list[tuple[bytes, bytes]]:
    """The headers of a handshake that is accepted."""
    return [(b"upgrade", b"websocket"), (b"connection", b"Upgrade"), (b"sec-websocket-accept", accept.encode())]


def plain_accept(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The `Sec-WebSocket-Accept` of a usual handshake; None for one that needs the full check.

    `handshake` costs 20 µs, a sixth of a connect.
    """
    fields = [field for field in headers if field[0] in _HANDSHAKE]
    said = dict(fields)
    key = said.get(b"sec-websocket-key", b"")
    plain = (
        len(fields) == len(_HANDSHAKE)
        and said.get(b"upgrade") == b"websocket"
        and said.get(b"connection") in (b"Upgrade", b"keep-alive, Upgrade")
        and said.get(b"sec-websocket-version") == b"13"
        and _KEY.fullmatch(key)
    )
    return accept_key(key.decode()) if plain else None


async def reject(error: TidingsError, scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Refuse a WebSocket: with the problem if this server can send one, else with a close code."""
    if "websocket.http.response" in scope.get("extensions", {}):
        await problem(error)(scope, receive, send)
        return
    close_reason = of_status(error.status)
    await send({"type": "websocket.accept"})
    await send(
        {
            "type": "websocket.close",
            "code": close_reason.code,
            "reason": str(error).encode()[:120].decode(errors="ignore"),
        }
    )


class ClientMessages:
    """Handles what clients send over their WebSockets."""

    def __init__(self, inbox: InboxService, *, settled: Callable[[], Awaitable[None]]) -> None:
        """`settled` returns when the hub has what was committed here."""
        self._inbox = inbox
        self._settled = settled

    def handle(self, user: User, text: str) -> bytes | Awaitable[bytes]:
        """The reply to a message, now or when its work is done; b"" for none. Raises `ProtocolViolation`."""
        try:
            message = _decode(mend_surrogates(text.encode()))
        except (msgspec.DecodeError, RecursionError) as error:
            raise ProtocolViolation(NOT_JSON) from error
        if not isinstance(message, dict):
            raise ProtocolViolation(NOT_JSON)
        type = message.pop("type", None)
        if type == "ping":
            return b'{"type":"pong"}'
        for verb in VERBS:
            if type == verb:
                return self._mark(user, verb, message)
        return error_frame(InvalidRequest(f"a message has the type ping, {', '.join(VERBS)}; not {str(type)[:80]!r}"))

    async def _mark(self, user: User, verb: Verb, message: dict[str, Any]) -> bytes:
        """Do what `POST /v1/inbox/{verb}` does. Its event comes with the others; only an error is answered."""
        try:
            marking = schemas.parse_marking(rest_of(message))
            call = Call(Grant(user=user))
            if marking.up_to is not None:
                await self._inbox.mark_up_to(call, verb, Cursor.parse(marking.up_to))
            else:
                await self._inbox.mark(call, verb, marking.ids or ())
            await self._settled()  # its event comes before the reply to the next message
        except TidingsError as error:
            return error_frame(error)
        except Exception as error:
            _log.exception("failed", extra={"verb": verb})
            raise ProtocolViolation(FAILED) from error
        return b""


def rest_of(said: dict[str, Any]) -> bytes:
    """A message without its type, as the body of a request would be. Raises `InvalidRequest`."""
    try:
        return _encode(said)
    except (OverflowError, ValueError) as error:  # whole numbers beyond 64 bits
        raise InvalidRequest(f"a number in this message is too large: {error}") from error


def error_frame(error: TidingsError) -> bytes:
    """An `error` message."""
    return _encode({"type": "error", "data": {"code": error.code, "detail": str(error)}})


OPERATIONS = (upgrade,)
