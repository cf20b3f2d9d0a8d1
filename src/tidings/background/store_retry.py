"""Reads of the store that outlive its outages: repeated with back-off until they succeed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tidings.background.backoff import Backoff
from tidings.domain.errors import StoreUnavailable

_log = logging.getLogger("tidings.store")

T = TypeVar("T")


class StoreRetry:
    """Retries reads of the background workers, and knows whether the store answers at present."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        """`clock` in seconds, never going back."""
        self.failures = 0  # reads that failed
        self.away_since: float | None = None  # by `clock`; None while the store answers
        self._clock = clock
        self._sleep = sleep
        self._backoff = backoff

    async def read(self, read: Callable[[], Awaitable[T]], *, wanted: Callable[[], bool] = lambda: True) -> T | None:
        """Call `read` until it succeeds; None as soon as its result is not `wanted` any more.

        Anything but `StoreUnavailable` is raised: it is no outage.
        """
        backoff = self._backoff()
        while wanted():
            try:
                result = await read()
            except StoreUnavailable as error:
                self._failed(error)
                await self._sleep(backoff.next())
            else:
                self._succeeded()
                return result
        return None

    def _failed(self, error: StoreUnavailable) -> None:
        self.failures += 1
        if self.away_since is None:
            self.away_since = self._clock()
            _log.warning("store_unavailable", extra={"reason": str(error)})

    def _succeeded(self) -> None:
        if self.away_since is not None:
            _log.warning("store_available", extra={"seconds": round(self._clock() - self.away_since, 1)})
            self.away_since = None
