"""The part of the client that makes single requests."""

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urlsplit

import httpx2

from tidings.client._async.executor import AsyncExecutor, AsyncTokens, run_to_end
from tidings.client._async.io import AsyncClientOperation, AsyncHttp, AsyncTokenSource
from tidings.client._async.iteration import AsyncPaginator
from tidings.client._encoding import user_id
from tidings.client._endpoints import ApiCall, PagedCall
from tidings.client._requests import ClientConfig, make_call, make_calls
from tidings.client.types import UserId

T = TypeVar("T")

TIMEOUT = 10.0  # seconds without a byte of a response
RETRIES = 2  # of what is safe to repeat


class AsyncRequests:
    """Makes calls of the contract."""

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
        if not _names_a_server(url):
            raise ValueError(f"not the url of a server: {url!r} (it looks like http://127.0.0.1:8000)")
        self._config = ClientConfig(
            url=url.rstrip("/"),
            user=None if user is None else user_id(user),
            refreshable=callable(token),
            timeout=timeout,
            retries=retries,
            clock=time.monotonic,
            now=lambda: datetime.now(UTC),
            chance=random.random,
        )
        self._tokens = AsyncTokens(token)
        self._http = AsyncHttp(http)

    async def _call(self, call: ApiCall[T]) -> T:
        return await run_to_end(make_call(self._config, call), self._executor(AsyncClientOperation()))

    async def _call_each(self, calls: Sequence[ApiCall[list[T]]]) -> list[T]:
        return await run_to_end(make_calls(self._config, calls), self._executor(AsyncClientOperation()))

    def _paginate(self, call: PagedCall[T]) -> AsyncPaginator[T]:
        return AsyncPaginator(self._config, call, self._executor)

    def _executor(self, operation: AsyncClientOperation) -> AsyncExecutor:
        return AsyncExecutor(self._http.lent(), self._tokens, operation)


def _names_a_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")  # what cannot be looked up is an error there, not a failed try
        httpx2.URL(url, port=parts.port)
    except (ValueError, httpx2.InvalidURL):
        return False
    return parts.scheme in ("http", "https") and bool(host) and not parts.query and not parts.fragment
