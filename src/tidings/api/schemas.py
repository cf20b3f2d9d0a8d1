"""What clients may send: checked once, here, with errors that say where."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tidings.domain.cursor import Cursor
from tidings.domain.errors import InvalidJson, InvalidRequest, InvalidTarget, TidingsError, TooLarge
from tidings.domain.model import Draft
from tidings.domain.notification import milliseconds
from tidings.domain.topics import ALL, Topic, own_topic, parse_topic, parse_user

T = TypeVar("T")

DEPTH = 64  # levels of lists and objects in one notification: what one stack can decode, every other must too

# Visible characters: a type is also an event's tag, an id a line of a log. Its end is not "$", which Python finds
# before a last newline too, nor "\\Z", which other readers of the JSON Schema do not know.
_WORD = r"^[^\s\x00-\x20\x7f-\x9f]+(?![\s\S])"
_TO = re.compile(r"Object missing required field `to`|.* - at `\$\.to\b.*", re.DOTALL)  # a message about `to`
_MUTE = re.compile(r"(?:type|topic|entity):[^\s\x00-\x20\x7f-\x9f]{1,292}")
Word = Annotated[str, Meta(min_length=1, max_length=64, pattern=_WORD)]
Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=_WORD)]
Priority = Literal["low", "normal", "high", "critical"]
Progress = Annotated[float, Meta(ge=0, le=1)]
Time = Annotated[datetime, Meta(tz=True)]


class To(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom a notification is for: exactly one of these."""

    user: str | None = None
    users: list[str] | None = None
    topic: str | None = None
    all: bool | None = None


class Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a notification says; in a PATCH, what changes (null takes a field away)."""

    type: Word | UnsetType = UNSET
    title: str | None | UnsetType = UNSET
    body: str | None | UnsetType = UNSET
    data: Any = UNSET
    actor: dict[str, Any] | None | UnsetType = UNSET
    action_url: str | None | UnsetType = UNSET
    entity: Name | None | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    progress: Progress | None | UnsetType = UNSET
    expire_time: Time | None | UnsetType = UNSET

    def fields(self) -> dict[str, Any]:
        """What was given, without the time of expiry."""
        return {name: value for name, value in zip(_FIELDS, _fields(self), strict=True) if value is not UNSET}


_FIELDS = tuple(name for name in Content.__struct_fields__ if name != "expire_time")
_fields = attrgetter(*_FIELDS)

C = TypeVar("C", bound=Content)


class NewNotification(Content, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /v1/notifications`."""

    to: To
    group_key: Name | None = None


