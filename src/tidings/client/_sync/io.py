"""Waiting, interrupting and locking with threads: the counterpart of `tidings.client._async.io`."""

import contextlib
import select
import socket
import ssl
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

import httpx2

from tidings.client._network import FAILURES, POOL

T = TypeVar("T")

TokenSource = str | Callable[[], str | None] | None


class Http:
    """The httpx2 client of a client: the caller's, or one of its own."""

    def __init__(self, given: httpx2.Client | None, *, own: bool | None = None) -> None:
        self.own = given is None if own is None else own
        self._client = given
        self._verify: ssl.SSLContext | None = None
        self._making = threading.Lock()

    @property
    def shared(self) -> httpx2.Client:
        """The client, made when it is first used."""
        with self._making:
            if self._client is None:
                self._client = self._new()
            return self._client

    def lent(self) -> "Http":
        """The same connections, for a user that does not close them."""
        return Http(self.shared)

    def for_stream(self) -> "Http":
        """The connections of one stream: of its own, so that it knows which socket to shut down when it is closed."""
        if not self.own:
            return self.lent()
        with self._making:
            return Http(self._new(), own=True)

    def _new(self) -> httpx2.Client:
        if self._verify is None:
            self._verify = httpx2.create_ssl_context()  # once: it is slow to make
        return httpx2.Client(limits=POOL, verify=self._verify)

    def close(self) -> None:
        """Close the connections, unless they are lent or the caller's."""
        if self.own and self._client is not None:
            self._client.close()


class Closable(Protocol):
    """An object that can be closed."""

    def close(self) -> None:
        """End."""


