"""Run the server: uvicorn with detachable sockets, from the first signal handler to the last response."""

import asyncio
import contextlib
import gc
import math
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from types import FrameType
from typing import Any, TypeAlias

import uvicorn

from tidings.api.operation import OPERATOR
from tidings.app import Pages, Tidings, create_app
from tidings.limits.addresses import Proxies
from tidings.server.accept_queue import AcceptQueue
from tidings.server.connections import OpenConnections
from tidings.server.descriptors import raise_limit
from tidings.server.listener import Listeners, address_of, bind, cannot_listen
from tidings.server.state import ServerState
from tidings.settings import Settings, WorkerPlace

SPARE_SOCKETS = 100  # beyond the streams that there may be, and their tenth: for probes, publishers and refusals
BACKLOG = 4096  # connects waiting to be accepted; the kernel caps it at net.core.somaxconn
SWITCH = 0.0005  # seconds; how long the event loop may keep the writer's thread waiting for the interpreter lock
GARBAGE = (20_000, 20, 100)  # objects before the collector looks: requests leave few cycles, streams none
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HEARING = 1.0  # seconds that clients are given to read `goaway`, and publishers their answers, when it stops
UNREADY_FIRST = 0.25  # of the drain: /readyz is 503, and everything is done as before
UNREADY_MOST = 15.0  # seconds of that: proxies look every few seconds
START_GRACE = 1.5  # seconds that a start is given to end after a signal: a thread may wait for a locked database


