"""Keys from a URL: kept while they are fresh, fetched beside their use, and never forgotten on an error."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from tidings.auth.keys import VerificationKey, jwks_keys
from tidings.domain.errors import KeysUnavailable

KEYS_FRESH = 600.0  # seconds, after which they are fetched again, while the old ones serve
COOLDOWN = 30.0  # seconds between fetches for unknown key ids: a client can invent one
RETRY = 5.0  # seconds after a failure

_log = logging.getLogger("tidings.auth")


class RemoteKeys:
    """A JSON Web Key Set behind a URL."""

    def __init__(self, fetch: Callable[[], Awaitable[bytes]], *, clock: Callable[[], float]) -> None:
        """`fetch` raises anything; `clock` gives seconds, of any beginning."""
        self._fetch = fetch
        self._clock = clock
        self._keys: Sequence[VerificationKey] | None = None
        self._fresh_until = 0.0
        self._not_before = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def keys(self, *, kid: object) -> Sequence[VerificationKey]:
        """The keys, with the one of this name if the URL has it. Raises `KeysUnavailable`."""
        if self._keys is None or (isinstance(kid, str) and all(key.kid != kid for key in self._keys)):
            await self._refreshed()
        elif self._clock() >= self._fresh_until:
            self._begin()
        if self._keys is None:
            raise KeysUnavailable("the keys that tokens are checked with cannot be fetched now")
        return self._keys

    async def close(self) -> None:
        """Give up a fetch that is running."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])

    async def _refreshed(self) -> None:
        task = self._begin()
        if task is not None:
            await asyncio.shield(task)  # others wait for it too

    def _begin(self) -> asyncio.Task[None] | None:
        """The fetch that is running, or a new one if it is time for one."""
        if self._fetching is None and self._clock() >= self._not_before:
            self._fetching = asyncio.create_task(self._update())
        return self._fetching

    async def _update(self) -> None:
        try:
            document = await self._fetch()
            keys = await asyncio.to_thread(jwks_keys, document)
            if not keys:
                raise ValueError("there is no key in it that is taken here")
        except Exception as error:
            self._not_before = self._clock() + RETRY
            _log.warning("keys_not_fetched", extra={"detail": str(error)[:200] or type(error).__name__})
        else:
            self._keys = keys
            self._fresh_until = self._clock() + KEYS_FRESH
            self._not_before = self._clock() + COOLDOWN
        finally:
            self._fetching = None