class ClientOperation:
    """The operations of one iterator, one at a time, in the thread that iterates; any thread may interrupt them."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._busy = threading.Lock()
        self._socket: socket.socket | None = None  # of the request that is under way, as far as is known
        self._interrupt: Callable[[], object] | None = None  # a read of the open stream

    def stopped(self) -> bool:
        """True once it was interrupted."""
        return self._stopped.is_set()

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the iterator. Raises RuntimeError where another thread does."""
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("two threads iterate over the same thing")
        try:
            yield
        finally:
            self._busy.release()

    def acquire_to_end(self) -> bool:
        """Hold the iterator to end it. False where a thread iterates: that thread ends it afterwards."""
        return self._busy.acquire(blocking=False)

    def release(self) -> None:
        """The counterpart of `acquire_to_end`."""
        self._busy.release()

    def run(self, function: Callable[..., T], *args: Any) -> T | None:
        """Call a function. If it was interrupted, the result means nothing: see `stopped`."""
        return None if self.stopped() else function(*args)

    def sleep(self, seconds: float) -> None:
        """Pause."""
        self._stopped.wait(seconds)

    def stop(self) -> None:
        """Interrupt the running operation, from any thread."""
        self._stopped.set()
        if (requesting := self._socket) is not None:
            shut_down(requesting)
        if (interrupt := self._interrupt) is not None:
            interrupt()

    def interrupt(self) -> None:
        """End the pause, and have no other."""
        self._stopped.set()

    def extensions(self) -> dict[str, Any]:
        """The extensions of a request by which it can be interrupted: httpcore reports a new connection's socket."""
        return {"trace": self._traced}

    def requested(self, http: Http) -> None:
        """Note that a request has its response head. A shared client may lend the connection to another request."""
        if not http.own:
            self._socket = None

    def opened(self, interrupt: Callable[[], object]) -> None:
        """Note how to interrupt a read of the open stream."""
        self._interrupt = interrupt
        if self.stopped():
            interrupt()

    def closed(self) -> None:
        """Note that the stream is closed."""
        self._interrupt = None

    def _traced(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith((".connect_tcp.complete", ".connect_unix_socket.complete", ".start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")
            if self.stopped() and self._socket is not None:
                shut_down(self._socket)


class Reaper:
    """Ends streams that were dropped and not closed."""

    def dropped(self, operation: ClientOperation, executor: Closable) -> None:
        """End it now."""
        operation.stop()
        executor.close()

    def finish(self) -> None:
        """Wait for none: they have ended."""


class StreamSet:
    """The open streams of a client."""

    def __init__(self) -> None:
        self._streams: weakref.WeakSet[Any] = weakref.WeakSet()
        self._changing, self._closed = threading.Lock(), False

    def add(self, stream: Any) -> bool:
        """Remember a stream. False once the set is closed."""
        with self._changing:
            if not self._closed:
                self._streams.add(stream)
            return not self._closed

    def close(self) -> list[Any]:
        """Take no more; return those that are open."""
        with self._changing:
            self._closed = True
            return list(self._streams)


class ReadDeadline:
    """Limits the time of one read of a response's body.

    httpx2 reads a whole body with one time-out, fixed when the body begins. A read that must end earlier (the hello is
    due within seconds, where a heartbeat may take half a minute) is ended by a timer that shuts the socket down.
    """

    def __init__(self, response: httpx2.Response, timeout: float | None) -> None:
        """`timeout` is the read time-out that httpx2 keeps itself, in seconds."""
        self._timeout = timeout
        self._socket: socket.socket = response.extensions["network_stream"].get_extra_info("socket")

    def __call__(self, within: float) -> contextlib.AbstractContextManager[object]:
        """Raise TimeoutError from the block after that many seconds."""
        if (self._timeout is not None and self._timeout <= within) or _readable(self._socket):
            return _NO_DEADLINE
        return _Deadline(self._socket, within)

    def interrupt(self) -> None:
        """End a read of another thread."""
        shut_down(self._socket)


_NO_DEADLINE = contextlib.nullcontext()


def _readable(sock: socket.socket) -> bool:
    """True where a read would not wait: a timer is a thread, and costs more than the read."""
    if not hasattr(select, "poll"):  # Windows
        return False
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


class _Deadline:
    """Shuts a socket down if the block takes longer."""

    def __init__(self, sock: socket.socket, within: float) -> None:
        self._socket, self._passed = sock, False
        self._timer = threading.Timer(within, self._end)
        self._timer.daemon = True

    def _end(self) -> None:
        self._passed = True
        shut_down(self._socket)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._passed and (error is None or isinstance(error, FAILURES)):
            raise TimeoutError from error


def shut_down(sock: socket.socket) -> None:
    """End both directions now: a thread that reads the socket gets its end. It may be closed already."""
    with contextlib.suppress(OSError):
        # Of a TLS socket, too, the connection below ends: no closing handshake that could wait.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def finish_chunks(chunks: Iterator[bytes]) -> None:
    """Do nothing: closing the response ends the iteration over its body."""


class Lock:
    """Lets one caller at a time do something that must not take long."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def held(self, within: float) -> Iterator[None]:
        """Hold the lock. Raises TimeoutError if getting it takes longer; the block needs a time limit of its own."""
        if not self._lock.acquire(timeout=within):
            raise TimeoutError(f"another thread has been fetching one for {within:g} seconds")
        try:
            yield
        finally:
            self._lock.release()


def call_token_source(source: Callable[[], str | None]) -> str | None:
    """Call the caller's function."""
    return source()


class Queue(Generic[T]):
    """A bounded queue whose items are taken in batches."""

    def __init__(self, limit: int) -> None:
        self._limit, self._closed = limit, False
        self._items: deque[T] = deque()
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> bool:
        """Add an item, without waiting. False where there is no room."""
        with self._changed:
            if len(self._items) >= self._limit or self._closed:
                return False
            self._items.append(item)
            self._changed.notify()
            return True

    def take(self, most: int) -> list[T]:
        """Wait for items and take them; none once the queue is closed and empty."""
        with self._changed:
            while not self._items and not self._closed:
                self._changed.wait()
            return [self._items.popleft() for _ in range(min(most, len(self._items)))]

    def close(self) -> None:
        """Take no more items."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def clear(self) -> int:
        """Drop the items; return how many there were."""
        with self._changed:
            dropped = len(self._items)
            self._items.clear()
            return dropped


class Worker:
    """Runs one function in the background: a daemon thread, started when it is first needed."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._function = function
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def start(self) -> None:
        """Start it, unless it runs. (After a fork it does not.)"""
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._function, name="tidings-notify-soon", daemon=True)
                self._thread.start()

    def join(self, within: float, stop: Callable[[], object]) -> None:
        """Wait for its end for that many seconds; then call `stop` and wait for the end that it leads to."""
        if self._thread is None:
            return
        self._thread.join(within)
        if self._thread.is_alive():
            stop()
            self._thread.join(within)
