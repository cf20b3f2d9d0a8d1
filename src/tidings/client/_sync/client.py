# Generated from ../_async/client.py by scripts/generate_sync_client.py: edit that and run this.

"""The client: requests, streams, and their end."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import httpx2

from tidings.client._subscription import Subscription, stream_options
from tidings.client._sync.executor import Executor
from tidings.client._sync.inbox import Inbox
from tidings.client._sync.io import ClientOperation, Reaper, StreamSet, TokenSource
from tidings.client._sync.iteration import Stream
from tidings.client._sync.publishing import Publishing
from tidings.client._sync.requests import RETRIES, TIMEOUT
from tidings.client._sync.soon import BackgroundPublisher
from tidings.client.types import Status, Transport, UserId


class Client(Publishing, Inbox):
    """A client of a Tidings server, for threads, which may share it.

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
        token: TokenSource = None,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        http: httpx2.Client | None = None,
    ) -> None:
        super().__init__(url, user=user, token=token, timeout=timeout, retries=retries, http=http)
        self._background = BackgroundPublisher(self._call)
        self._reaper = Reaper()
        self._streams = StreamSet()

    def stream(
        self,
        *,
        user: UserId | None = None,
        cursor: str | None = None,
        topics: Sequence[str] = (),
        transports: Transport | Sequence[Transport] = ("sse", "poll"),
        insist: bool = True,
        on_status: Callable[[Status], None] | None = None,
    ) -> Stream:
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
        operation = ClientOperation()
        executor = self._stream_executor(operation)
        stream = Stream(Subscription(self._config, options), executor, operation, self._reaper)
        if not self._streams.add(stream):
            raise RuntimeError("this client is closed")
        return stream

    def _stream_executor(self, operation: ClientOperation) -> Executor:
        return Executor(self._http.for_stream(), self._tokens, operation)

    def close(self) -> None:
        """Publish what `notify_soon` left (for 5 seconds at most), end all streams, close all connections."""
        self._background.close()
        for stream in self._streams.close():
            stream.close()
        self._reaper.finish()
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
