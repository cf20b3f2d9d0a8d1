"""Scripts of the receiving plane: what a person has read, seen and archived, and the counters of it.

A person's state is two watermarks (read, seen) and a few exceptions (overrides). An override counts only at the
`sort_seq` it was made at: an item that moved is unread again.
"""

from __future__ import annotations  # else those of the scripts are made anew with each job

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from tidings.domain.cursor import Cursor
from tidings.domain.errors import InvalidCursor
from tidings.domain.model import Counters
from tidings.domain.notification import parse_notification_id, rfc3339
from tidings.domain.results import CountersAt, Marked
from tidings.domain.topics import ALL, Topic, User, own_topic
from tidings.store.transactions.transaction import (
    Ask,
    Job,
    Planned,
    Query,
    Read,
    Script,
    Snapshot,
    Transaction,
    json_text,
    one,
)

WATERMARK_STEPS = 16  # of each watermark are kept with their times; older readings share the oldest one's time
MUTED_LOOK = 1000  # rows beyond the cap that are looked at for a user with mutes: about a microsecond and a half each
COUNT_FROM_LOG = 200  # events after a watermark: up to so many, only the topics they name are counted in

T = TypeVar("T")
IDS_PER_EVENT = 500  # notifications marked: about 15 KB

_encode = msgspec.json.Encoder().encode


class TypeCount(msgspec.Struct, frozen=True):
    """What the query `counts` found of one type."""

    unread: int
    unseen: int
    number: int  # of the items that were looked at


NOTHING = TypeCount(0, 0, 0)

_types = msgspec.json.Decoder(dict[str, TypeCount]).decode
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


class AskedItems(NamedTuple):
    """Items of a user's feed that are asked for, each by one of its ids."""

    user_id: User
    own: Topic
    item_ids: tuple[int | None, ...]
    public_ids: tuple[str, ...]


class Counted(NamedTuple):
    """A user whose counters are asked for."""

    user_id: User
    first_seen_seq: int
    read_seq: int
    seen_seq: int


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


def count(user: User, *, cap: int, me: UserState | None = None) -> Script[Counters]:
    """The counters of one user, whose row (as it is now) may be known."""
    if me is None:
        me = (yield from user_state(user)) or UNKNOWN_USER
    counted = yield from count_all([Counted(user, me.first_seen_seq, me.read_seq, me.seen_seq)], cap=cap)
    return counted[user]


def count_all(users: Sequence[Counted], *, cap: int) -> Script[dict[User, Counters]]:
    """The counters of users, from the index alone. Any row with the columns of `Counted` will do."""
    counted = yield from _counts(users, what=_BOTH, cap=cap)
    # Where the cap cut one count short because of the other, that one is counted by itself.
    full = [user for user in users if counted[user.user_id].looked_at > cap]
    short = [user for user in full if sum(counted[user.user_id].unread.values()) <= cap]
    unread = (yield from _counts(short, what=_UNREAD, cap=cap)) if short else {}
    short = [user for user in full if counted[user.user_id].unseen <= cap]
    unseen = (yield from _counts(short, what=_UNSEEN, cap=cap)) if short else {}
    return {
        user: Counters.capped(
            cap,
            by_type=unread.get(user, both).unread,
            unseen=unseen.get(user, both).unseen,
            cut=any(found[user].muted_cut for found in (counted, unread, unseen) if user in found),
        )
        for user, both in counted.items()
    }


_UNREAD, _UNSEEN, _BOTH = 1, 2, 3


class AskedCount(NamedTuple):
    """A user of whom the query `counts` counts; their topics are those that the last `events` name, if that will do."""

    user_id: User
    own: Topic
    first_seen_seq: int
    read_seq: int
    seen_seq: int
    after: int
    what: int
    events: int


class _Count(NamedTuple):
    unread: dict[str, int]  # by type
    unseen: int
    looked_at: int  # that is not muted
    muted_cut: bool  # so much is muted that not all was looked at


def _counts(users: Sequence[Counted], *, what: int, cap: int) -> Script[dict[User, _Count]]:
    """The counts of each user, exact where no more than the cap were looked at."""
    asked = []
    for user, first_seen_seq, read_seq, seen_seq in users:
        after = {_UNREAD: read_seq, _UNSEEN: seen_seq}.get(what, min(read_seq, seen_seq))
        asked.append(
            AskedCount(
                user_id=user,
                own=own_topic(user),
                first_seen_seq=first_seen_seq,
                read_seq=read_seq,
                seen_seq=seen_seq,
                after=after,
                what=what,
                events=COUNT_FROM_LOG,
            )
        )
    found = {}
    for row in (yield Ask("counts", tuple(asked))):
        types = _types(row.by_type)
        muted = types.pop("", NOTHING).number
        looked_at = sum([counted.number for counted in types.values()])
        found[row.user_id] = _Count(
            unread={type: counted.unread for type, counted in types.items() if counted.unread},
            unseen=sum([counted.unseen for counted in types.values()]),
            looked_at=looked_at,
            muted_cut=muted > 0 and looked_at + muted >= cap + MUTED_LOOK,
        )
    return found


