"""Iteration over the items that a program emits: a stream's events, a list's items and pages."""

import weakref
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from tidings.client._async.executor import AsyncExecutor
from tidings.client._async.io import AsyncClientOperation, AsyncReaper
from tidings.client._commands import Emit, Program, ProgramRun, ReportStatus
from tidings.client._endpoints import PagedCall
from tidings.client._requests import ClientConfig, items, pages
from tidings.client._subscription import StreamProperties, Subscription
from tidings.client.types import Event, Page, Status

T = TypeVar("T")


class AsyncProgramIterator(Generic[T]):
    """The items that a program emits, one by one."""

    def __init__(
        self,
        program: Program[Any],
        executor: AsyncExecutor,
        operation: AsyncClientOperation,
        on_status: Callable[[Status], None] | None = None,
    ) -> None:
        self._run = ProgramRun(program)
        self._executor, self._operation, self._on_status = executor, operation, on_status
        self._emitted = False  # the item of the command that is waiting

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        try:
            with self._operation.exclusive():
                return await self._advance()
        finally:
            # Only now: a closer that found the iterator held leaves the end to this caller.
            if self._run.command is None or self._operation.stopped():
                await self._end()

    async def _advance(self) -> T:
        while not self._operation.stopped() and (command := self._run.command) is not None:
            if isinstance(command, ReportStatus):
                if self._on_status is not None:  # what it raises is the caller's
                    self._on_status(command.status)
                self._run.resume(None)
            elif not isinstance(command, Emit):
                result = await self._operation.run(self._executor.execute, command)
                if self._operation.stopped():  # the result of an interruption is no failure
                    break
                self._run.resume(result)
            elif self._emitted:
                self._emitted = False
                self._run.resume(None)
            else:
                self._emitted = True
                item: T = command.item
                return item
        raise StopAsyncIteration

    async def _end(self) -> None:
        if self._operation.acquire_to_end():
            try:
                self._run.abandon()
                await self._executor.aclose()
            finally:
                self._operation.release()

    async def aclose(self) -> None:
        """End it, from anywhere; the iteration stops."""
        await self._operation.stop()
        await self._end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


class AsyncStream(StreamProperties, AsyncProgramIterator[Event]):
    """The events of a stream, for ever; it reconnects by itself and resumes after the last event."""

    def __init__(
        self, subscription: Subscription, executor: AsyncExecutor, operation: AsyncClientOperation, reaper: AsyncReaper
    ) -> None:
        StreamProperties.__init__(self, subscription)
        AsyncProgramIterator.__init__(self, subscription.program(), executor, operation, subscription.on_status)
        # A loop that is left early drops its stream, and cannot wait for its end. (The executor holds nothing of the
        # caller's: `on_status` may hold the stream.)
        weakref.finalize(self, reaper.dropped, operation, executor).atexit = False


class AsyncPaginator(Generic[T]):
    """A list: iterate over its items, or over `pages()`; fetched page by page as it is used."""

    def __init__(
        self, config: ClientConfig, call: PagedCall[T], executor: Callable[[AsyncClientOperation], AsyncExecutor]
    ) -> None:
        self._config, self._call, self._executor = config, call, executor

    def __aiter__(self) -> AsyncIterator[T]:
        return self._iterate(items(self._config, self._call))

    def pages(self) -> AsyncIterator[Page[T]]:
        """The pages, which say at which cursor they were true."""
        return self._iterate(pages(self._config, self._call))

    def _iterate(self, program: Program[None]) -> AsyncProgramIterator[Any]:
        operation = AsyncClientOperation()
        return AsyncProgramIterator[Any](program, self._executor(operation), operation)
