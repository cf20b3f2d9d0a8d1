"""The supervisor: binds a socket for each worker, keeps it, and keeps a worker on it.

Rule 1. A socket outlives its workers: connections that wait to be accepted are the successor's.
Rule 2. A worker that ends, or whose event loop stands still, is replaced.
Rule 3. A restart starts the successor first, so that somebody accepts at any time.
"""

import asyncio
import contextlib
import logging
import math
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

import msgspec

from tidings.background.backoff import Backoff
from tidings.server.listener import Listeners, address_of, bind
from tidings.server.run import STOP_SIGNALS
from tidings.server.worker import READY, WorkerOrder, encode_order, settings_as_json
from tidings.settings import Settings, WorkerPlace

QUIET = (
    5.0  # seconds without a beat, twice in a row, after which a worker is killed: this process may have slept itself
)
FIRST_BEAT = 60.0  # seconds, the same until the first beat: Python starts
LIVED = 30.0  # seconds after which a worker that ends is replaced at once

_log = logging.getLogger("tidings.supervisor")


class WorkerProcess:
    """A worker that was started, and what is heard of it."""

    def __init__(self, place: WorkerPlace, process: asyncio.subprocess.Process) -> None:
        self.place = place
        self.hung = False
        self._process = process
        self._ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.ended = asyncio.create_task(self._watch())

    @classmethod
    async def start(cls, command: Sequence[str], order: WorkerOrder) -> Self:
        """Start a process of its own session: what a terminal sends comes to the supervisor alone."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=[order.public] if order.admin is None else [order.public, order.admin],
            start_new_session=True,
        )
        assert process.stdin is not None
        process.stdin.write(encode_order(order))
        return cls(order.place, process)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def ready(self) -> bool:
        """Wait until it accepts connections; False: it has ended before."""
        return await asyncio.shield(self._ready)

    def send(self, number: int) -> None:
        """Send a signal, if it is there yet."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def _watch(self) -> int:
        """Its exit status, when it has ended by itself or was killed because it hung."""
        assert self._process.stdout is not None
        patience, silences = FIRST_BEAT, 0
        while True:
            try:
                async with asyncio.timeout(patience):
                    word = await self._process.stdout.readline()
            except TimeoutError:
                silences += 1
                if silences == 2:
                    self.hung = True
                    self.send(signal.SIGKILL)
                continue
            if not word:
                break
            patience, silences = QUIET, 0
            if word == READY and not self._ready.done():
                self._ready.set_result(True)
        status = await self._process.wait()
        if not self._ready.done():
            self._ready.set_result(False)
        for path in self.place.folder.glob(f"{self.place.name}.*"):  # its sockets, if it was killed
            path.unlink(missing_ok=True)
        return status


class Slot:
    """One listening socket, and the worker that accepts on it."""

    def __init__(self, start: Callable[[], Awaitable[WorkerProcess]]) -> None:
        """`start` starts a worker on this socket."""
        self._start = start
        self._worker: WorkerProcess | None = None

    async def first(self) -> WorkerProcess:
        """Start the first worker."""
        self._worker = await self._start()
        return self._worker

    async def keep(self) -> None:
        """Start another worker whenever the present one has ended, for ever."""
        backoff = Backoff()
        began = time.monotonic()
        while True:
            worker = self._worker
            assert worker is not None
            status = await asyncio.shield(worker.ended)
            if worker is not self._worker:
                continue
            what = {"worker": worker.place.number, "pid": worker.pid, "status": status, "hung": worker.hung}
            _log.error("worker_ended", extra=what)
            if time.monotonic() - began < LIVED:
                await asyncio.sleep(backoff.next())
            else:
                backoff.reset()
            if worker is self._worker:
                began = time.monotonic()
                self._worker = await self._start()

    async def replace(self) -> bool:
        """Let a new worker accept beside the present one, then let that leave. False: the new one has not started."""
        successor = await self._start()
        if not await successor.ready():
            return False
        leaving, self._worker = self._worker, successor
        if leaving is not None:
            leaving.send(signal.SIGUSR1)
            await asyncio.shield(leaving.ended)
        return True


