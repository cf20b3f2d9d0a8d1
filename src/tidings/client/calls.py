"""The verbs of the contract, each as one value: the request it makes and how its answer reads.

Nothing here sends anything. The functions are the signatures and the documentation of the
methods of both clients (see verbs.py).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, Unpack, cast
from urllib.parse import quote

from tidings.client.answers import checked, json_object
from tidings.client.commands import Answer
from tidings.client.encoding import recipients, user_id, user_ids
from tidings.client.errors import NotTidings
from tidings.client.facts import (
    Content,
    Counters,
    JsonObject,
    NewContent,
    NewNotification,
    Page,
    Published,
    Recipients,
    UserId,
)

T = TypeVar("T")
Params = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """One request to be, without a server, a token or an attempt."""

    method: str
    path: str
    read: Callable[[Answer], T]
    params: Params = ()
    body: object = None  # to be JSON
    key: str | None = None  # Idempotency-Key
    personal: bool = False  # asks as a user
    user: UserId | None = None  # instead of the client's own
    repeatable: bool = False  # doing it twice is doing it once


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[T]):
    """A list that comes in pages of T."""

    first: Call[Page[T]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPath:
    """Builds `/v1/...` from pieces that hold anything."""

    text: str = "/v1"

    def __truediv__(self, piece: str) -> "ApiPath":
        # A URL's dot segments are resolved by every client and proxy on the way: the request
        # would go somewhere else.
        if piece in ("", ".", ".."):
            raise ValueError(f"not a name: {piece!r}")
        return ApiPath(text=f"{self.text}/{quote(piece, safe='')}")


_V1 = ApiPath()


def publish(*, to: Recipients, idempotency_key: str | None = None, **content: Unpack[NewContent]) -> Call[Published]:
    """Send a notification.

    `to` is `{"user": ..}`, `{"users": [..]}`, `{"topic": ..}` or `{"all": True}`. Nothing else is
    required: without a `type` it is a `message`. The content is `type`, `title`, `body`, `data`, `actor`,
    `action_url`, `entity`, `group_key`, `priority`, `progress`, `expire_time` (a datetime with a zone, or
    RFC 3339). With an idempotency key it is stored once however often it is sent, and a lost connection is
    retried. Raises TypeError for a `to` that is nothing of the kind.
    """
    return Call(
        method="POST",
        path=(_V1 / "notifications").text,
        body={"to": recipients(to), **content},
        key=idempotency_key,
        repeatable=idempotency_key is not None,
        read=lambda answer: cast(Published, json_object(answer, what="the answer to a publish")),
    )


def publish_batch(
    notifications: Iterable[NewNotification], *, idempotency_key: str | None = None
) -> Call[list[Published]]:
    """Send up to 10 000 notifications in one transaction: all are stored, or none.

    Each is a dictionary of `to` and content, as `publish` takes them. Raises TypeError as `publish` does.
    """
    return Call(
        method="POST",
        path="/v1/notifications:batch",
        body=[{**notification, "to": recipients(notification.get("to"))} for notification in notifications],
        key=idempotency_key,
        repeatable=idempotency_key is not None,
        read=_results,
    )


def update(id: str, *, idempotency_key: str | None = None, **content: Unpack[Content]) -> Call[JsonObject]:
    """Change the content of a notification, in its place in everyone's inbox. None takes a field away."""
    return Call(
        method="PATCH",
        path=(_V1 / "notifications" / id).text,
        body=content,
        key=idempotency_key,
        repeatable=idempotency_key is not None,
        read=_object_or_empty,
    )


def retract(id: str | None = None, *, entity: str | None = None) -> Call[JsonObject]:
    """Withdraw one notification, or everything about an entity (`post/9`)."""
    if (id is None) == (entity is None):
        raise ValueError("retract takes an id or an entity")
    base = _V1 / "notifications"
    return Call(
        method="DELETE",
        path=(base if id is None else base / id).text,
        params=() if entity is None else (("entity", entity),),
        read=_object_or_empty,
    )


def follow(topic: str, user: UserId | None = None) -> Call[JsonObject]:
    """Make a user follow a topic. Without a user: I follow it, as the client's user or token."""
    return _following("PUT", topic, user)


def unfollow(topic: str, user: UserId | None = None) -> Call[JsonObject]:
    """The opposite of `follow`."""
    return _following("DELETE", topic, user)


def _following(method: str, topic: str, user: UserId | None) -> Call[JsonObject]:
    mine = _V1 / "follows" / topic
    path = mine if user is None else _V1 / "topics" / topic / "followers" / user_id(user)
    return Call(method=method, path=path.text, personal=user is None, repeatable=True, read=_object_or_empty)


def follow_many(topic: str, users: Iterable[UserId]) -> Call[JsonObject]:
    """Make up to 10 000 users follow a topic, at once."""
    return Call(
        method="POST",
        path=(_V1 / "topics" / topic / "followers").text,
        body={"users": user_ids(users)},
        repeatable=True,
        read=_object_or_empty,
    )


def followers(topic: str) -> Listing[str]:
    """Who follows a topic."""
    call = Call(method="GET", path=(_V1 / "topics" / topic / "followers").text, repeatable=True, read=_page)
    return Listing(first=call)


