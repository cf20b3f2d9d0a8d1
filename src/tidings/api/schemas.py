"""The values that clients send: checked once, here, with errors that say where."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tidings.domain.cursor import CURSOR_PATTERN
from tidings.domain.errors import InvalidJson, InvalidRequest, InvalidTarget, TidingsError, TooLarge
from tidings.domain.groups import Actor
from tidings.domain.identifiers import NAME_PATTERN, TOPIC_PATTERN, USER_PATTERN, check_name, is_name
from tidings.domain.json_text import mend_surrogates
from tidings.domain.model import Draft
from tidings.domain.notification import ID_PATTERN, MUTES_MAX, milliseconds
from tidings.domain.topics import ALL, TOPIC_MAX, USER_MAX, Topic, User, own_topic, parse_topic, parse_user
from tidings.domain.visible_text import DEFAULT_TYPE, NOTHING_TO_SHOW, SHOWING, VISIBLE_PATTERN, shows_something

T = TypeVar("T")

DEPTH = 64  # levels of lists and objects in one notification: what one stack can decode, every other must too
IDS = 1000  # notifications marked in one request
TYPE_MAX, NAME_MAX = 64, 255  # characters

_TO = re.compile(r"Object missing required field `to`|.* - at `\$\.to\b.*", re.DOTALL)  # a message about `to`


def text_schema(pattern: str, *, most: int, example: str) -> dict[str, Any]:
    """The JSON Schema of an id, whose pattern is matched whole."""
    return {"type": "string", "minLength": 1, "maxLength": most, "pattern": f"^{pattern}$", "example": example}


MUTE_PATTERN = f"(type|topic|entity):{NAME_PATTERN}"
MUTE_MAX = 300  # characters
_mute = re.compile(MUTE_PATTERN)

USER_SCHEMA = text_schema(USER_PATTERN, most=USER_MAX, example="alice@example.com")
TOPIC_SCHEMA = text_schema(TOPIC_PATTERN, most=TOPIC_MAX, example="author/42")
TYPE_SCHEMA = text_schema(NAME_PATTERN, most=TYPE_MAX, example="like")
NAME_SCHEMA = text_schema(NAME_PATTERN, most=NAME_MAX, example="post/9")
ID_SCHEMA = text_schema(ID_PATTERN, most=64, example="n-4kq7x2mf-17")
CURSOR_SCHEMA = text_schema(CURSOR_PATTERN, most=64, example="4kq7x2mf-17")
MUTE_SCHEMA = text_schema(MUTE_PATTERN, most=MUTE_MAX, example="type:like")


def _described(schema: dict[str, Any]) -> Meta:
    return Meta(extra_json_schema=schema)


# These are checked where they become what they are, so that an error can say which; msgspec only describes them.
UserText = Annotated[str, _described(USER_SCHEMA)]
TopicText = Annotated[str, _described(TOPIC_SCHEMA)]
Word = Annotated[str, _described(TYPE_SCHEMA)]
Name = Annotated[str, _described(NAME_SCHEMA)]
IdText = Annotated[str, _described(ID_SCHEMA)]
CursorText = Annotated[str, _described(CURSOR_SCHEMA)]
MuteText = Annotated[str, _described(MUTE_SCHEMA)]
Priority = Literal["low", "normal", "high", "critical"]
Progress = Annotated[float, Meta(ge=0, le=1)]
Time = Annotated[datetime, Meta(tz=True)]
One = _described({"minProperties": 1, "maxProperties": 1})  # exactly one of its fields
Some = _described({"minProperties": 1})
True_ = Annotated[bool, _described({"enum": [True]})]


class To(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The recipients of a notification: exactly one of these."""

    user: UserText | None = None
    users: Annotated[list[UserText], _described({"minItems": 1, "maxItems": 1000})] | None = None
    topic: TopicText | None = None
    all: True_ | None = None


class Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The content of a notification; in a PATCH, what changes (null removes a field)."""

    type: Word | UnsetType = UNSET
    title: str | None | UnsetType = UNSET
    body: str | None | UnsetType = UNSET
    data: Any = UNSET
    actor: Actor | None | UnsetType = UNSET
    action_url: str | None | UnsetType = UNSET
    entity: Name | None | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    progress: Progress | None | UnsetType = UNSET
    expire_time: Time | None | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.type is not UNSET:
            check_name("type", self.type, TYPE_MAX)
        if self.entity is not UNSET:
            check_name("entity", self.entity, NAME_MAX)
        if self.actor and isinstance(id := self.actor.get("id"), str) and "\ufffd" in id:
            raise ValueError("actor.id has a character that is broken or no text")

    def fields(self) -> dict[str, Any]:
        """The fields that are given, without the time of expiry."""
        return {name: value for name, value in zip(_FIELDS, _fields(self), strict=True) if value is not UNSET}


_FIELDS = tuple(name for name in Content.__struct_fields__ if name != "expire_time")
_fields = attrgetter(*_FIELDS)

C = TypeVar("C", bound=Content)


class NewNotification(Content, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A notification to publish."""

    to: Annotated[To, One]
    group_key: Name | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.group_key is not None:
            check_name("group_key", self.group_key, NAME_MAX)


