# Generated from ../_async/iteration.py by scripts/generate_sync_client.py: edit that and run this.

"""Iteration over the items that a program emits: a stream's events, a list's items and pages."""

import weakref
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from tidings.client._commands import Emit, Program, ProgramRun, ReportStatus
from tidings.client._endpoints import PagedCall
from tidings.client._requests import ClientConfig, items, pages
from tidings.client._subscription import StreamProperties, Subscription
from tidings.client._sync.executor import Executor
from tidings.client._sync.io import ClientOperation, Reaper
from tidings.client.types import Event, Page, Status

T = TypeVar("T")


class ProgramIterator(Generic[T]):
    """The items that a program emits, one by one."""

    def __init__(
        self,
        program: Program[Any],
        executor: Executor,
        operation: ClientOperation,
        on_status: Callable[[Status], None] | None = None,
    ) -> None:
        self._run = ProgramRun(program)
        self._executor, self._operation, self._on_status = executor, operation, on_status
        self._emitted = False  # the item of the command that is waiting

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        try:
            with self._operation.exclusive():
                return self._advance()
        finally:
            # Only now: a closer that found the iterator held leaves the end to this caller.
            if self._run.command is None or self._operation.stopped():
                self._end()

    def _advance(self) -> T:
        while not self._operation.stopped() and (command := self._run.command) is not None:
            if isinstance(command, ReportStatus):
                if self._on_status is not None:  # what it raises is the caller's
                    self._on_status(command.status)
                self._run.resume(None)
            elif not isinstance(command, Emit):
                result = self._operation.run(self._executor.execute, command)
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
        raise StopIteration

    def _end(self) -> None:
        if self._operation.acquire_to_end():
            try:
                self._run.abandon()
                self._executor.close()
            finally:
                self._operation.release()

    def close(self) -> None:
        """End it, from anywhere; the iteration stops."""
        self._operation.stop()
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Stream(StreamProperties, ProgramIterator[Event]):
    """The events of a stream, for ever; it reconnects by itself and resumes after the last event."""

    def __init__(
        self, subscription: Subscription, executor: Executor, operation: ClientOperation, reaper: Reaper
    ) -> None:
        StreamProperties.__init__(self, subscription)
        ProgramIterator.__init__(self, subscription.program(), executor, operation, subscription.on_status)
        # A loop that is left early drops its stream, and cannot wait for its end. (The executor holds nothing of the
        # caller's: `on_status` may hold the stream.)
        weakref.finalize(self, reaper.dropped, operation, executor).atexit = False


class Paginator(Generic[T]):
    """A list: iterate over its items, or over `pages()`; fetched page by page as it is used."""

    def __init__(
        self, config: ClientConfig, call: PagedCall[T], executor: Callable[[ClientOperation], Executor]
    ) -> None:
        self._config, self._call, self._executor = config, call, executor

    def __iter__(self) -> Iterator[T]:
        return self._iterate(items(self._config, self._call))

    def pages(self) -> Iterator[Page[T]]:
        """The pages, which say at which cursor they were true."""
        return self._iterate(pages(self._config, self._call))

    def _iterate(self, program: Program[None]) -> ProgramIterator[Any]:
        operation = ClientOperation()
        return ProgramIterator[Any](program, self._executor(operation), operation)
