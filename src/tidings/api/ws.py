"""The receiving plane's WebSocket: the handshake, and what a client may say."""

import logging
from collections.abc import Awaitable
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute, WebSocketRoute
from websockets.datastructures import Headers
from websockets.exceptions import InvalidUpgrade, WebSocketException
from websockets.http11 import Request as Handshake
from websockets.server import ServerProtocol

from tidings.api import schemas
from tidings.api.context import ApiContext
from tidings.api.http import Connection, Request, problem, route
from tidings.api.stream import asked_topics, hello
from tidings.auth.identity import Purpose
from tidings.background.catch_up import reset_data
from tidings.domain.cursor import Cursor
from tidings.domain.errors import InvalidRequest, TidingsError
from tidings.domain.topics import User
from tidings.store.transactions.reading import mark_ids, read_up_to
from tidings.transports.asgi_fallback import AsgiWsSink
from tidings.transports.close_codes import FAILED, NOT_JSON, ProtocolViolation, of_status
from tidings.transports.stream import Stream
from tidings.transports.timer import Timer
from tidings.transports.ws_frames import WsEncoding, WsLines
from tidings.transports.ws_socket import WsContext, WsStream

MARKS = ("read", "unread", "seen", "unseen", "archive", "unarchive")

_HANDSHAKE = {b"connection", b"upgrade", b"sec-websocket-key", b"sec-websocket-version"}

_log = logging.getLogger("tidings.api")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class UpgradeRequired(InvalidRequest):
    """This is a WebSocket: ask for an upgrade."""

    code, status = "upgrade_required", 426


class InvalidHandshake(InvalidRequest):
    """The handshake is not one of RFC 6455."""

    code = "invalid_handshake"


class UpgradeUnavailable(TidingsError):
    """This server, or this connection, cannot become a WebSocket."""

    code, status = "upgrade_unavailable", 501


def routes(context: ApiContext, timer: Timer) -> list[BaseRoute]:
    """`GET /v1/ws`: on a detached socket, and in the ordinary ASGI way."""
    gateway = context.gateway
    ws_context = WsContext(hub=gateway.hub, timer=timer, handle=ClientMessages(context).handle)
    frames, lines = WsEncoding(gateway.store.epoch), WsLines(gateway.store.epoch)
    # One for all: it checks handshakes and is asked for nothing else. No extensions are offered, since compression
    # costs more memory than the connection.
    protocol = ServerProtocol()
    nowhere = problem(UpgradeUnavailable("receive over /v1/stream or /v1/poll"))

    async def upgrade(request: Request) -> Response | WsStream:
        try:
            headers = handshake(request, protocol)
        except (UpgradeRequired, InvalidHandshake) as error:
            refusal = problem(error)
            refusal.headers.update({"upgrade": "websocket", "sec-websocket-version": "13"})
            return refusal
        return WsStream(ws_context, headers=headers, otherwise=nowhere, **await opened(context, request, frames))

    async def connect(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        try:
            stream = Stream(hub=gateway.hub, timer=timer, headers=(), **await opened(context, Connection(scope), lines))
        except TidingsError as error:
            await reject(error, scope, receive, send)
            return
        await AsgiWsSink(ws_context).run(stream, receive, send)

    return [route("/v1/ws", upgrade, "GET"), WebSocketRoute("/v1/ws", AsgiEndpoint(connect))]


class AsgiEndpoint:
    """An ASGI application of one coroutine. (A class, so that Starlette calls it as one.)"""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)


async def opened(context: ApiContext, connection: Connection, encoding: WsEncoding | WsLines) -> dict[str, Any]:
    """What a stream on this connection is made of. Raises `OriginForbidden` and what a stream's opening raises."""
    context.origins.check_page(connection.headers)
    grant = await context.grant(connection, purpose=Purpose.SOCKET)
    user = grant.me()
    extra = asked_topics(grant, connection)
    gateway = context.gateway
    opening = await gateway.open(user, context.cursor(connection.query_params.get("cursor")))
    start = Cursor(gateway.store.epoch, opening.position)
    preface = encoding.control("hello", hello(gateway, opening), id=str(start))
    if opening.reset is not None:
        preface += encoding.control("reset", reset_data(start, reason=opening.reset), id=str(start))
    return {
        "feed": opening.feed,
        "extra": extra,
        "encoding": encoding,
        "position": opening.position,
        "preface": preface,
        "expires": grant.expires,
    }


def handshake(request: Request, protocol: ServerProtocol) -> list[tuple[bytes, bytes]]:
    """The headers that accept a handshake. Raises `UpgradeRequired`, `InvalidHandshake`."""
    if request.method != "GET":
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
    return [(b"upgrade", b"websocket"), (b"connection", b"Upgrade"), (b"sec-websocket-accept", accept.encode())]


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
    """Handles the messages of clients."""

    def __init__(self, context: ApiContext) -> None:
        self._gateway = context.gateway

    def handle(self, user: User, text: str) -> bytes | Awaitable[bytes]:
        """The reply to a message, now or when its work is done; b"" for none. Raises `ProtocolViolation`."""
        try:
            said = _decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ProtocolViolation(NOT_JSON) from error
        if not isinstance(said, dict):
            raise ProtocolViolation(NOT_JSON)
        type = said.pop("type", None)
        if type == "ping":
            return b'{"type":"pong"}'
        if isinstance(type, str) and type in MARKS:
            return self._mark(user, type, said)
        return error_frame(InvalidRequest(f"a message has the type ping, {', '.join(MARKS)}; not {str(type)[:80]!r}"))

    async def _mark(self, user: User, verb: str, said: dict[str, Any]) -> bytes:
        """What `POST /v1/inbox/{verb}` does. Its event comes with the others; only what went wrong is answered."""
        try:
            marking = schemas.parse_marking(rest_of(said))
            if marking.ids is not None:
                await self._gateway.write(mark_ids(user, marking.ids, verb=verb))
            else:
                await self._gateway.write(read_up_to(user, schemas.watermark(marking, verb), verb=verb))
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
