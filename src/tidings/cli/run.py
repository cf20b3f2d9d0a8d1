"""Run the server: uvicorn with the hand-over, on a socket whose connections notice dead peers by themselves."""

import asyncio
import contextlib
import errno
import gc
import math
import socket
import sys
from collections.abc import Callable

import click
import uvicorn

from tidings.app import Pages, Tidings, create_app
from tidings.cli.log import log_to_stderr
from tidings.domain.errors import InvalidSettings
from tidings.settings import Settings
from tidings.transports.accept_queue import AcceptQueue

BACKLOG = 4096  # connects waiting to be accepted; the kernel caps it at net.core.somaxconn
SWITCH = 0.0005  # seconds; how long the event loop may keep the writer's thread waiting for the interpreter lock
GARBAGE = (20_000, 20, 100)  # objects before the collector looks: requests leave few cycles, streams none


class Server(uvicorn.Server):
    """uvicorn waits for open streams when it stops; this one asks them to leave, and then waits no longer."""

    def __init__(self, config: uvicorn.Config, app: Tidings, *, drain: float, on_ready: Callable[[], None]) -> None:
        """`on_ready` is called when it can be connected to."""
        super().__init__(config)
        self._app = app
        self._drain = drain
        self._on_ready = on_ready

    async def _serve(self, sockets: list[socket.socket] | None = None) -> None:
        # Not by the lifespan protocol: what cannot be opened is an exception here, there a traceback in the log.
        async with self._app.opened():
            await super()._serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        self._app.drain()
        asyncio.get_running_loop().call_later(self._drain, self._abort)
        await super().shutdown(sockets)

    def _abort(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def run(settings: Settings, *, pages: Pages = lambda _: ()) -> None:
    """Serve until SIGINT, or until SIGTERM, which ends the process when it has stopped in order.

    Raises `InvalidSettings`, `StoreTooNew`, `StoreUnavailable`.
    """
    sys.setswitchinterval(SWITCH)
    gc.set_threshold(*GARBAGE)
    app = create_app(settings, pages=pages)
    listener = listen(settings)
    config = uvicorn.Config(
        app,
        http=AcceptQueue(),  # type: ignore[arg-type] # all that is asked of it is to make protocols
        ws="none",
        lifespan="off",
        log_config=None,  # its loggers print through ours
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=math.ceil(settings.drain) + 1,  # for what the end of the drain did not end
    )
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    greeting = f"Tidings is at http://{shown}:{port} (database {settings.db}; Ctrl-C stops it)"
    log_to_stderr()
    server = Server(config, app, drain=settings.drain, on_ready=lambda: click.echo(greeting))
    with contextlib.suppress(KeyboardInterrupt):  # what uvicorn has left when it has stopped in order: no failure
        server.run(sockets=[listener])


def listen(settings: Settings) -> socket.socket:
    """The listening socket. What is set on it, every accepted connection inherits, at no cost each.

    A peer that is gone without a word is noticed within a heartbeat: in silence by these keep-alive probes, else by
    the wheel, which sees what is not acknowledged. (TCP_USER_TIMEOUT would see that too, but it also ends a client that
    reads slowly: Linux counts by it how long the client's buffer has no room for a whole segment.)
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        # The two add up: a sign of life that is sent just before the probes give up has its own time to be
        # acknowledged, and nothing is probed meanwhile.
        quarter = max(1, int(settings.heartbeat / 4))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, quarter)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, quarter // 2))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        reason = "something else is using it" if error.errno == errno.EADDRINUSE else error.strerror
        raise InvalidSettings(f"cannot listen on {settings.host} port {settings.port}: {reason}") from error
    listener.setblocking(False)
    return listener
