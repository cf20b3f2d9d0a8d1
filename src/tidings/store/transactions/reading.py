"""Scripts that mark notifications as read, seen or archived, and tell the user's other devices."""

from __future__ import annotations  # else those of the scripts are made anew with each job

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from tidings.domain.cursor import Cursor
from tidings.domain.errors import InvalidCursor
from tidings.domain.notification import parse_notification_id
from tidings.domain.results import CountersAt, Marked
from tidings.domain.topics import Topic, User, own_topic
from tidings.store.transactions.counters import count
from tidings.store.transactions.reading_states import ItemState, UserState, item_state, known_user
from tidings.store.transactions.transaction import (
    Ask,
    Job,
    Planned,
    Script,
    Transaction,
    json_text,
)

WATERMARK_STEPS = 16  # of each watermark are kept with their times; older readings share the oldest one's time

IDS_PER_EVENT = 500  # notifications marked: about 15 KB

_encode = msgspec.json.Encoder().encode


class AskedItems(NamedTuple):
    """Items of a user's feed that are asked for, each by one of its ids."""

    user_id: User
    own: Topic
    item_ids: tuple[int | None, ...]
    public_ids: tuple[str, ...]


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