class Change(Content, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of content."""


class Ids(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Notifications to mark."""

    ids: Annotated[list[IdText], Meta(max_length=IDS)]


class Marking(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Notifications to mark as read or seen: exactly one of these."""

    up_to: CursorText | None = None
    ids: Annotated[list[IdText], Meta(max_length=IDS)] | None = None


class Users(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Users who are to follow a topic."""

    users: Annotated[list[UserText], _described({"maxItems": 1000})]


class Preferences(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The preferences of a person."""

    mutes: Annotated[list[MuteText], Meta(max_length=MUTES_MAX)]


_SHOWN = {"type": "string", "pattern": VISIBLE_PATTERN}
_GIVEN = {"not": {"type": "null"}}
_SAID = {
    "title": _SHOWN, "body": _SHOWN, "type": {"not": {"enum": [DEFAULT_TYPE]}}, "actor": _GIVEN,
    "action_url": {"type": "string"}, "entity": {"type": "string"}, "progress": {"type": "number"}, "data": _GIVEN,
}  # fmt: skip
NotificationBody = Annotated[
    NewNotification,
    # One of these, said as "not none of them": generators make a class for each branch of an `anyOf`.
    _described(
        {"not": {"allOf": [{"not": {"required": [name], "properties": {name: _SAID[name]}}} for name in SHOWING]}}
    ),
]
ChangeBody = Annotated[Change, Some]
MarkingBody = Annotated[Marking, One]

_notification = msgspec.json.Decoder(NewNotification)
_change = msgspec.json.Decoder(Change)
_marking = msgspec.json.Decoder(Marking)
_users = msgspec.json.Decoder(Users)
_preferences = msgspec.json.Decoder(Preferences)
_raws = msgspec.json.Decoder(list[msgspec.Raw])


def parse(decoder: "msgspec.json.Decoder[T]", body: bytes | msgspec.Raw) -> T:
    """A body as a value. Raises `InvalidJson`, `InvalidRequest`, `InvalidTarget`."""
    try:
        return decoder.decode(mend_surrogates(body) if type(body) is bytes else body)
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
    """The notifications that become read or seen. Raises `InvalidRequest`."""
    marking = parse(_marking, body)
    if (marking.up_to is None) == (marking.ids is None):
        raise InvalidRequest('say either {"up_to": cursor} or {"ids": [...]}')
    return marking


def parse_users(body: bytes) -> list[User]:
    """Users, each once. Raises `InvalidRequest`, `InvalidUser`."""
    return [parse_user(user) for user in dict.fromkeys(parse(_users, body).users)]


def parse_preferences(body: bytes) -> list[str]:
    """The mutes in a request's body. Raises `InvalidRequest`."""
    return [parse_mute(mute) for mute in parse(_preferences, body).mutes]


def parse_mute(text: str) -> str:
    """One mute. Raises `InvalidRequest`."""
    if len(text) > MUTE_MAX or not (_mute.fullmatch(text) and is_name(text)):
        raise InvalidRequest(f"a mute is type:..., topic:... or entity:..., not {text[:80]!r}")
    return text


def draft(body: bytes | msgspec.Raw, *, limit: int) -> Draft:
    """One notification. Raises `TooLarge` and the errors of `parse`."""
    if memoryview(body).nbytes > limit:
        raise TooLarge(f"a notification may have {limit} bytes of JSON")
    given = parse_content(_notification, body)
    topics, said = targets(given.to), given.fields()
    if not shows_something(said.items()):
        raise InvalidRequest(NOTHING_TO_SHOW)
    return Draft(
        topics=topics,
        content={"type": DEFAULT_TYPE, **said},
        group_key=given.group_key,
        expire_at=milliseconds(given.expire_time) if isinstance(given.expire_time, datetime) else None,
    )


def drafts(body: bytes, *, most: int, limit: int) -> list[Draft]:
    """A batch: a JSON array, or NDJSON. Errors say which item. All of it is good, or none is taken."""
    items = _items(body)
    if len(items) > most:
        raise TooLarge(f"a batch may have {most} notifications, this one has {len(items)}: send it in parts")
    found: list[Draft] = []
    for place, item in enumerate(items):
        try:
            found.append(draft(item, limit=limit))
        except TidingsError as error:
            raise type(error)(f"item {place}: {error}") from error
    return found


def _items(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    text = body.strip()
    if not text:
        raise InvalidJson("there is nothing in this body; a batch of nothing is []")
    if text.startswith(b"["):
        return parse(_raws, text)
    return [line for line in text.split(b"\n") if line.strip()]


def targets(to: To) -> tuple[Topic, ...]:
    """The topics that `to` names. Raises `InvalidTarget`, `InvalidTopic`, `InvalidUser`."""
    if (to.user is None) + (to.users is None) + (to.topic is None) + (to.all is None) != 3:
        named = [name for name in To.__struct_fields__ if getattr(to, name) is not None]
        raise InvalidTarget(f'"to" must have exactly one of user, users, topic and all; it has {named or "none"}')
    if to.user is not None:
        return (own_topic(parse_user(to.user)),)
    if to.topic is not None:
        return (parse_topic(to.topic),)
    if to.users is not None:
        if not to.users:
            raise InvalidTarget('"users" is empty')
        return tuple(dict.fromkeys([own_topic(parse_user(user)) for user in to.users]))
    if not to.all:
        raise InvalidTarget('"all" can only be true')
    return (ALL,)
