"""Resuming: a detached socket becomes HTTP's again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from uvicorn.config import Config

    from tidings.server.http_protocol import HttpProtocol
    from tidings.server.state import ServerState


class Resumer(NamedTuple):
    """The parts of the server that HTTP on a socket needs (`transports.detachable.HttpResumer`)."""

    config: Config
    server_state: ServerState
    app_state: dict[str, Any]
    protocol_class: type[HttpProtocol]

    @property
    def keep_alive(self) -> float:
        return self.config.timeout_keep_alive

    def resume_http(self, transport: asyncio.Transport, data: bytes, *, full: bool, eager: bool) -> None:
        protocol = self.protocol_class(self.config, self.server_state, self.app_state)
        protocol.connection_made(transport)
        transport.set_protocol(protocol)
        if full:
            protocol.pause_writing()
        if eager:
            protocol.data_received_eagerly(data)
        else:
            protocol.data_received(data)
