"""Scripts that look up what a person has read, seen and archived.

A person's state is two watermarks (read, seen) and a few exceptions (overrides). An override counts only at the
`sort_seq` it was made at: an item that moved is unread again.
"""

from __future__ import annotations  # else those of the scripts are made anew with each job

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from tidings.domain.notification import rfc3339
from tidings.domain.topics import ALL, Topic, User
from tidings.store.transactions.transaction import Ask, Query, Read, Script, Snapshot, Transaction, json_text, one

T = TypeVar("T")

_steps = msgspec.json.Decoder(list[tuple[int, int]]).decode


class UserState(NamedTuple):
    """A row of the look-up `user_rows`."""

    first_seen_seq: int  # head when they first came: earlier announcements are not unread to them
    read_seq: int
    seen_seq: int
    read_steps: list[tuple[int, int]]  # (watermark, milliseconds), oldest first
    seen_steps: list[tuple[int, int]]
    has_overrides: bool  # that a watermark could make void


UNKNOWN_USER = UserState(1 << 62, 0, 0, [], [], False)  # has yet to come: no announcement of so far will be new to them


class ItemState(NamedTuple):
    """One item as one person has it."""

    status: str
    read: bool
    seen: bool
    read_time: str | None
    seen_time: str | None


class ItemAt(NamedTuple):
    """An item in its topic, and the seq that it stands at."""

    item_id: int
    topic: Topic
    sort_seq: int


class AskedUser(NamedTuple):
    """A user whose row is asked for."""

    user_id: User


def user_state(user: User) -> Script[UserState | None]:
    """The row of a known user; None for an unknown one."""
    row = one((yield Ask("user_rows", (AskedUser(user),))))
    if row is None:
        return None
    return UserState(
        row.first_seen_seq,
        row.read_seq,
        row.seen_seq,
        _steps(row.read_steps),
        _steps(row.seen_steps),
        bool(row.has_overrides),
    )


def known_user(transaction: Transaction, user: User) -> Script[UserState]:
    """The row of a user, which is created if there is none."""
    found = yield from user_state(user)
    if found is not None:
        return found
    ensure_users(transaction, user)
    return UserState(transaction.head, 0, 0, [], [], False)


def ensure_users(transaction: Transaction, *users: User) -> None:
    """Create the rows of the users that have none yet."""
    for user in users:
        transaction.write("add_users", user_id=user, seq=transaction.head)


def if_user_exists(user: User, read: Read[T]) -> Read[T | None]:
    """Run `read` for a known user; None for an unknown one."""

    def script(snapshot: Snapshot) -> Script[T | None]:
        return None if (yield from user_state(user)) is None else (yield from read(snapshot))

    return script


def item_states(user: User, items: Sequence[ItemAt]) -> Script[dict[int, ItemState]]:
    """The state of these items for a user, by `item_id`. Any row with the columns of `ItemAt` will do."""
    me = (yield from user_state(user)) or UNKNOWN_USER
    if not items:
        return {}
    item_ids = json_text([item.item_id for item in items])
    overrides = {row.item_id: row for row in (yield Query("overrides_of", {"user_id": user, "item_ids": item_ids}))}
    found = {}
    for item in items:
        override = overrides.get(item.item_id)
        if override is None or override.sort_seq != item.sort_seq:
            override = _NO_OVERRIDE
        found[item.item_id] = item_state(me, item, override)
    return found


def item_state(me: UserState, item: ItemAt, override: Any) -> ItemState:
    """An item for a user, whose override of it (if there is one where it stands) has `read_at` ... or None."""
    first_seen_seq = me.first_seen_seq if item.topic == ALL else 0
    read_at = _when(override.read_at, item.sort_seq, max(me.read_seq, first_seen_seq), me.read_steps)
    seen_at = _when(override.seen_at, item.sort_seq, max(me.seen_seq, first_seen_seq), me.seen_steps)
    status = "ARCHIVED" if override.archived_at else "UNREAD" if read_at is None else "READ"
    return ItemState(status, read_at is not None, seen_at is not None, _time(read_at), _time(seen_at))


class _Override(NamedTuple):
    read_at: int | None = None
    seen_at: int | None = None
    archived_at: int | None = None


_NO_OVERRIDE = _Override()


def _when(override: int | None, sort_seq: int, watermark: int, steps: Iterable[tuple[int, int]]) -> int | None:
    """The time of reading (or seeing): milliseconds, 0 if unknown, None if the item is unread."""
    if override is not None:
        return override or None
    if sort_seq > watermark:
        return None
    return next((at for step, at in steps if step >= sort_seq), 0)


def _time(at: int | None) -> str | None:
    return rfc3339(at) if at else None