class Change(Content, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `PATCH /v1/notifications/{id}`."""


class Marking(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /v1/inbox/read` and its like: exactly one of these."""

    up_to: str | None = None
    ids: Annotated[list[str], Meta(max_length=1000)] | None = None


class Users(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a bulk follow."""

    users: Annotated[list[str], Meta(max_length=10_000)]


class Preferences(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `PUT /v1/preferences`."""

    mutes: Annotated[list[str], Meta(max_length=1000)]


_notification = msgspec.json.Decoder(NewNotification)
_change = msgspec.json.Decoder(Change)
_marking = msgspec.json.Decoder(Marking)
_users = msgspec.json.Decoder(Users)
_preferences = msgspec.json.Decoder(Preferences)
_raws = msgspec.json.Decoder(list[msgspec.Raw])


def parse(decoder: "msgspec.json.Decoder[T]", body: bytes | msgspec.Raw) -> T:
    """A body as a value. Raises `InvalidJson`, `InvalidRequest`, `InvalidTarget`."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        said = str(error)
        raise (InvalidTarget if _TO.fullmatch(said) else InvalidRequest)(said) from error
    except RecursionError as error:
        raise InvalidRequest(f"nested deeper than {DEPTH} levels") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidJson(f"not JSON: {error}") from error


def parse_content(decoder: "msgspec.json.Decoder[C]", body: bytes | msgspec.Raw) -> C:
    """The same for what may hold anything: not too deep. Raises `InvalidJson`, `InvalidRequest`."""
    given = parse(decoder, body)
    if given.data is not UNSET or given.actor is not UNSET:
        text = bytes(body)
        if text.count(b"[") + text.count(b"{") > DEPTH and _deeper((given.data, given.actor), DEPTH):
            raise InvalidRequest(f"nested deeper than {DEPTH} levels")
    return given


def _deeper(values: Iterable[Any], levels: int) -> bool:
    """Do lists and objects nest in these values deeper than so many levels?"""
    for _ in range(levels):
        inner = [value for value in values if isinstance(value, dict | list)]
        values = [child for value in inner for child in (value.values() if isinstance(value, dict) else value)]
    return any(isinstance(value, dict | list) for value in values)


def parse_change(body: bytes) -> Change:
    """The body of a PATCH. Raises `InvalidRequest`."""
    change = parse_content(_change, body)
    if change.expire_time is UNSET and not change.fields():
        raise InvalidRequest("there is nothing to change in this body")
    return change


def parse_marking(body: bytes) -> Marking:
    """Raises `InvalidRequest`."""
    marking = parse(_marking, body)
    if (marking.up_to is None) == (marking.ids is None):
        raise InvalidRequest('say either {"up_to": cursor} or {"ids": [...]}')
    return marking


def watermark(marking: Marking, verb: str) -> Cursor:
    """The cursor of a marking. Raises `InvalidCursor`, `InvalidRequest`."""
    if verb not in {"read", "seen"}:
        raise InvalidRequest(f"{verb} takes ids: only read and seen have a watermark")
    return Cursor.parse(marking.up_to or "")


def parse_users(body: bytes) -> Users:
    """Raises `InvalidRequest`."""
    return parse(_users, body)


def parse_preferences(body: bytes) -> Preferences:
    """Raises `InvalidRequest`."""
    found = parse(_preferences, body)
    for mute in found.mutes:
        if not _MUTE.fullmatch(mute):
            raise InvalidRequest(f"a mute is type:..., topic:... or entity:..., not {mute[:80]!r}")
    return found


def draft(body: bytes | msgspec.Raw, *, limit: int, recipients: int) -> Draft:
    """One notification. Raises `TooLarge` and the errors of `parse`."""
    if memoryview(body).nbytes > limit:
        raise TooLarge(f"a notification may have {limit} bytes of JSON")
    given = parse_content(_notification, body)
    content = {"type": "message", **given.fields()}
    return Draft(
        topics=targets(given.to, recipients=recipients),
        content=content,
        group_key=given.group_key,
        expire_at=milliseconds(given.expire_time) if isinstance(given.expire_time, datetime) else None,
    )


def drafts(body: bytes, *, most: int, limit: int, recipients: int) -> list[Draft]:
    """A batch: a JSON array, or NDJSON. Errors say which item. All of it is good, or none is taken."""
    items = _items(body)
    if len(items) > most:
        raise TooLarge(f"a batch may have {most} notifications, this one has {len(items)}")
    found: list[Draft] = []
    total = 0
    for place, item in enumerate(items):
        try:
            found.append(draft(item, limit=limit, recipients=recipients))
        except TidingsError as error:
            raise type(error)(f"item {place}: {error}") from error
        total += len(found[-1].topics)
        if total > max(most, recipients):
            raise TooLarge(f"a batch may reach {max(most, recipients)} inboxes and topics; item {place} is beyond that")
    return found


def _items(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    text = body.strip()
    if not text:
        raise InvalidJson("there is nothing in this body; a batch of nothing is []")
    if text.startswith(b"["):
        return parse(_raws, text)
    return [line for line in text.split(b"\n") if line.strip()]


def targets(to: To, *, recipients: int) -> tuple[Topic, ...]:
    """The topics that `to` names. Raises `InvalidTarget`, `InvalidTopic`, `InvalidUser`, `TooLarge`."""
    if (to.user is None) + (to.users is None) + (to.topic is None) + (to.all is None) != 3:
        named = [name for name in To.__struct_fields__ if getattr(to, name) is not None]
        raise InvalidTarget(f'"to" must have exactly one of user, users, topic and all; it has {named or "none"}')
    if to.user is not None:
        return (own_topic(parse_user(to.user)),)
    if to.topic is not None:
        return (parse_topic(to.topic),)
    if to.users is not None:
        if len(to.users) > recipients:
            raise TooLarge(f"one notification may have {recipients} users, this one has {len(to.users)}")
        if not to.users:
            raise InvalidTarget('"users" is empty')
        return tuple(dict.fromkeys(own_topic(parse_user(user)) for user in to.users))
    if not to.all:
        raise InvalidTarget('"all" can only be true')
    return (ALL,)
