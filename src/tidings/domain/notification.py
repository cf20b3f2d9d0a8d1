"""A notification as a client sees it, and the small rules that are about nothing else."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tidings.domain.errors import InvalidRequest
from tidings.domain.groups import Actor, Group
from tidings.domain.model import NO_TAGS
from tidings.domain.topics import Topic

CONTENT = ("type", "title", "body", "data", "actor", "action_url", "entity", "priority", "progress")  # what is said
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
MUTES_MAX = 1000  # that one user may have
EVENT_MAX = 32 * 1024  # bytes of an event, envelope included, unless a setting says another
ENVELOPE = 512  # bytes of an event that are not its data, at most: id, type, framing, and what a reader adds to it
ID_PATTERN = "n-[a-z0-9]{1,32}-[0-9]{1,18}"  # what a public id looks like


Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]  # RFC 3339, in UTC


class Notification(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The wire form. Times are RFC 3339 in UTC. A field without a value, or with its default, is absent.

    The personal fields are absent from an event that goes to several people and did not move the item:
    an event is encoded once for all of them, so it cannot know what each has read. Where `status` is there, all three
    are said: without a `read_time` it is not read, without a `seen_time` not seen.
    """

    id: str
    cursor: str  # its place: the event that last put it at the top
    topic: Topic
    type: str
    title: str | None = None
    body: str | None = None
    data: Any = None
    actor: Actor | None = None
    action_url: str | None = None
    entity: str | None = None
    group: Group | None = None
    priority: Literal["low", "normal", "high", "critical"] = "normal"
    progress: float | None = None
    status: Literal["UNREAD", "READ", "ARCHIVED"] | UnsetType = UNSET
    create_time: Time
    update_time: Time | None = None  # of the last change; None: it was not changed
    read_time: Time | None = None
    seen_time: Time | None = None
    expire_time: Time | None = None
    revision: int = 1
    ring: bool = False  # in events only: should a bell ring for this?


def tags(topic: Topic, *, type: str, entity: str | None, priority: str) -> frozenset[str]:
    """The tags by which a user may mute this. A critical notification cannot be muted: it has no tags."""
    if priority == "critical":
        return NO_TAGS
    return frozenset({f"type:{type}", f"topic:{topic}", *([f"entity:{entity}"] if entity else [])})


def rfc3339(milliseconds: int) -> str:
    """1767225600000 -> "2026-01-01T00:00:00.000Z"."""
    second, millisecond = divmod(milliseconds, 1000)
    return f"{_second(second)}.{millisecond:03}Z"


@lru_cache(maxsize=100)
def _second(seconds: int) -> str:
    return (_ZERO + timedelta(seconds=seconds)).isoformat().removesuffix("+00:00")


def milliseconds(moment: datetime) -> int:
    """A point in time (with its zone) as milliseconds since 1970. Raises `InvalidRequest`."""
    try:
        return (moment.astimezone(UTC) - _ZERO) // timedelta(milliseconds=1)
    except OverflowError as error:
        raise InvalidRequest(f"{moment.isoformat()} is not in the years 1 to 9999 of UTC") from error


def notification_id(epoch: str, seq: int) -> str:
    """The public id: the epoch and the seq of the first event that carried it."""
    return f"n-{epoch}-{seq}"


def parse_notification_id(text: str) -> tuple[str, int]:
    """The epoch and the seq in a public id. Raises `InvalidRequest`."""
    kind, _, rest = text.partition("-")
    found, _, digits = rest.partition("-")
    if kind != "n" or not found or not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise InvalidRequest(f"not a notification id: {text[:80]!r}")
    return found, int(digits)
