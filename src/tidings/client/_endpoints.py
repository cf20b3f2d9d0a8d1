"""The endpoints of the contract: each function gives one request and the reading of its response. Pure.

Nothing here sends anything; the methods of the clients document what each call does.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote

from tidings.client._commands import Response
from tidings.client._encoding import content, identifier, recipients, user_id, user_ids
from tidings.client._responses import checked, json_object
from tidings.client.errors import NotTidings
from tidings.client.types import (
    Counters,
    Follow,
    JsonObject,
    NewNotification,
    Notification,
    Page,
    Published,
    Recipients,
    UserId,
)

T = TypeVar("T")
Params = tuple[tuple[str, str], ...]

BATCH_ROWS = 1000  # notifications times recipients, of one transaction; a topic and `all` count as one


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall(Generic[T]):
    """One request to be, without a server, a token or an attempt."""

    method: str
    path: str
    read: Callable[[Response], T]
    params: Params = ()
    body: object = None  # to be JSON
    key: str | None = None  # Idempotency-Key
    personal: bool = False  # asks as a user
    user: UserId | None = None  # instead of the client's own
    repeatable: bool = False  # doing it twice is doing it once


@dataclass(frozen=True, slots=True, kw_only=True)
class PagedCall(Generic[T]):
    """A list that comes in pages of T."""

    first: ApiCall[Page[T]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPath:
    """Builds `/v1/...` from pieces that hold anything."""

    text: str = "/v1"

    def __truediv__(self, piece: str) -> "ApiPath":
        # A URL's dot segments are resolved by every client and proxy on the way: the request
        # would go somewhere else.
        if piece in ("", ".", ".."):
            raise ValueError(f"not a name: {piece!r}")
        return ApiPath(text=f"{self.text}/{quote(identifier(piece, what='a name'), safe='')}")


_V1 = ApiPath()


def publish(to: Recipients, idempotency_key: str | None, fields: Mapping[str, Any]) -> ApiCall[Published]:
    """POST /v1/notifications."""
    return ApiCall(
        method="POST",
        path=(_V1 / "notifications").text,
        body=encoded(to, fields),
        key=idempotency_key,
        repeatable=idempotency_key is not None,
        read=lambda response: cast(Published, json_object(response, what="the answer to a publish")),
    )


def publish_batch(
    notifications: Iterable[NewNotification], idempotency_key: str | None
) -> list[ApiCall[list[Published]]]:
    """POST /v1/notifications:batch, as often as the server's limit on a transaction asks for.

    The parts of a batch have keys of their own, made from the batch's.
    """
    return batches([encoded(one.get("to"), one) for one in notifications], idempotency_key)


def batches(notifications: list[JsonObject], idempotency_key: str | None) -> list[ApiCall[list[Published]]]:
    """The same, of encoded notifications."""
    parts = list(_parts(notifications)) or [[]]
    return [_batch(part, _part_key(idempotency_key, n, len(parts))) for n, part in enumerate(parts, start=1)]


def _batch(notifications: list[JsonObject], key: str | None) -> ApiCall[list[Published]]:
    return ApiCall(
        method="POST",
        path="/v1/notifications:batch",
        body=notifications,
        key=key,
        repeatable=key is not None,
        read=_results,
    )


def encoded(to: object, fields: Mapping[str, Any]) -> JsonObject:
    """A notification as the server takes it. Raises TypeError, ValueError."""
    return {**content(fields), "to": recipients(to)}


def _parts(notifications: list[JsonObject]) -> Iterable[list[JsonObject]]:
    """Split into batches of at most BATCH_ROWS rows. A notification with more recipients is a batch of its own."""
    part: list[JsonObject] = []
    rows = 0
    for notification in notifications:
        more = len(notification["to"].get("users", "1"))
        if part and rows + more > BATCH_ROWS:
            yield part
            part, rows = [], 0
        part.append(notification)
        rows += more
    if part:
        yield part


def _part_key(key: str | None, part: int, parts: int) -> str | None:
    return key if key is None or parts == 1 else f"{key}.{part}of{parts}"


def update(id: str, idempotency_key: str | None, fields: Mapping[str, Any]) -> ApiCall[JsonObject]:
    """PATCH /v1/notifications/{id}."""
    return ApiCall(
        method="PATCH",
        path=(_V1 / "notifications" / id).text,
        body=content(fields),
        key=idempotency_key,
        repeatable=idempotency_key is not None,
        read=_object_or_empty,
    )


def retract(id: str | None, entity: str | None, group_key: str | None, actor: UserId | None) -> ApiCall[JsonObject]:
    """DELETE /v1/notifications, one or all about an entity, or one actor's contribution to a group."""
    if [id, entity, group_key].count(None) != 2 or (group_key is None) != (actor is None):
        raise ValueError("retract takes an id, or an entity, or a group_key and an actor")
    base = _V1 / "notifications"
    return ApiCall(
        method="DELETE",
        path=(base if id is None else base / id).text,
        params=_some(entity=entity, group_key=group_key, actor=None if actor is None else user_id(actor)),
        read=_object_or_empty,
    )


def follow(topic: str, user: UserId | None) -> ApiCall[JsonObject]:
    """PUT /v1/follows/{topic} or /v1/topics/{topic}/followers/{user}."""
    return _following("PUT", topic, user)


def unfollow(topic: str, user: UserId | None) -> ApiCall[JsonObject]:
    """DELETE of the same."""
    return _following("DELETE", topic, user)


