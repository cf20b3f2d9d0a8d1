"""The two clients behind one set of words, so that one test text holds for both."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, Protocol

from tidings.client import AsyncClient, Client, Event


class ClientAdapter(Protocol):
    """A client, used from a test that waits."""

    name: str

    def call(self, verb: str, *args: Any, **kwargs: Any) -> Any: ...
    def items(self, verb: str, **kwargs: Any) -> list[Any]: ...
    def pages(self, verb: str, **kwargs: Any) -> list[Any]: ...
    def stream(self, **kwargs: Any) -> "Events": ...
    def close(self) -> None: ...


class Events(Protocol):
    """A stream, used from a test that waits."""

    def take(self, count: int) -> list[Event]: ...
    def rest(self) -> list[Event]: ...
    def close(self) -> None: ...


class SyncAdapter:
    name = "blocking"

    def __init__(self, url: str, **kwargs: Any) -> None:
        self._client = Client(url, **kwargs)

    def call(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        return getattr(self._client, verb)(*args, **kwargs)

    def items(self, verb: str, **kwargs: Any) -> list[Any]:
        return list(getattr(self._client, verb)(**kwargs))

    def pages(self, verb: str, **kwargs: Any) -> list[Any]:
        return [*getattr(self._client, verb)(**kwargs).pages()]

    def stream(self, **kwargs: Any) -> Events:
        return BlockingEvents(self._client, kwargs)

    def close(self) -> None:
        self._client.close()


class BlockingEvents:
    def __init__(self, client: Client, kwargs: dict[str, Any]) -> None:
        self._stream = client.stream(**kwargs)

    def take(self, count: int) -> list[Event]:
        return [next(self._stream) for _ in range(count)]

    def rest(self) -> list[Event]:
        return list(self._stream)

    def close(self) -> None:
        self._stream.close()


class AsyncAdapter:
    name = "async"

    def __init__(self, url: str, **kwargs: Any) -> None:
        self._client = AsyncClient(url, **kwargs)
        self.runner = asyncio.Runner()

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        return self.runner.run(function(*args))

    def call(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        async def go() -> Any:
            return await getattr(self._client, verb)(*args, **kwargs)

        return self.run(go)

    def items(self, verb: str, **kwargs: Any) -> list[Any]:
        async def go() -> Any:
            return [item async for item in getattr(self._client, verb)(**kwargs)]

        return list(self.run(go))

    def pages(self, verb: str, **kwargs: Any) -> list[Any]:
        async def go() -> Any:
            return [page async for page in getattr(self._client, verb)(**kwargs).pages()]

        return [*self.run(go)]

    def stream(self, **kwargs: Any) -> Events:
        return AsyncEvents(self, self._client, kwargs)

    def close(self) -> None:
        self.run(self._client.aclose)
        self.runner.close()


class AsyncEvents:
    def __init__(self, connect: AsyncAdapter, client: AsyncClient, kwargs: dict[str, Any]) -> None:
        self._shell = connect
        self._stream = client.stream(**kwargs)
        self._closing: Future[None] | None = None

    def take(self, count: int) -> list[Event]:
        async def go() -> list[Event]:
            return [await anext(self._stream) for _ in range(count)]

        return list(self._shell.run(go))

    def rest(self) -> list[Event]:
        async def go() -> list[Event]:
            events = [event async for event in self._stream]
            if self._closing is not None:
                await asyncio.wrap_future(self._closing)
            return events

        return list(self._shell.run(go))

    def close(self) -> None:
        """From another thread, while `rest` is under way: end it in the loop that runs it."""
        loop = self._shell.runner.get_loop()
        if loop.is_running():
            self._closing = asyncio.run_coroutine_threadsafe(self._stream.aclose(), loop)
        else:
            self._shell.run(self._stream.aclose)


MakeAdapter = Callable[..., ClientAdapter]
ADAPTERS: list[Callable[..., ClientAdapter]] = [SyncAdapter, AsyncAdapter]


def adapters(make: Callable[..., ClientAdapter]) -> Iterator[MakeAdapter]:
    """A factory of adapters of one kind that closes what it made."""
    made: list[ClientAdapter] = []

    def connect(url: str, **kwargs: Any) -> ClientAdapter:
        made.append(make(url, **kwargs))
        return made[-1]

    yield connect
    for one in made:
        one.close()
