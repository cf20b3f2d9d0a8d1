"""Waiting, interrupting and locking with tasks: the counterpart of `tidings.client._sync.io`."""

import asyncio
import contextlib
import inspect
import weakref
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any, Generic, Protocol, TypeVar

import httpx2

from tidings.client._network import POOL

T = TypeVar("T")

AsyncTokenSource = str | Callable[[], str | None | Awaitable[str | None]] | None


class AsyncHttp:
    """The httpx2 client of a client: the caller's, or one of its own."""

    def __init__(self, given: httpx2.AsyncClient | None) -> None:
        self._own = given is None
        self._client = given

    @property
    def shared(self) -> httpx2.AsyncClient:
        """The client, made when it is first used."""
        if self._client is None:
            self._client = httpx2.AsyncClient(limits=POOL)
        return self._client

    def lent(self) -> "AsyncHttp":
        """The same connections, for a user that does not close them."""
        return AsyncHttp(self.shared)

    def for_stream(self) -> "AsyncHttp":
        """The connections of one stream: the same, since cancelling a task needs to know none of them."""
        return self.lent()

    async def aclose(self) -> None:
        """Close the connections, unless they are lent or the caller's."""
        if self._own and self._client is not None:
            await self._client.aclose()


class AsyncClosable(Protocol):
    """An object that is closed later, in the background."""

    async def aclose(self) -> None:
        """End."""


class AsyncClientOperation:
    """The operations of one iterator, one at a time: each is a task, so that a caller who gives up waiting for an
    event (`asyncio.timeout`) does not tear the connection down with it.
    """

    def __init__(self) -> None:
        self._stopped = False
        self.loop: asyncio.AbstractEventLoop | None = None  # that it was used on
        self._busy = False
        self._task: asyncio.Task[Any] | None = None

    def stopped(self) -> bool:
        """True once it was interrupted."""
        return self._stopped

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the iterator. Raises RuntimeError where another task does."""
        if self._busy:
            raise RuntimeError("two tasks iterate over the same thing")
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    def acquire_to_end(self) -> bool:
        """True: no other task runs in between."""
        return True

    def release(self) -> None:
        """The counterpart of `acquire_to_end`."""

    async def run(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T | None:
        """Call a function and wait for its result, or for that of the call that an earlier waiter gave up.

        None if it was interrupted: see `stopped`.
        """
        self.loop = asyncio.get_running_loop()
        if self._task is None:
            self._task = asyncio.ensure_future(function(*args))
        task = self._task
        await asyncio.wait([task])
        self._task = None
        if task.cancelled():
            self._stopped = True
            return None
        result: T = task.result()
        return result

    async def sleep(self, seconds: float) -> None:
        """Pause."""
        await asyncio.sleep(seconds)

    async def stop(self) -> None:
        """Cancel the running operation, from any task, and wait for its end."""
        self._stopped = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def interrupt(self) -> None:
        """Note that there is to be no other pause: the task is cancelled."""
        self._stopped = True

    def extensions(self) -> dict[str, Any]:
        """The extensions of a request by which it can be interrupted: none, a task is cancelled."""
        return {}

    def requested(self, http: AsyncHttp) -> None:
        """Note that a request has its response head."""

    def opened(self, interrupt: Callable[[], object]) -> None:
        """Note how to interrupt a read of the open stream."""

    def closed(self) -> None:
        """Note that the stream is closed."""


class AsyncReaper:
    """Ends streams that were dropped and not closed."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def dropped(self, operation: AsyncClientOperation, executor: AsyncClosable) -> None:
        """End it on its loop, if there still is one. The collector may run in any thread."""
        if operation.loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                operation.loop.call_soon_threadsafe(self._start, operation, executor)

    async def finish(self) -> None:
        """Wait for the ends of the streams that were dropped until now."""
        await asyncio.sleep(0)  # those of a moment ago begin to end
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, operation: AsyncClientOperation, executor: AsyncClosable) -> None:
        task = asyncio.ensure_future(_end(operation, executor))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _end(operation: AsyncClientOperation, executor: AsyncClosable) -> None:
    await operation.stop()
    await executor.aclose()


class AsyncStreamSet:
    """The open streams of a client."""

    def __init__(self) -> None:
        self._streams: weakref.WeakSet[Any] = weakref.WeakSet()
        self._closed = False

    def add(self, stream: Any) -> bool:
        """Remember a stream. False once the set is closed."""
        if not self._closed:
            self._streams.add(stream)
        return not self._closed

    def close(self) -> list[Any]:
        """Take no more; return those that are open."""
        self._closed = True
        return list(self._streams)


class AsyncReadDeadline:
    """Limits the time of one read of a response's body."""

    def __init__(self, response: httpx2.Response, timeout: float | None) -> None:
        """`timeout` is the read time-out that httpx2 keeps itself, in seconds."""

    def __call__(self, within: float) -> contextlib.AbstractAsyncContextManager[object]:
        """Raise TimeoutError from the block after that many seconds."""
        return asyncio.timeout(within)

    def interrupt(self) -> None:
        """Do nothing: the task that reads is cancelled."""


async def finish_chunks(chunks: AsyncIterator[bytes]) -> None:
    """End the iteration over a body."""
    if isinstance(chunks, AsyncGenerator):
        await chunks.aclose()


class AsyncLock:
    """Lets one caller at a time do something that must not take long."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def held(self, within: float) -> AsyncIterator[None]:
        """Hold the lock. Raises TimeoutError if getting it and the block take longer."""
        async with asyncio.timeout(within), self._lock:
            yield


async def call_token_source(source: Callable[[], str | None | Awaitable[str | None]]) -> str | None:
    """Call the caller's function, and await its result if it is awaitable."""
    try:
        token = source()
        return await token if inspect.isawaitable(token) else token
    except asyncio.CancelledError as error:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        raise RuntimeError(repr(error)) from error  # the source's own


class AsyncQueue(Generic[T]):
    """A bounded queue whose items are taken in batches."""

    def __init__(self, limit: int) -> None:
        self._limit, self._closed = limit, False
        self._items: deque[T] = deque()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> bool:
        """Add an item, without waiting. False where there is no room."""
        if len(self._items) >= self._limit or self._closed:
            return False
        self._items.append(item)
        self._changed.set()
        return True

    async def take(self, most: int) -> list[T]:
        """Wait for items and take them; none once the queue is closed and empty."""
        while not self._items and not self._closed:
            self._changed.clear()
            await self._changed.wait()
        return [self._items.popleft() for _ in range(min(most, len(self._items)))]

    def close(self) -> None:
        """Take no more items."""
        self._closed = True
        self._changed.set()

    def clear(self) -> int:
        """Drop the items; return how many there were."""
        dropped = len(self._items)
        self._items.clear()
        return dropped


class AsyncWorker:
    """Runs one function in the background: a task, started when it is first needed."""

    def __init__(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._function = function
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start it, unless it runs."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._function())

    async def join(self, within: float, stop: Callable[[], object]) -> None:
        """Wait for its end for that many seconds; then call `stop` and end it."""
        if self._task is None:
            return
        await asyncio.wait([self._task], timeout=within)
        if not self._task.done():
            stop()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
