"""The client: requests, streams, and their end."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import httpx2

from tidings.client._async.executor import AsyncExecutor
from tidings.client._async.inbox import AsyncInbox
from tidings.client._async.io import AsyncClientOperation, AsyncReaper, AsyncStreamSet, AsyncTokenSource
from tidings.client._async.iteration import AsyncStream
from tidings.client._async.publishing import AsyncPublishing
from tidings.client._async.requests import RETRIES, TIMEOUT
from tidings.client._async.soon import AsyncBackgroundPublisher
from tidings.client._subscription import Subscription, stream_options
from tidings.client.types import Status, Transport, UserId


class AsyncClient(AsyncPublishing, AsyncInbox):
    """A client of a Tidings server, on asyncio. It belongs to one event loop; `token` may be a coroutine function.

    `user` is for servers that trust the `user` parameter (`tidings dev`); `token` is a string, or a function that
    returns one and is called again when the server refuses the last.
    `timeout` is in seconds without a byte of a response; `retries` counts repetitions of what is safe to repeat.
    `http` is an httpx2 client of the caller's to go through (proxies, certificates); it is not closed.

    Raises ValueError for a `url` that is none.
    """

    def __init__(
        self,
        url: str,
        *,
        user: UserId | None = None,
        token: AsyncTokenSource = None,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        http: httpx2.AsyncClient | None = None,
    ) -> None:
        super().__init__(url, user=user, token=token, timeout=timeout, retries=retries, http=http)
        self._background = AsyncBackgroundPublisher(self._call)
        self._reaper = AsyncReaper()
        self._streams = AsyncStreamSet()

    def stream(
        self,
        *,
        user: UserId | None = None,
        cursor: str | None = None,
        topics: Sequence[str] = (),
        transports: Transport | Sequence[Transport] = ("sse", "poll"),
        insist: bool = True,
        on_status: Callable[[Status], None] | None = None,
    ) -> AsyncStream:
        """Receive events, for ever: reconnecting and resuming are built in.

        `cursor` is where to start: an event's id, `start` for all that is kept, None for what comes from now on.
        `topics` are read besides those that the user follows. `transports` are tried from the first to the last. With
        `insist=False` a first connection that fails is raised as Unreachable instead of being tried again.
        `on_status` is called with each change of the connection's Status.

        A `reset` among the events says that the cursor could not be served: forget what was built from events and
        load it again.

        Raises ValueError, TypeError for arguments that make no sense; the iteration raises TidingsProblem, NotTidings,
        Unreachable.
        """
        options = stream_options(
            user=user, cursor=cursor, topics=topics, transports=transports, insist=insist, on_status=on_status
        )
        operation = AsyncClientOperation()
        executor = self._stream_executor(operation)
        stream = AsyncStream(Subscription(self._config, options), executor, operation, self._reaper)
        if not self._streams.add(stream):
            raise RuntimeError("this client is closed")
        return stream

    def _stream_executor(self, operation: AsyncClientOperation) -> AsyncExecutor:
        return AsyncExecutor(self._http.for_stream(), self._tokens, operation)

    async def aclose(self) -> None:
        """Publish what `notify_soon` left (for 5 seconds at most), end all streams, close all connections."""
        await self._background.aclose()
        for stream in self._streams.close():
            await stream.aclose()
        await self._reaper.finish()
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()
