"""Scripts of the receiving plane: what a person has read, seen and archived, and the counters of it.

A person's state is two watermarks (read, seen) and a few exceptions (marks). A mark counts only for the
place it was made at: an item that moved is unread again.
"""

from __future__ import annotations  # else those of the scripts are made anew with each job

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from tidings.domain.cursor import Cursor
from tidings.domain.errors import InvalidRequest
from tidings.domain.model import Counters
from tidings.domain.notification import notification_id, parse_notification_id, rfc3339
from tidings.domain.results import CountersAt, Marked
from tidings.domain.topics import ALL, User, own_topic
from tidings.store.transactions.transaction import Job, Query, Script, Transaction, json_text, one

STEPS = 16  # of each watermark are kept with their times; older readings share the oldest one's time

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode
_types = msgspec.json.Decoder(dict[str, tuple[int, int, int]]).decode
_steps = msgspec.json.Decoder(list[tuple[int, int]]).decode


class Person(NamedTuple):
    """A user's row."""

    arrival: int  # head when they first came: earlier announcements are not unread to them
    read: int
    seen: int
    read_steps: list[tuple[int, int]]  # (watermark, milliseconds), oldest first
    seen_steps: list[tuple[int, int]]


UNKNOWN_USER = Person(1 << 62, 0, 0, [], [])  # has yet to come: no announcement of so far will be new to them


class ItemState(NamedTuple):
    """One item as one person has it."""

    status: str
    read: bool
    seen: bool
    read_time: str | None
    seen_time: str | None


def person(user: User) -> Script[Person | None]:
    """The row of a user who came before."""
    row = one((yield Query("person", {"user": user})))
    return None if row is None else Person(row[0], row[1], row[2], _steps(row[3]), _steps(row[4]))


def ensure_users(transaction: Transaction, *users: User) -> Script[None]:
    """Remember those who never came before, from here on."""
    yield Query("arrive", {"users": json_text(users), "seq": transaction.head})


def if_user_exists(user: User, script: Script[T]) -> Script[T | None]:
    """What the script returns; None for a user who never came."""
    return None if (yield from person(user)) is None else (yield from script)


def item_states(user: User, items: Sequence[tuple[int, str, int]]) -> Script[dict[int, ItemState]]:
    """How a person has these items, given as (nid, topic, place)."""
    me = (yield from person(user)) or UNKNOWN_USER
    rows = yield Query("marks_of", {"user": user, "nids": json_text([nid for nid, _, _ in items])})
    marks = {nid: row for nid, *row in rows}
    found = {}
    for nid, topic, place in items:
        mark = marks.get(nid)
        read, seen, archived = mark[1:] if mark and mark[0] == place else (None, None, None)
        came = me.arrival if topic == ALL else 0
        read_at = _when(read, place, max(me.read, came), me.read_steps)
        seen_at = _when(seen, place, max(me.seen, came), me.seen_steps)
        status = "ARCHIVED" if archived else "UNREAD" if read_at is None else "READ"
        found[nid] = ItemState(status, read_at is not None, seen_at is not None, _time(read_at), _time(seen_at))
    return found


def _when(mark: int | None, place: int, watermark: int, steps: Iterable[tuple[int, int]]) -> int | None:
    """When it was read (or seen): milliseconds, 0 if the time is not known, None if it was not."""
    if mark is not None:
        return mark or None
    if place > watermark:
        return None
    return next((at for step, at in steps if step >= place), 0)


def _time(at: int | None) -> str | None:
    return rfc3339(at) if at else None


def count(user: User, *, cap: int) -> Script[Counters]:
    """The counters of one person."""
    me = (yield from person(user)) or UNKNOWN_USER
    counted = yield from count_all([(user, me.arrival, me.read, me.seen)], cap=cap)
    return counted[user]


def count_all(people: Sequence[tuple[User, int, int, int]], *, cap: int) -> Script[dict[User, Counters]]:
    """The counters of people given as (user, arrival, read, seen), from the index alone."""
    counted = yield from _counts(people, what=_BOTH, cap=cap)
    # Where the cap cut one count short because of the other, that one is counted by itself.
    full = [person for person in people if counted[person[0]].looked_at > cap]
    short = [person for person in full if sum(counted[person[0]].unread.values()) <= cap]
    unread = (yield from _counts(short, what=_UNREAD, cap=cap)) if short else {}
    short = [person for person in full if counted[person[0]].unseen <= cap]
    unseen = (yield from _counts(short, what=_UNSEEN, cap=cap)) if short else {}
    return {
        user: Counters.upto(cap, by_type=unread.get(user, both).unread, unseen=unseen.get(user, both).unseen)
        for user, both in counted.items()
    }


