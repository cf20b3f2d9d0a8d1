"""What a client is given: events, pages, answers. JSON objects stay the dictionaries they are,
so that a notification is the same thing in a stream, in a page and in the server's answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, Required, TypedDict, TypeVar

T = TypeVar("T")

Transport = Literal["sse", "poll", "ws"]

JsonObject = dict[str, Any]

UserId = str | int  # 42 is "42" on the wire


class ToUser(TypedDict):
    """One user."""

    user: UserId


class ToUsers(TypedDict):
    """Each of several users."""

    users: Sequence[UserId]


class ToTopic(TypedDict):
    """The followers of a topic."""

    topic: str


class ToAll(TypedDict):
    """Everyone."""

    all: Literal[True]


Recipients = ToUser | ToUsers | ToTopic | ToAll


class Content(TypedDict, total=False):
    """The content of a notification. In an update, None takes a field away."""

    type: str
    title: str | None
    body: str | None
    data: Any  # JSON, or times in it
    actor: Mapping[str, Any] | None
    action_url: str | None
    entity: str | None
    priority: Literal["low", "normal", "high", "critical"]
    progress: float | None  # 0 to 1
    expire_time: datetime | str | None  # with a zone; RFC 3339


class NewContent(Content, total=False):
    """The content of a new notification."""

    group_key: str | None


class NewNotification(NewContent, total=False):
    """A notification of a batch."""

    to: Required[Recipients]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of the log, or a `reset`. Its id is its cursor: keep it, and resume from it."""

    id: str
    type: str
    data: Any  # decoded JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What a stream is doing, for those who want to show it."""

    state: Literal["connecting", "open", "waiting"]
    transport: Transport
    reason: str = ""  # why it is waiting
    delay: float = 0.0  # seconds until it tries again
    hello: Mapping[str, Any] | None = None  # when open: cursor, counters, heartbeat, session


class Published(TypedDict):
    """The answer to a publish."""

    id: str
    cursor: str  # the position of its event
    create_time: str
    live: int  # connections of that server it was handed to


class Counters(TypedDict):
    """A person's numbers, exact up to a cap above which `more` is true."""

    unread: int
    unseen: int
    by_type: dict[str, int]
    more: bool
    cursor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page of a list."""

    data: list[T]
    next: str | None  # opaque; None on the last page
    cursor: str | None = None  # of an inbox: where in the log the page was true; stream from here
    counters: Counters | None = None  # of an inbox: what they were then
