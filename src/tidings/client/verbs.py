"""The methods that both clients have, written once.

A function of calls.py becomes a method: of `Client` it returns the answer, of `AsyncClient`
something to await. Signature, types and documentation are the function's own.
"""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, Generic, ParamSpec, TypeVar, overload

from tidings.client import calls, listening
from tidings.client.awaiting import AsyncItems, AsyncStream
from tidings.client.blocking import Items, Stream
from tidings.client.calls import Call, Listing
from tidings.client.listening import Listen

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


class Blocking:
    """A client that waits."""

    def _call(self, call: Call[T]) -> T:
        raise NotImplementedError

    def _list(self, listing: Listing[T]) -> Items[T]:
        raise NotImplementedError

    def _stream(self, listen: Listen) -> Stream:
        raise NotImplementedError


class Awaiting:
    """A client that is awaited."""

    def _call(self, call: Call[T]) -> Awaitable[T]:
        raise NotImplementedError

    def _list(self, listing: Listing[T]) -> AsyncItems[T]:
        raise NotImplementedError

    def _stream(self, listen: Listen) -> AsyncStream:
        raise NotImplementedError


class Verb(Generic[P, T]):
    """A method that makes one call."""

    def __init__(self, build: Callable[P, Call[T]]) -> None:
        self._build = build

    @overload
    def __get__(self, client: None, owner: type) -> Callable[P, Call[T]]: ...
    @overload
    def __get__(self, client: Blocking, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Awaiting, owner: type) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, client: Blocking | Awaiting | None, owner: type) -> Callable[P, Any]:
        return self._build if client is None else _then(self._build, client._call)


class ListVerb(Generic[P, T]):
    """A method that returns a list which comes in pages."""

    def __init__(self, build: Callable[P, Listing[T]]) -> None:
        self._build = build

    @overload
    def __get__(self, client: None, owner: type) -> Callable[P, Listing[T]]: ...
    @overload
    def __get__(self, client: Blocking, owner: type) -> Callable[P, Items[T]]: ...
    @overload
    def __get__(self, client: Awaiting, owner: type) -> Callable[P, AsyncItems[T]]: ...
    def __get__(self, client: Blocking | Awaiting | None, owner: type) -> Callable[P, Any]:
        return self._build if client is None else _then(self._build, client._list)


class StreamVerb(Generic[P]):
    """A method that returns a stream."""

    def __init__(self, build: Callable[P, Listen]) -> None:
        self._build = build

    @overload
    def __get__(self, client: None, owner: type) -> Callable[P, Listen]: ...
    @overload
    def __get__(self, client: Blocking, owner: type) -> Callable[P, Stream]: ...
    @overload
    def __get__(self, client: Awaiting, owner: type) -> Callable[P, AsyncStream]: ...
    def __get__(self, client: Blocking | Awaiting | None, owner: type) -> Callable[P, Any]:
        return self._build if client is None else _then(self._build, client._stream)


def _then(build: Callable[P, T], run: Callable[[T], R]) -> Callable[P, R]:
    @functools.wraps(build)
    def method(*args: P.args, **kwargs: P.kwargs) -> R:
        return run(build(*args, **kwargs))

    return method


class Verbs:
    """The contract, as methods."""

    stream = StreamVerb(listening.stream)
    publish = Verb(calls.publish)
    publish_batch = Verb(calls.publish_batch)
    update = Verb(calls.update)
    retract = Verb(calls.retract)
    follow = Verb(calls.follow)
    unfollow = Verb(calls.unfollow)
    follow_many = Verb(calls.follow_many)
    followers = ListVerb(calls.followers)
    follows = ListVerb(calls.follows)
    presence = Verb(calls.presence)
    inbox = ListVerb(calls.inbox)
    counters = Verb(calls.counters)
    mark_read = Verb(calls.mark_read)
    mark_unread = Verb(calls.mark_unread)
    mark_seen = Verb(calls.mark_seen)
    mark_unseen = Verb(calls.mark_unseen)
    archive = Verb(calls.archive)
    unarchive = Verb(calls.unarchive)
    mutes = Verb(calls.mutes)
    set_mutes = Verb(calls.set_mutes)
    ticket = Verb(calls.ticket)