def read_up_to(user: User, cursor: Cursor, *, verb: str) -> Job[Marked]:
    """Move the `read` or `seen` watermark forward to a cursor. Reading is seeing. Raises `InvalidCursor`."""

    def script(transaction: Transaction) -> Script[Marked]:
        seq = transaction.lineage.position(cursor)
        if seq is None or seq > transaction.head:
            raise InvalidCursor(f"{cursor} is not a cursor of this log")
        me = yield from known_user(transaction, user)
        moved = seq > (me.read_seq if verb == "read" else me.seen_seq)
        if moved:
            read_seq, read_steps = me.read_seq, me.read_steps
            if verb == "read":
                read_seq, read_steps = seq, _step(me.read_steps, seq, transaction.now)
            seen_seq, seen_steps = me.seen_seq, me.seen_steps
            if seq > seen_seq:
                seen_seq, seen_steps = seq, _step(me.seen_steps, seq, transaction.now)
            me = me._replace(read_seq=read_seq, seen_seq=seen_seq)
            transaction.write(
                "move_watermarks", user_id=user, read_seq=read_seq, seen_seq=seen_seq,
                read_steps=json_text(read_steps), seen_steps=json_text(seen_steps),
            )  # fmt: skip
            if me.has_overrides and verb == "read":
                transaction.write("drop_read_overrides", user_id=user, seq=seq)
                transaction.write("void_read_overrides", user_id=user, seq=seq)
            elif me.has_overrides:
                transaction.write("drop_seen_overrides", user_id=user, seq=seq)
                transaction.write("void_seen_overrides", user_id=user, seq=seq)
        told = {"up_to": transaction.cursor(seq)}
        return (yield from append_inbox_event(transaction, user, me, f"inbox.{verb}", told, changed=moved))

    return Planned(script, user=user)


def _step(steps: Sequence[tuple[int, int]], seq: int, now: int) -> list[tuple[int, int]]:
    """The watermarks that are kept with their times, once this one is there."""
    return [*steps, (seq, now)][-WATERMARK_STEPS:]


_SETS = {
    "read": {"read_at": "now", "seen_at": "now"},
    "unread": {"read_at": "not"},
    "seen": {"seen_at": "now"},
    "unseen": {"seen_at": "not"},
    "archive": {"archived_at": "now", "seen_at": "now"},
    "unarchive": {"archived_at": "not"},
}
_EVENTS = {"archive": "inbox.archived", "unarchive": "inbox.unarchived"}


def mark_ids(user: User, ids: Sequence[str], *, verb: str) -> Job[Marked]:
    """Mark items of the user's feed one by one; ids that are not in it are passed over. Raises `InvalidRequest`."""

    def script(transaction: Transaction) -> Script[Marked]:
        item_ids = tuple(transaction.lineage.item_id(*parse_notification_id(id)) for id in ids)
        me = yield from known_user(transaction, user)
        rows = yield Ask("feed_items", (AskedItems(user, own_topic(user), item_ids, tuple(ids)),))
        sets = {column: transaction.now if how == "now" else 0 for column, how in _SETS[verb].items()}
        before = {row.item_id: item_state(me, row, row) for row in rows}
        changed = [row for row in rows if _differs(before[row.item_id], verb)]
        for row in changed:
            values = {"read_at": None, "seen_at": None, "archived_at": None, **sets}
            if values["seen_at"] and before[row.item_id].seen:
                values["seen_at"] = None  # it was seen then, not now
            transaction.write("set_overrides", user_id=user, item_id=row.item_id, sort_seq=row.sort_seq, **values)
        marked = [row.public_id or transaction.lineage.public_id(row.item_id) for row in changed]
        event = _EVENTS.get(verb, f"inbox.{verb}")
        return (yield from append_inbox_event(transaction, user, me, event, {"ids": marked}, changed=bool(changed)))

    return Planned(script, user=user)


def _differs(item: ItemState, verb: str) -> bool:
    """Would this verb change the item?"""
    return {
        "read": not item.read,
        "unread": item.read,
        "seen": not item.seen,
        "unseen": item.seen,
        "archive": item.status != "ARCHIVED",
        "unarchive": item.status == "ARCHIVED",
    }[verb]


def append_inbox_event(
    transaction: Transaction, user: User, me: UserState, event: str, what: dict[str, Any], *, changed: bool
) -> Script[Marked]:
    """Append the event to the user's own topic, with fresh counters; nothing is appended where nothing changed."""
    counters = yield from count(user, cap=transaction.cap, me=me)
    ids = what.get("ids", ())
    # Several events where one would be larger than some clients read in one piece.
    parts = [{"ids": ids[start : start + IDS_PER_EVENT]} for start in range(0, len(ids), IDS_PER_EVENT)] or [what]
    seq = transaction.head + len(parts) if changed else transaction.head
    shown = CountersAt.of(counters, transaction.cursor(seq))
    if changed:
        for part in parts:
            transaction.append(own_topic(user), event, _encode({**part, "counters": shown}))
    return Marked(cursor=transaction.cursor(seq), counters=shown)