def follows(*, user: UserId | None = None) -> Listing[JsonObject]:
    """What I follow: `{"topic", "since"}`."""
    return _listing("/v1/follows", (), user)


def presence(user: UserId) -> Call[JsonObject]:
    """Is this user connected now?"""
    return Call(
        method="GET",
        path=(_V1 / "users" / user_id(user) / "presence").text,
        repeatable=True,
        read=lambda answer: json_object(answer, what="a presence"),
    )


def inbox(
    *,
    status: str | None = None,
    type: str | None = None,
    topic: str | None = None,
    limit: int | None = None,
    user: UserId | None = None,
) -> Listing[JsonObject]:
    """The notifications of a user, newest first, fetched page by page as they are used.

    `status` is `unread`, `read` or `archived`; `limit` is the size of a page.
    """
    return _listing("/v1/inbox", _some(status=status, type=type, topic=topic, limit=limit), user)


def counters(*, user: UserId | None = None) -> Call[Counters]:
    """How much is unread and unseen."""
    return Call(
        method="GET",
        path="/v1/inbox/counters",
        personal=True,
        user=user,
        repeatable=True,
        read=lambda answer: cast(Counters, json_object(answer, what="the counters")),
    )


def mark_read(
    *, up_to: str | None = None, ids: Sequence[str] | None = None, user: UserId | None = None
) -> Call[JsonObject]:
    """I have read everything up to a cursor, or these."""
    return _mark("read", up_to, ids, user)


def mark_seen(
    *, up_to: str | None = None, ids: Sequence[str] | None = None, user: UserId | None = None
) -> Call[JsonObject]:
    """I have seen that these are there, without having read them."""
    return _mark("seen", up_to, ids, user)


def mark_unread(*, ids: Sequence[str], user: UserId | None = None) -> Call[JsonObject]:
    """Have these as if they had not been read."""
    return _mark("unread", None, ids, user)


def mark_unseen(*, ids: Sequence[str], user: UserId | None = None) -> Call[JsonObject]:
    """Have these as if they had not been seen."""
    return _mark("unseen", None, ids, user)


def archive(*, ids: Sequence[str], user: UserId | None = None) -> Call[JsonObject]:
    """Put away what is done with."""
    return _mark("archive", None, ids, user)


def unarchive(*, ids: Sequence[str], user: UserId | None = None) -> Call[JsonObject]:
    """Take it out again."""
    return _mark("unarchive", None, ids, user)


def mutes(*, user: UserId | None = None) -> Call[list[str]]:
    """What I do not want to hear of: `type:like`, `topic:author/42`, `entity:post/9`."""
    return Call(method="GET", path="/v1/preferences", personal=True, user=user, repeatable=True, read=_mutes)


def set_mutes(mutes: Sequence[str], *, user: UserId | None = None) -> Call[list[str]]:
    """Replace what I do not want to hear of."""
    return Call(
        method="PUT",
        path="/v1/preferences",
        body={"mutes": _several(mutes)},
        personal=True,
        user=user,
        repeatable=True,
        read=_mutes,
    )


def ticket(*, user: UserId | None = None) -> Call[JsonObject]:
    """A single-use ticket that opens one stream from its URL, for a browser."""
    return Call(
        method="POST",
        path="/v1/tickets",
        personal=True,
        user=user,
        read=lambda answer: json_object(answer, what="a ticket"),
    )


def _mark(verb: str, up_to: str | None, ids: Sequence[str] | None, user: UserId | None) -> Call[JsonObject]:
    if (up_to is None) == (ids is None):
        raise ValueError("a mark takes either up_to or ids")
    return Call(
        method="POST",
        path=(_V1 / "inbox" / verb).text,
        body={"ids": _several(ids)} if ids is not None else {"up_to": up_to},
        personal=True,
        user=user,
        repeatable=True,  # a mark is a maximum or a set of ids: twice is once
        read=_object_or_empty,
    )


def _several(names: Sequence[str]) -> list[str]:
    if isinstance(names, str):
        raise TypeError(f"a list of them, not one: {names!r}")
    return list(names)


def _listing(path: str, params: Params, user: UserId | None) -> Listing[JsonObject]:
    call = Call(method="GET", path=path, params=params, personal=True, user=user, repeatable=True, read=_page)
    return Listing(first=call)


def _some(**params: object) -> Params:
    return tuple((name, str(value)) for name, value in params.items() if value is not None)


def _page(answer: Answer) -> Page[Any]:
    page = json_object(answer, what="a page")
    return Page(
        data=_list(page, "data"),
        next=page.get("next"),
        cursor=page.get("cursor"),
        counters=page.get("counters"),
    )


def _mutes(answer: Answer) -> list[str]:
    return _list(json_object(answer, what="the preferences"), "mutes")


def _results(answer: Answer) -> list[Published]:
    return _list(json_object(answer, what="the answer to a batch"), "results")


def _list(value: JsonObject, name: str) -> list[Any]:
    if not isinstance(value.get(name), list):
        raise NotTidings(f"the answer has no list of {name}")
    return cast(list[Any], value[name])


def _object_or_empty(answer: Answer) -> JsonObject:
    checked(answer, what="the answer")
    return json_object(answer, what="the answer") if answer.body else {}
