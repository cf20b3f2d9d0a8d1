"""One request and its response, as ASGI's HTTP sees them.

In place of uvicorn's: that one checks each header field of each response with two patterns, and writes a head and its
body separately, which is two system calls and two packets.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.protocols.utils import get_client_addr, get_path_with_query_string

if TYPE_CHECKING:
    from tidings.server.request_reader import RequestReader

OF_A_BODY = frozenset({b"content-length", b"transfer-encoding"})  # a request has one of these if it has a body
_WITHOUT_BODY = frozenset({204, 304})
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(rb"[\x00-\x08\n-\x1f\x7f]")

_log = logging.getLogger("uvicorn.error")
_access_log = logging.getLogger("uvicorn.access")

Fields = Iterable[tuple[bytes, bytes]]


class ParsedFields(NamedTuple):
    """The fields of a response, as they are sent, and what they say of its body and of the connection."""

    lines: bytes
    length: int | None
    chunked: bool
    closes: bool


@lru_cache(maxsize=1024)  # most responses repeat those of an earlier one
def _parsed(fields: tuple[tuple[bytes, bytes], ...]) -> ParsedFields:
    """Raises `RuntimeError` for what is no field (RFC 9110, section 5)."""
    length, chunked, closes, lines = None, False, False, []
    for name, value in fields:
        if not _NAME.fullmatch(name) or _CONTROL.search(value):
            raise RuntimeError("Invalid HTTP header name or value.")
        name = name.lower()
        lines.append(b"%b: %b\r\n" % (name, value))
        if name == b"connection":
            closes = closes or b"close" in [token.strip() for token in value.lower().split(b",")]
        elif name == b"transfer-encoding":
            chunked = value.lower() == b"chunked"
        elif name == b"content-length":
            length = int(value)
    return ParsedFields(b"".join(lines), None if chunked else length, chunked, closes)


class RequestCycle:
    """The request that an application is called with, and the response that it sends.

    A head waits for its body until the end of this turn of the loop, so that both are one packet.
    """

    def __init__(
        self,
        protocol: RequestReader,
        scope: Any,
        *,
        keep_alive: bool,
        expects_100: bool,
        default_headers: list[tuple[bytes, bytes]],
    ) -> None:
        self.scope = scope
        self.keep_alive = keep_alive
        self.default_headers = default_headers
        self.waiting_for_100_continue = expects_100
        self.message_event = asyncio.Event()  # set whenever `receive` has something to return
        self.body = bytearray()
        self.more_body = True
        self.disconnected = False
        self.response_started = False
        self.response_complete = False
        self._protocol = protocol
        self._transport = protocol.transport
        self._flow = protocol.flow
        self._chunked = False
        self._left = 0  # bytes of the body that the head has promised
        self._head = b""  # of the response, until it is written
        self._recording = False

    async def run_asgi(self, app: Any) -> None:
        """Call the application; end the response where the application did not."""
        try:
            await app(self.scope, self.receive, self.send)
        except BaseException as error:  # a task that ends with one that nobody awaits
            _log.error("Exception in ASGI application\n", exc_info=error)
            await self._fail()
        else:
            if not self.response_complete and not self.disconnected:
                missing = "completing" if self.response_started else "starting"
                _log.error("ASGI callable returned without %s response.", missing)
                await self._fail()

    async def _fail(self) -> None:
        if self.response_started:
            self._close()
            return
        text = b"Internal Server Error"
        fields = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
        size = (b"content-length", b"%d" % len(text))
        await self.send({"type": "http.response.start", "status": 500, "headers": [*fields, size]})
        await self.send({"type": "http.response.body", "body": text})

    async def receive(self) -> Any:
        """ASGI's `receive`."""
        if self.waiting_for_100_continue and not self._transport.is_closing():
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not self.disconnected and not self.response_complete:
            self._flow.resume_reading()
            await self.message_event.wait()
            self.message_event.clear()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, message: Any) -> None:
        """ASGI's `send`. Raises `RuntimeError` for what is no response of HTTP/1.1."""
        if self._flow.write_paused and not self.disconnected:
            await self._flow.drain()
        if self.disconnected:
            return
        expected = "http.response.body" if self.response_started else "http.response.start"
        if message["type"] != expected or self.response_complete:
            state = "is complete" if self.response_complete else f"goes on with {expected!r}"
            raise RuntimeError(f"Unexpected ASGI message {message['type']!r}: the response {state}.")
        if self.response_started:
            self._send_body(message.get("body", b""), more=message.get("more_body", False))
        else:
            self._send_head(message["status"], message.get("headers", ()))

    def _send_head(self, status: int, fields: Fields) -> None:
        if self.more_body and any(name in OF_A_BODY for name, _ in self.scope["headers"]):
            self.keep_alive = False  # a response that does not wait for its request's end ends the connection
        self.response_started = True
        self.waiting_for_100_continue = False
        self._head = self._head_of(status, fields)
        if self._recording:
            return
        self._protocol.loop.call_soon(self.flush)
        if self._protocol.access_log:
            self._log_access(status)

    def _head_of(self, status: int, fields: Fields) -> bytes:
        """The head of the response. Raises `RuntimeError` for a field that would not be one."""
        own = _parsed(tuple(map(tuple, fields)))
        self._chunked, self._left = own.chunked, own.length or 0
        lines = [STATUS_LINE[status], *[b"%b: %b\r\n" % field for field in self.default_headers], own.lines]
        if own.closes:
            self.keep_alive = False
        elif not self.keep_alive:
            lines.append(b"connection: close\r\n")
        framed = own.chunked or own.length is not None or self._recording
        if not framed and self.scope["method"] != "HEAD" and status not in _WITHOUT_BODY:
            self._chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        return b"".join(lines)

    def _send_body(self, body: bytes, *, more: bool) -> None:
        if self.scope["method"] == "HEAD":
            self._left = 0
        elif self._chunked:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            self._write(chunk if more else chunk + b"0\r\n\r\n")
        elif len(body) > self._left:
            raise RuntimeError("Response content longer than Content-Length")
        else:
            self._left -= len(body)
            self._write(body)
        if more:
            return
        if self._left:
            raise RuntimeError("Response content shorter than Content-Length")
        self.response_complete = True
        self.message_event.set()
        self.flush()  # a response to HEAD is a head alone; what follows must not go out before it
        if not self.keep_alive:
            self._protocol.end_after_response()
        self._protocol.on_response_complete()

    def _write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        if data:
            self._transport.write(data)

    def flush(self) -> None:
        """Send a head that no body follows in this turn."""
        head, self._head = self._head, b""
        if head and not self._transport.is_closing():
            self._transport.write(head)

    def _close(self) -> None:
        self.flush()
        self._protocol.end_after_response()

    async def record_head(self, send: Any, *, status: int, headers: Fields) -> bytes:
        """The head that `send` would write, through all middleware, without fields of the body's framing."""
        self._recording = True
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        head, self._head = self._head, b""
        return head

    def _log_access(self, status: int) -> None:
        scope = self.scope
        line, client = get_path_with_query_string(scope), get_client_addr(scope)
        _access_log.info('%s - "%s %s HTTP/%s" %d', client, scope["method"], line, scope["http_version"], status)