_UNREAD, _UNSEEN, _BOTH = 1, 2, 3


class _Count(NamedTuple):
    unread: dict[str, int]  # by type
    unseen: int
    looked_at: int


def _counts(people: Sequence[tuple[User, int, int, int]], *, what: int, cap: int) -> Script[dict[User, _Count]]:
    """Everyone's, exact where no more than the cap were looked at."""
    who = [
        (user, own_topic(user), arrival, read, seen, {_UNREAD: read, _UNSEEN: seen}.get(what, min(read, seen)), what)
        for user, arrival, read, seen in people
    ]
    found = {}
    for user, text in (yield Query("counts", {"who": json_text(who), "limit": cap + 1})):
        types = _types(text)
        found[user] = _Count(
            unread={type: unread for type, (unread, _, _) in types.items() if unread},
            unseen=sum(unseen for _, unseen, _ in types.values()),
            looked_at=sum(number for _, _, number in types.values()),
        )
    return found


def read_up_to(user: User, cursor: Cursor, *, verb: str) -> Job[Marked]:
    """Move the `read` or `seen` watermark forward to a cursor. Reading is seeing. Raises `InvalidRequest`."""

    def script(transaction: Transaction) -> Script[Marked]:
        yield from transaction.flush()
        if cursor.epoch != transaction.epoch or cursor.seq > transaction.head:
            raise InvalidRequest(f"{cursor} is not a place in this log")
        yield from ensure_users(transaction, user)
        me = yield from person(user)
        assert me is not None
        moved = cursor.seq > (me.read if verb == "read" else me.seen)
        if moved:
            place = {"user": user, "seq": cursor.seq}
            if verb == "read":
                yield Query("move_read", {**place, "steps": _step(me.read_steps, cursor.seq, transaction.now)})
                yield Query("drop_read_marks", place)
                yield Query("void_read_marks", place)
            else:
                yield Query("drop_seen_marks", place)
                yield Query("void_seen_marks", place)
            yield Query("move_seen", {**place, "steps": _step(me.seen_steps, cursor.seq, transaction.now)})
        return (
            yield from append_inbox_event(transaction, user, f"inbox.{verb}", {"up_to": str(cursor)}, changed=moved)
        )

    return script


def _step(steps: Sequence[tuple[int, int]], seq: int, now: int) -> str:
    """The watermarks that are kept with their times, once this one is there."""
    return json_text([*steps, (seq, now)][-STEPS:])


_SETS = {
    "read": {"read": "now", "seen": "now"},
    "unread": {"read": "not"},
    "seen": {"seen": "now"},
    "unseen": {"seen": "not"},
    "archive": {"archived": "now", "seen": "now"},
    "unarchive": {"archived": "not"},
}
_EVENTS = {"archive": "inbox.archived", "unarchive": "inbox.unarchived"}


def mark_ids(user: User, ids: Sequence[str], *, verb: str) -> Job[Marked]:
    """Mark items of the user's feed one by one; ids that are not in it are passed over. Raises `InvalidRequest`."""

    def script(transaction: Transaction) -> Script[Marked]:
        yield from transaction.flush()
        origins = [origin for id in ids if (origin := parse_notification_id(id, epoch=transaction.epoch)) is not None]
        yield from ensure_users(transaction, user)
        rows = yield Query("mine", {"user": user, "own": own_topic(user), "origins": json_text(origins)})
        sets = {field: transaction.now if how == "now" else 0 for field, how in _SETS[verb].items()}
        before = yield from item_states(user, [(nid, topic, place) for nid, _, topic, place in rows])
        changed = [row for row in rows if _differs(before[row[0]], verb)]
        for nid, _, _, place in changed:
            values = {"read": None, "seen": None, "archived": None, **sets}
            if values["seen"] and before[nid].seen:
                values["seen"] = None  # it was seen then, not now
            yield Query("mark", {"user": user, "nid": nid, "place": place, **values})
        marked = [notification_id(transaction.epoch, origin) for _, origin, _, _ in changed]
        event = _EVENTS.get(verb, f"inbox.{verb}")
        return (yield from append_inbox_event(transaction, user, event, {"ids": marked}, changed=bool(changed)))

    return script


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
    transaction: Transaction, user: User, event: str, what: dict[str, Any], *, changed: bool
) -> Script[Marked]:
    """Append the event to the user's own topic, with fresh counters; nothing is appended where nothing changed."""
    counters = yield from count(user, cap=transaction.cap)
    seq = transaction.head + 1 if changed else transaction.head
    shown = CountersAt.of(counters, transaction.cursor(seq))
    if changed:
        transaction.append(own_topic(user), event, _encode({**what, "counters": shown}))
    return Marked(cursor=transaction.cursor(seq), counters=shown)