def _following(method: str, topic: str, user: UserId | None) -> ApiCall[JsonObject]:
    mine = _V1 / "follows" / topic
    path = mine if user is None else _V1 / "topics" / topic / "followers" / user_id(user)
    return ApiCall(method=method, path=path.text, personal=user is None, repeatable=True, read=_object_or_empty)


def follow_many(topic: str, users: Iterable[UserId]) -> ApiCall[JsonObject]:
    """POST /v1/topics/{topic}/followers."""
    return ApiCall(
        method="POST",
        path=(_V1 / "topics" / topic / "followers").text,
        body={"users": user_ids(users)},
        repeatable=True,
        read=_object_or_empty,
    )


def followers(topic: str) -> PagedCall[str]:
    """GET /v1/topics/{topic}/followers."""
    call = ApiCall(method="GET", path=(_V1 / "topics" / topic / "followers").text, repeatable=True, read=_page)
    return PagedCall(first=call)


def follows(user: UserId | None) -> PagedCall[Follow]:
    """GET /v1/follows."""
    return _listing("/v1/follows", (), user)


def presence(user: UserId) -> ApiCall[JsonObject]:
    """GET /v1/users/{user}/presence."""
    return ApiCall(
        method="GET",
        path=(_V1 / "users" / user_id(user) / "presence").text,
        repeatable=True,
        read=lambda response: json_object(response, what="a presence"),
    )


def revoke(user: UserId | None, jti: str | None) -> ApiCall[JsonObject]:
    """POST /v1/revocations."""
    if (user is None) == (jti is None):
        raise ValueError("revoke takes either a user or a jti")
    return ApiCall(
        method="POST",
        path="/v1/revocations",
        body={"jti": jti} if user is None else {"user": user_id(user)},
        repeatable=True,  # twice is once, and a little later
        read=lambda response: json_object(response, what="the answer to a revocation"),
    )


def inbox(
    status: str | None, type: str | None, topic: str | None, limit: int | None, user: UserId | None
) -> PagedCall[Notification]:
    """GET /v1/inbox."""
    return _listing("/v1/inbox", _some(status=status, type=type, topic=topic, limit=limit), user)


def counters(user: UserId | None) -> ApiCall[Counters]:
    """GET /v1/inbox/counters."""
    return ApiCall(
        method="GET",
        path="/v1/inbox/counters",
        personal=True,
        user=user,
        repeatable=True,
        read=lambda response: cast(Counters, json_object(response, what="the counters")),
    )


def mark(
    action: str, user: UserId | None, *, up_to: str | None = None, ids: Sequence[str] | None = None
) -> ApiCall[JsonObject]:
    """POST /v1/inbox/{action}."""
    if (up_to is None) == (ids is None):
        raise ValueError("a mark takes either up_to or ids")
    return ApiCall(
        method="POST",
        path=(_V1 / "inbox" / action).text,
        body={"ids": _several(ids)} if ids is not None else {"up_to": up_to},
        personal=True,
        user=user,
        repeatable=True,  # a mark is a maximum or a set of ids: twice is once
        read=_object_or_empty,
    )


def mutes(user: UserId | None) -> ApiCall[list[str]]:
    """GET /v1/preferences."""
    return ApiCall(method="GET", path="/v1/preferences", personal=True, user=user, repeatable=True, read=_mutes)


def set_mutes(mutes: Sequence[str], user: UserId | None) -> ApiCall[list[str]]:
    """PUT /v1/preferences."""
    return ApiCall(
        method="PUT",
        path="/v1/preferences",
        body={"mutes": _several(mutes)},
        personal=True,
        user=user,
        repeatable=True,
        read=_mutes,
    )


def change_mute(method: str, mute: str, user: UserId | None) -> ApiCall[list[str]]:
    """PUT or DELETE /v1/preferences/mutes/{mute}."""
    return ApiCall(
        method=method,
        path=(_V1 / "preferences" / "mutes" / mute).text,
        personal=True,
        user=user,
        repeatable=True,
        read=_mutes,
    )


def ticket(user: UserId | None) -> ApiCall[JsonObject]:
    """POST /v1/tickets."""
    return ApiCall(
        method="POST",
        path="/v1/tickets",
        personal=True,
        user=user,
        read=lambda response: json_object(response, what="a ticket"),
    )


def _several(names: Sequence[str]) -> list[str]:
    if isinstance(names, str):
        raise TypeError(f"a list of them, not one: {names!r}")
    return list(names)


def _listing(path: str, params: Params, user: UserId | None) -> PagedCall[Any]:
    call = ApiCall(method="GET", path=path, params=params, personal=True, user=user, repeatable=True, read=_page)
    return PagedCall(first=call)


def _some(**params: object) -> Params:
    return tuple((name, str(value)) for name, value in params.items() if value is not None)


def _page(response: Response) -> Page[Any]:
    page = json_object(response, what="a page")
    return Page(
        data=_list(page, "data"),
        next=page.get("next"),
        cursor=page.get("cursor"),
        counters=page.get("counters"),
    )


def _mutes(response: Response) -> list[str]:
    return _list(json_object(response, what="the preferences"), "mutes")


def _results(response: Response) -> list[Published]:
    return _list(json_object(response, what="the answer to a batch"), "results")


def _list(value: JsonObject, name: str) -> list[Any]:
    if not isinstance(value.get(name), list):
        raise NotTidings(f"the answer has no list of {name}")
    return cast(list[Any], value[name])


def _object_or_empty(response: Response) -> JsonObject:
    checked(response, what="the answer")
    return json_object(response, what="the answer") if response.body else {}
