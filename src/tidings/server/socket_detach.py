"""Detaching: an ASGI endpoint takes its socket, and HTTP ends on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tidings.server.http_resume import Resumer
from tidings.transports.detachable import Headers, SocketProtocol

if TYPE_CHECKING:
    from tidings.server.http_protocol import HttpProtocol
    from tidings.server.request_cycle import RequestCycle


def may_detach(protocol: HttpProtocol, cycle: RequestCycle, scope: Any) -> bool:
    """Is the socket free?

    It is not while the request's body or a pipelined request is still coming, when the client is leaving, or while an
    earlier response is still in the write buffer.
    """
    return not (
        cycle.scope.get("extensions") is not scope["extensions"]  # a later request has come already
        or cycle.more_body
        or cycle.response_started
        or cycle.disconnected
        or protocol.pipeline
        or protocol.refusal is not None  # what came behind it is to be refused after it
        or protocol.scope is not cycle.scope  # the beginning of one has
        or scope["http_version"] not in ("1.0", "1.1")
        or scope["method"] != "GET"
        or protocol.flow.write_paused
        or protocol.transport.is_closing()
    )


class Detachment:
    """The socket of one request (`transports.detachable.DetachableSocket`)."""

    def __init__(self, protocol: HttpProtocol, cycle: RequestCycle) -> None:
        self._protocol = protocol
        self._cycle = cycle

    @property
    def connections(self) -> set[Any]:
        return self._protocol.connections

    @property
    def resumer(self) -> Resumer | None:
        protocol = self._protocol
        if not self._cycle.keep_alive:
            return None
        return Resumer(protocol.config, protocol.server_state, protocol.app_state, type(protocol))

    async def head(self, send: Any, *, status: int, headers: Headers) -> bytes:
        if status != 101:
            self._cycle.keep_alive = False  # the body ends with the connection (RFC 9112, section 6.3)
        return await self._cycle.record_head(send, status=status, headers=headers)

    async def open_head(self, send: Any, *, status: int, headers: Headers) -> bytes:
        self._cycle.default_headers = []  # `response_fields` has them when the response is written
        head = await self._cycle.record_head(send, status=status, headers=headers)
        return head.removesuffix(b"\r\n")

    @property
    def response_fields(self) -> Callable[[], bytes]:
        return self._protocol.server_state.response_fields

    def connected(self) -> bool:
        return not (self._cycle.disconnected or self._protocol.transport.is_closing())

    def detach(self, protocol: SocketProtocol) -> asyncio.Transport:
        http = self._protocol
        transport = http.transport
        http.end_http()
        http.connections.discard(http)
        http.connections.add(protocol)  # type: ignore[arg-type]
        transport.set_protocol(protocol)
        if http.half_closed:
            http.loop.call_soon(transport.close)  # a client that sends no more cannot be seen to leave
        return transport
