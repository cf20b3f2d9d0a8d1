"""The values that a client gives and takes: events, pages, recipients, content.

JSON objects stay dictionaries, so that a notification is the same in a stream, in a page and on the wire. A field
without a value, or with its default, is absent on the wire: read what may be missing with `.get()`. Absent means None,
but for the fields that say otherwise.
"""

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
    """All users, as recipients."""

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


class Group(TypedDict, total=False):
    """The contributions that one notification has merged."""

    key: Required[str]
    count: int
    total: int  # distinct actors
    actors: list[JsonObject]  # newest first


class Notification(TypedDict, total=False):
    """A notification in an inbox."""

    id: Required[str]
    cursor: Required[str]
    topic: Required[str]
    type: Required[str]
    status: Required[Literal["UNREAD", "READ", "ARCHIVED"]]
    create_time: Required[str]  # RFC 3339, as every time
    title: str
    body: str
    data: Any
    actor: JsonObject
    action_url: str
    entity: str
    group: Group
    priority: Literal["low", "normal", "high", "critical"]  # absent: normal
    progress: float  # 0 to 1
    update_time: str
    read_time: str
    seen_time: str
    expire_time: str
    revision: int  # absent: 1
    ring: bool  # of an event; absent: False


class Follow(TypedDict):
    """A topic that a user follows."""

    topic: str
    since: str  # cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of the log, or a `reset`. Its id is its cursor: keep it to resume from it."""

    id: str
    type: str
    data: Any  # decoded JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of a stream's connection."""

    state: Literal["connecting", "open", "waiting"]
    transport: Transport
    reason: str = ""  # for waiting
    delay: float = 0.0  # seconds until the next attempt
    hello: Mapping[str, Any] | None = None  # when open: cursor, counters, heartbeat, connection


class Published(TypedDict):
    """The answer to a publish."""

    id: str
    cursor: str  # the position of its event
    create_time: str
    live: int  # connections of that server it was handed to


@dataclass(frozen=True, slots=True, kw_only=True)
class SoonStatus:
    """The numbers of `notify_soon`, since the client was made."""

    waiting: int
    published: int
    dropped: int  # invalid, refused, or without room in the queue


class Counters(TypedDict):
    """A user's numbers, exact up to a cap above which `more` is true."""

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
    cursor: str | None = None  # of an inbox: the log's position at which the page was true; stream from here
    counters: Counters | None = None  # of an inbox: the numbers at that position