class Server(uvicorn.Server):
    """uvicorn waits for open streams when it stops; this one asks them to leave, and then waits no longer."""

    server_state: ServerState

    def __init__(
        self,
        config: uvicorn.Config,
        app: Tidings,
        settings: Settings,
        *,
        admin: socket.socket | None = None,
        on_ready: Callable[[], None],
        beside: "Beside | None" = None,
    ) -> None:
        """`admin` is the operators' socket; `on_ready` is called when it can be connected to; `beside` runs from the
        first to the last."""
        super().__init__(config)
        counted = OpenConnections(proxies=Proxies(settings.proxies), most_of_address=settings.max_address_connections)
        self.server_state = ServerState(connections=counted)
        self._app = app
        self._settings = settings
        self._admin = admin
        self._on_ready = on_ready
        self._beside = beside
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting: asyncio.Task[None] | None = None
        self._drain_began: float | None = None
        self._retiring = False

    async def _serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._starting = asyncio.current_task()
        beside = asyncio.create_task(self._beside(self)) if self._beside is not None else None
        try:
            # Not by the lifespan protocol: what cannot be opened is an exception here, there a traceback in the log.
            async with self._app.opened():
                self._starting = None
                if not self.should_exit:
                    await super()._serve(sockets)
        except asyncio.CancelledError:
            if not self.should_exit:
                raise
        finally:
            if beside is not None:
                beside.cancel()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        most = self._settings.max_connections
        wanted = most if self._settings.mode == "serve" else 0  # a trial needs none
        self.server_state.max_sockets = min(most + most // 10 + SPARE_SOCKETS, raise_limit(wanted=wanted))
        self._app.connection_counts = self.server_state
        try:
            await super().startup(sockets)
        except OSError as error:
            raise cannot_listen(self._settings.host, self._settings.port, error) from error
        if self._admin is not None:
            await self._listen_to_operators(self._admin)
        self._on_ready()

    async def _listen_to_operators(self, admin: socket.socket) -> None:
        """Accept on their socket, too, and mark the requests that come by it."""
        state = {**self.lifespan.state, OPERATOR: True}
        make = partial(self.config.http_protocol_class, self.config, self.server_state, state)  # type: ignore[call-arg]
        try:
            self.servers.append(await asyncio.get_running_loop().create_server(make, sock=admin))
        except OSError as error:
            host, port = admin.getsockname()[:2]
            raise cannot_listen(host, port, error) from error

    # Stopping

    async def on_tick(self, counter: int) -> bool:
        """As uvicorn does it, ten times a second; but a server that is told to stop goes on until it is drained."""
        if not await super().on_tick(counter):
            return False
        return self.force_exit or self._drained()

    def _drained(self) -> bool:
        """Drain a little more, as the time demands; return True at the end of it.

        At first it is only unready, so that proxies send no more here; then streams end, evenly over the rest.
        """
        seconds = self._settings.drain_seconds
        now = asyncio.get_running_loop().time()
        if self._drain_began is None:
            self._drain_began = now
            if not self._retiring:
                self._app.prepare_drain()
        if not seconds:
            return True
        first = 0.0 if self._retiring else min(seconds * UNREADY_FIRST, UNREADY_MOST)
        share = (now - self._drain_began - first) / (seconds - first)
        if share < 0:
            return False
        self._app.drain(min(share, 1.0))
        return share >= 1 or not self._app.streams

    def retire(self) -> None:
        """Accept no more and stop in order: a successor accepts on the same socket already."""
        for server in self.servers:
            server.close()
        self._retiring = self.should_exit = True

    def drain(self) -> None:
        """Accept no more, tell every stream to come back, and abort what is left after the time for that.

        May be called by a supervisor before it stops the process; safe to call twice.
        """
        for server in self.servers:
            server.close()
        self._app.drain()
        asyncio.get_running_loop().call_later(HEARING, self._abort)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.drain()
        await super().shutdown(sockets)

    def _abort(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    # Signals

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """As uvicorn does it, with SIGHUP: a terminal that is closed ends the server in order, too, but for `nohup`."""
        numbers = [
            int(number)
            for number in STOP_SIGNALS
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
        ]
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        for captured in reversed(self._captured_signals):
            signal.raise_signal(captured)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in order; at once when a second signal comes, whichever it is."""
        self._captured_signals.append(sig)
        self.force_exit = self.should_exit
        self.should_exit = True
        if self._loop is None:
            return
        if self._starting is not None:
            self._loop.call_soon_threadsafe(self._starting.cancel)
            self._loop.call_soon_threadsafe(self._loop.call_later, START_GRACE, _die, sig)
        elif self.force_exit:
            self._loop.call_soon_threadsafe(self._abort)


def _die(number: int) -> None:
    """End the process by a signal, whatever its threads wait for."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


Beside: TypeAlias = Callable[[Server], Coroutine[Any, Any, None]]


def run(
    settings: Settings,
    *,
    pages: Pages = lambda _: (),
    on_ready: Callable[[str], None] = lambda address: None,
    listeners: Listeners | None = None,
    place: WorkerPlace | None = None,
    beside: Beside | None = None,
) -> None:
    """Serve until SIGINT, or until SIGTERM or SIGHUP, which end the process when it has stopped in order.

    `on_ready` is called with the server's address. A worker of several gives its place, the sockets that it accepts on
    and what runs beside it. Raises `InvalidSettings`, `StoreTooNew`, `StoreUnavailable`.
    """
    sys.setswitchinterval(SWITCH)
    gc.set_threshold(*GARBAGE)
    app = create_app(settings, pages=pages, place=place)
    listeners = listeners or bind(settings)
    config = uvicorn.Config(
        app,
        http=AcceptQueue(app.open_stream),  # type: ignore[arg-type] # all that is asked of it is to make protocols
        ws="none",
        lifespan="off",
        log_config=None,  # its loggers print through ours
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=True,  # RFC 9110, section 6.6.1
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=math.ceil(HEARING) + 1,  # for what the end of the drain did not end
    )
    address = address_of(listeners.public)
    server = Server(config, app, settings, admin=listeners.admin, on_ready=lambda: on_ready(address), beside=beside)
    with contextlib.suppress(KeyboardInterrupt):  # what uvicorn has left when it has stopped in order: no failure
        server.run(sockets=[listeners.public])