class Supervisor:
    """Runs the workers of one machine until it is told to stop."""

    def __init__(
        self, settings: Settings, *, command: Sequence[str], log_key: str, on_ready: Callable[[str], None]
    ) -> None:
        """`command` starts a worker; `log_key` see `WorkerOrder`; `on_ready` is called with the address."""
        self._settings = settings
        self._command = command
        self._log_key = log_key
        self._on_ready = on_ready
        self._generation = 0
        self._running: set[WorkerProcess] = set()
        self._told: list[int] = []  # the signals to stop
        self._stopping = asyncio.Event()
        self._replacing: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """Serve. Return the signal that ended it, or minus the exit status of a worker that could not start.

        Raises `InvalidSettings`.
        """
        loop = asyncio.get_running_loop()
        with _folder() as folder, _listeners(self._settings) as listeners:
            slots = [Slot(self._starter(number, one, folder)) for number, one in enumerate(listeners, start=1)]
            for number in STOP_SIGNALS:
                loop.add_signal_handler(number, self._stop, number)
            loop.add_signal_handler(signal.SIGUSR2, self._replace_all, slots)
            try:
                return await self._serve(slots, address_of(listeners[0].public))
            finally:
                for worker in self._running:
                    worker.send(signal.SIGKILL)
                await asyncio.gather(*[worker.ended for worker in self._running])

    async def _serve(self, slots: Sequence[Slot], address: str) -> int:
        workers = [await slot.first() for slot in slots]
        failed = await self._unless_told(_first_failure(workers))
        if failed is not None:
            return -await failed.ended
        if not self._told:
            self._on_ready(address)
        keeping = [asyncio.create_task(slot.keep()) for slot in slots]
        await self._stopping.wait()
        for task in [*keeping, *([self._replacing] if self._replacing else [])]:
            task.cancel()
        while self._running:
            self._stopping.clear()
            for worker in self._running:
                worker.send(self._told[-1])
            await self._unless_told(_all_ended([*self._running]))
        return self._told[0]

    async def _unless_told(self, waiting: "Awaitable[WorkerProcess | None]") -> WorkerProcess | None:
        """The result of waiting, or None as soon as a signal comes."""
        work = asyncio.ensure_future(waiting)
        told = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([work, told], return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if work.done():
            return work.result()
        work.cancel()
        return None

    def _starter(self, number: int, listeners: Listeners, folder: Path) -> Callable[[], Awaitable[WorkerProcess]]:
        count = self._settings.workers
        each = msgspec.structs.replace(
            self._settings,
            port=listeners.public.getsockname()[1],
            # Places are the machine's: the kernel spreads connections evenly.
            max_connections=math.ceil(self._settings.max_connections / count),
            max_address_connections=math.ceil(self._settings.max_address_connections / count),
        )

        async def start() -> WorkerProcess:
            self._generation += 1
            order = WorkerOrder(
                settings=settings_as_json(each),
                place=WorkerPlace(number=number, count=count, generation=self._generation, folder=folder),
                public=listeners.public.fileno(),
                admin=None if listeners.admin is None else listeners.admin.fileno(),
                log_key=self._log_key,
            )
            worker = await WorkerProcess.start(self._command, order)
            self._running.add(worker)
            worker.ended.add_done_callback(lambda _: self._running.discard(worker))
            _log.info("worker_started", extra={"worker": number, "pid": worker.pid})
            return worker

        return start

    def _stop(self, number: int) -> None:
        self._told.append(number)
        self._stopping.set()

    def _replace_all(self, slots: Sequence[Slot]) -> None:
        if self._replacing is None or self._replacing.done():
            self._replacing = asyncio.create_task(self._replace_each(slots))

    async def _replace_each(self, slots: Sequence[Slot]) -> None:
        _log.info("restarting")
        for slot in slots:
            if not await slot.replace():
                _log.error("restart_failed")
                return
        _log.info("restarted")


async def _first_failure(workers: Sequence[WorkerProcess]) -> WorkerProcess | None:
    for worker in workers:
        if not await worker.ready():
            return worker
    return None


async def _all_ended(workers: Sequence[WorkerProcess]) -> None:
    await asyncio.wait([worker.ended for worker in workers])


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tidings-"))  # of this user alone; its path is short enough for a socket
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _listeners(settings: Settings) -> Iterator[list[Listeners]]:
    """Bound sockets for each worker, all of one address."""
    with contextlib.ExitStack() as stack:
        alone = bind(settings)  # where another server listens, this is refused, and sharing would not be
        settings = msgspec.structs.replace(settings, port=alone.public.getsockname()[1])
        _close(alone)
        every = []
        for _ in range(settings.workers):
            every.append(bind(settings, shared=True))
            stack.callback(_close, every[-1])
        yield every


def _close(listeners: Listeners) -> None:
    for one in filter(None, listeners):
        one.close()


def supervise(settings: Settings, *, command: Sequence[str], log_key: str, on_ready: Callable[[str], None]) -> int:
    """Serve with several workers until a signal, which ends the process as `run` says. Return an exit status.

    `command` starts a worker, `on_ready` is called with the address. Raises `InvalidSettings`.
    """

    async def main() -> int:
        return await Supervisor(settings, command=command, log_key=log_key, on_ready=on_ready).run()

    ended = asyncio.run(main())
    if ended <= 0:
        return -ended
    if ended != signal.SIGINT:
        signal.signal(ended, signal.SIG_DFL)
        os.kill(os.getpid(), ended)
    return 0
