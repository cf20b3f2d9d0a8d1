"""Groups: several notifications of one `group_key` as one item, and what each actor contributed to it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta
from msgspec.structs import replace

ACTORS = 3  # newest actors that a group shows
SPARE = 20  # newest contributors whose actor objects are kept, to be shown when a newer one is taken back
CONTRIBUTORS_MAX = 200  # newest contributors that are told apart; one that returns after so many others counts twice
ACTOR_BYTES = 1000  # of JSON; of a larger actor a group keeps its id and name

_ACTOR_ID = "^[^\x00\ufffd]*$"  # if it is text
Actor = Annotated[
    dict[str, Any],
    Meta(extra_json_schema={"properties": {"id": {"pattern": _ACTOR_ID}, "name": {"type": "string"}}}),
]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Several notifications of one `group_key`, merged into one item."""

    key: str
    count: int  # notifications
    total: int = 0  # different actors
    actors: tuple[Actor, ...] = ()  # the newest of them first, at most ACTORS


class Contributor(msgspec.Struct, frozen=True, array_like=True):
    """An actor of a group, and how many of its notifications are theirs."""

    id: str  # as `actor_id` gives it
    count: int
    actor: Actor | None = None  # None: it is one of the older ones


def actor_id(actor: Mapping[str, Any]) -> str:
    """Identity for counting distinct actors: `actor.id`, or the whole actor object if it has none."""
    id = actor.get("id")
    return str(msgspec.json.encode(actor if id is None else id, order="deterministic"), "utf-8")


def merged_group(
    group: Group, actor: Mapping[str, Any] | None, known: Sequence[Contributor]
) -> tuple[Group, list[Contributor]]:
    """A group with one notification more, and its contributors, newest first."""
    if not actor:
        return replace(group, count=group.count + 1), list(known)
    id = actor_id(actor)
    earlier = sum(one.count for one in known if one.id == id)
    others = [one for one in known if one.id != id]
    contributors = _kept([Contributor(id, earlier + 1, _short(actor)), *others])
    total = group.total + (not earlier)
    return replace(group, count=group.count + 1, total=total, actors=_shown(contributors)), contributors


class TakenBack(NamedTuple):
    """A group without one of its contributors."""

    group: Group
    contributors: list[Contributor]
    taken: Contributor


def take_back(group: Group, known: Sequence[Contributor], actor: str) -> TakenBack | None:
    """Take back all that one actor contributed; None if that is nothing. `actor` is an `actor.id` as text."""
    ids = {str(msgspec.json.encode(actor), "utf-8"), actor}  # a text, or a number
    taken = next((one for one in known if one.id in ids), None)
    if taken is None:
        return None
    left = [one for one in known if one is not taken]
    smaller = replace(group, count=group.count - taken.count, total=group.total - 1, actors=_shown(left))
    return TakenBack(smaller, left, taken)


def renamed(title: str | None, *, taken: Mapping[str, Any] | None, newest: Mapping[str, Any] | None) -> str | None:
    """A title that begins with the name of an actor that is taken back begins with the newest one's instead."""
    old, new = (actor.get("name") if actor else None for actor in (taken, newest))
    if title is None or not isinstance(old, str) or not isinstance(new, str) or not old or not title.startswith(old):
        return title
    return new + title[len(old) :]


def _kept(contributors: list[Contributor]) -> list[Contributor]:
    older = [replace(one, actor=None) if one.actor else one for one in contributors[SPARE:CONTRIBUTORS_MAX]]
    return contributors[:SPARE] + older


def _shown(contributors: Sequence[Contributor]) -> tuple[Actor, ...]:
    return tuple(one.actor for one in contributors[:ACTORS] if one.actor is not None)


def _short(actor: Mapping[str, Any]) -> Actor:
    if len(msgspec.json.encode(actor)) <= ACTOR_BYTES:
        return dict(actor)
    return {name: actor[name] for name in ("id", "name") if isinstance(actor.get(name), str | int)}
