"""The two clients: one way of saying things, two ways of waiting for the answer."""

import asyncio
import random
import threading
import time
import weakref
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

import httpx2

from tidings.client import awaiting, blocking
from tidings.client.alarm import Alarm
from tidings.client.calls import Call, Listing
from tidings.client.encoding import user_id
from tidings.client.exchange import Server, exchange
from tidings.client.facts import UserId
from tidings.client.links import POOL
from tidings.client.listening import Listen, Listening
from tidings.client.verbs import Awaiting, Blocking, Verbs

T = TypeVar("T")

TIMEOUT = 10.0  # seconds without a byte of an answer
RETRIES = 2  # of what is safe to repeat


class Client(Verbs, Blocking):
    """Talks to a Tidings server and waits for the answers. Safe to share between threads.

    `user` is for servers that trust the `user` parameter (`tidings dev`); `token` is a string,
    or a function that returns one and is asked again when the server refuses the last.
    `http` is an httpx2.Client of yours to go through (proxies, certificates); it is not closed.
    """

    def __init__(
        self,
        url: str,
        *,
        user: UserId | None = None,
        token: blocking.TokenSource = None,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        http: httpx2.Client | None = None,
    ) -> None:
        self._server = _server(url, user, callable(token), timeout, retries)
        self._verify = httpx2.create_ssl_context() if http is None else None  # once: it is slow to make
        self._http = http or self._own_http()
        self._owned = http is None
        self._tokens = blocking.Tokens(token)
        self._alarm = Alarm()
        self._streams: weakref.WeakSet[blocking.Stream] = weakref.WeakSet()
        self._changing, self._closed = threading.Lock(), False

    def _call(self, call: Call[T]) -> T:
        return blocking.finish(exchange(self._server, call), self._wire())

    def _list(self, listing: Listing[T]) -> blocking.Items[T]:
        return blocking.Items(self._server, listing, self._wire)

    def _stream(self, listen: Listen) -> blocking.Stream:
        # A stream that is closed shuts its socket down, whatever it waits for. With connections of its own it knows
        # which that is.
        http = self._own_http() if self._owned else self._http
        wire = blocking.Wire(http, self._tokens, self._alarm, listen.on_status, own=self._owned)
        stream = blocking.Stream(Listening(self._server, listen), wire)
        with self._changing:
            if not self._closed:
                self._streams.add(stream)
                return stream
        stream.close()
        raise RuntimeError("this client is closed")

    def _own_http(self) -> httpx2.Client:
        assert self._verify is not None
        return httpx2.Client(limits=POOL, verify=self._verify)

    def _wire(self) -> blocking.Wire:
        return blocking.Wire(self._http, self._tokens, self._alarm)

    def close(self) -> None:
        """End all streams and close all connections."""
        with self._changing:
            self._closed = True
            streams = list(self._streams)
        for stream in streams:
            stream.close()
        self._alarm.close()
        if self._owned:
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


class AsyncClient(Verbs, Awaiting):
    """Talks to a Tidings server, on asyncio.

    The arguments are those of `Client`; the function for `token` may be a coroutine function,
    and `http` is an httpx2.AsyncClient.
    """

    def __init__(
        self,
        url: str,
        *,
        user: UserId | None = None,
        token: awaiting.AsyncTokenSource = None,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        http: httpx2.AsyncClient | None = None,
    ) -> None:
        self._server = _server(url, user, callable(token), timeout, retries)
        self._http = http or httpx2.AsyncClient(limits=POOL)
        self._owned = http is None
        self._tokens = awaiting.AsyncTokens(token)
        self._streams: weakref.WeakSet[awaiting.AsyncStream] = weakref.WeakSet()
        self._leaving: set[asyncio.Task[None]] = set()  # the ends of streams that nobody held any more
        self._closed = False

    async def _call(self, call: Call[T]) -> T:
        return await awaiting.finish(exchange(self._server, call), self._wire())

    def _list(self, listing: Listing[T]) -> awaiting.AsyncItems[T]:
        return awaiting.AsyncItems(self._server, listing, self._wire)

    def _stream(self, listen: Listen) -> awaiting.AsyncStream:
        if self._closed:
            raise RuntimeError("this client is closed")
        wire = awaiting.AsyncWire(self._http, self._tokens, listen.on_status)
        stream = awaiting.AsyncStream(Listening(self._server, listen), wire, self._leaving)
        self._streams.add(stream)
        return stream

    def _wire(self) -> awaiting.AsyncWire:
        return awaiting.AsyncWire(self._http, self._tokens)

    async def aclose(self) -> None:
        """End all streams and close all connections."""
        self._closed = True
        for stream in list(self._streams):
            await stream.aclose()
        await asyncio.sleep(0)  # streams that were dropped a moment ago begin to leave
        await asyncio.gather(*self._leaving, return_exceptions=True)
        if self._owned:
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


def _server(url: str, user: UserId | None, refreshable: bool, timeout: float, retries: int) -> Server:
    if not _names_a_server(url):
        raise ValueError(f"not the url of a server: {url!r} (it looks like http://127.0.0.1:8000)")
    return Server(
        url=url.rstrip("/"),
        user=None if user is None else user_id(user),
        refreshable=refreshable,
        timeout=timeout,
        retries=retries,
        clock=time.monotonic,
        now=lambda: datetime.now(UTC),
        chance=random.random,
    )


def _names_a_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")  # what cannot be looked up is an error there, not a failed try
        httpx2.URL(url, port=parts.port)
    except (ValueError, httpx2.InvalidURL):
        return False
    return parts.scheme in ("http", "https") and bool(host) and not parts.query and not parts.fragment
