"""Run a host's application with detachable sockets: the streams of a Tidings mounted in it cost no coroutine."""

import asyncio
import contextlib
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tidings.domain.errors import InvalidSettings
from tidings.embedding.app import DRAINS, Drain
from tidings.server.http_protocol import HttpProtocol
from tidings.server.refusals import check_host, origin_form

DRAIN = 1.0  # seconds that streams are given to hear `goaway`; then what is open is cut off


class HostHttpProtocol(HttpProtocol):
    """For applications that ask for their client's address, and take WebSockets."""

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade() and self._should_upgrade():
            check_host(self.parser.get_http_version(), self.headers)
            self.url = origin_form(self.url, self.headers)
            HttpToolsProtocol.on_headers_complete(self)  # there is no response of HTTP to come
        else:
            super().on_headers_complete()

    def _ignore_upgrade(self, rest: bytes) -> None:
        if self._should_upgrade():
            self.handle_websocket_upgrade()
        else:
            super()._ignore_upgrade(rest)


class HostServer(uvicorn.Server):
    """uvicorn waits for open streams when it stops; this one asks them to leave, and then waits no longer."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._drains: list[Drain] = []

    async def _serve(self, sockets: list[socket.socket] | None = None) -> None:
        DRAINS.set(self._drains)  # the lifespan runs in a context that begins as a copy of this one
        await super()._serve(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for drain in self._drains:
            drain()
        asyncio.get_running_loop().call_later(DRAIN, self._abort)
        await super().shutdown(sockets)

    def _abort(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def run_host(target: str, **options: Any) -> None:
    """Serve `module:attribute` until a signal. `options` are those of `uvicorn.Config`.

    Raises `InvalidSettings` where there is no such application.
    """
    config = uvicorn.Config(target, http=HostHttpProtocol, timeout_graceful_shutdown=int(DRAIN) + 1, **options)
    try:
        config.load_app()
    except SystemExit as error:  # uvicorn has logged why
        raise InvalidSettings(f"there is no application {target}") from error
    with contextlib.suppress(KeyboardInterrupt):  # what uvicorn has left when it has stopped in order: no failure
        HostServer(config).run()
