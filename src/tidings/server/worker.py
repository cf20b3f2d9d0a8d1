"""A worker: one of several processes that serve, started and watched by a supervisor.

Its standard input gives it its order, one line, and ends with the supervisor. Its standard output says `ready`, and
that its event loop turns.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from typing import Any

import msgspec

from tidings.app import Pages
from tidings.server.listener import Listeners
from tidings.server.run import Server, run
from tidings.settings import Settings, WorkerPlace

BEAT = 0.5  # seconds
READY = b"ready\n"
BEATING = b"beat\n"


class WorkerOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The order of a supervisor to a worker that starts."""

    settings: dict[str, Any]  # by name, as JSON has them
    place: WorkerPlace
    public: int  # the descriptor of the socket to accept on
    admin: int | None  # of the operators'
    log_key: str  # hashes the ids of users in the log; "": they are plain


def settings_as_json(settings: Settings) -> dict[str, Any]:
    """The settings that are given, for `configuration.load` in another process."""
    values = {name: getattr(settings, name) for name in settings.__struct_fields__}
    return {name: value for name, value in values.items() if value is not None}


def encode_order(order: WorkerOrder) -> bytes:
    """One line."""
    return msgspec.json.encode(order, enc_hook=str) + b"\n"


def read_order() -> WorkerOrder:
    """The order on standard input."""
    return msgspec.convert(
        json.loads(sys.stdin.buffer.readline()), WorkerOrder, dec_hook=lambda kind, value: kind(value)
    )


class Lifeline:
    """Tells the supervisor that this worker lives, and ends it with the supervisor."""

    def __init__(self) -> None:
        os.set_blocking(sys.stdout.fileno(), False)

    def say(self, word: bytes) -> None:
        """Say it, unless the supervisor does not read."""
        with contextlib.suppress(OSError):
            os.write(sys.stdout.fileno(), word)

    async def run(self, server: Server) -> None:
        """Beat, for ever."""
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), self._supervisor_left, loop, server)
        loop.add_signal_handler(signal.SIGUSR1, server.retire)
        while True:
            self.say(BEATING)
            await asyncio.sleep(BEAT)

    def _supervisor_left(self, loop: asyncio.AbstractEventLoop, server: Server) -> None:
        loop.remove_reader(sys.stdin.fileno())
        server.handle_exit(signal.SIGTERM, None)


def run_worker(settings: Settings, order: WorkerOrder, *, pages: Pages) -> None:
    """Serve as `run` does, on the supervisor's sockets."""
    lifeline = Lifeline()
    admin = None if order.admin is None else socket.socket(fileno=order.admin)
    listeners = Listeners(socket.socket(fileno=order.public), admin)
    run(
        settings,
        pages=pages,
        on_ready=lambda _: lifeline.say(READY),
        listeners=listeners,
        place=order.place,
        beside=lifeline.run,
    )
