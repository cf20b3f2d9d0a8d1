"""Scripts that read an inbox page by page."""

from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from tidings.domain.model import Counters
from tidings.domain.notification import Notification
from tidings.domain.topics import Topic, User, own_topic
from tidings.store.transactions.counters import count
from tidings.store.transactions.reading_states import UNKNOWN_USER, ItemState, item_states, user_state
from tidings.store.transactions.transaction import Query, Read, Script, Snapshot, one, split_tags

# Items looked at for one page: a filter that fits little gives a short page and a `next`, not a slow answer. Archived
# items, those of one topic, and unread ones of a user who reads "up to here" are found without looking at others.
SCAN = 2000
decode_item = msgspec.json.Decoder(Notification).decode


class Filter(NamedTuple):
    """A filter of feed items; None: any."""

    status: str | None = None
    type: str | None = None
    topic: Topic | None = None
    archived: bool = False  # without a status: archived items too


class InboxPage(NamedTuple):
    """Items by `sort_seq`, newest first; `next` is the one to go on before, None at the end; true at `head`."""

    items: list[Notification]
    next: int | None
    head: int
    counters: Counters
    mutes: frozenset[str]


def page(user: User, filter: Filter, *, before: int, limit: int) -> Read[InboxPage]:
    """One page."""
    return lambda snapshot: _page(snapshot, user, filter, before=before, limit=limit)


def _page(snapshot: Snapshot, user: User, filter: Filter, *, before: int, limit: int) -> Script[InboxPage]:
    mutes = frozenset(row.tag for row in (yield Query("mutes", {"user_id": user})))
    feed = {"user_id": user, "own": own_topic(user), "topic": filter.topic}
    archived = filter.status == "archived"
    floor = (yield from _all_read_up_to(user)) if filter.status == "unread" else 0
    items: list[Notification] = []
    scanned = 0
    more = True
    while more and len(items) < limit and scanned < SCAN:
        size = min(SCAN, limit + 1 if scanned == 0 else 4 * limit)
        place = {**feed, "before": before, "limit": size}
        rows = yield Query("archived_page", place) if archived else Query("inbox_page", place)
        more = len(rows) == size
        states = yield from item_states(user, rows)
        for row in rows:
            if row.sort_seq <= floor:
                more = False
                break
            if len(items) == limit:
                more = True
                break
            before = row.sort_seq
            scanned += 1
            state = states[row.item_id]
            if not mutes.isdisjoint(split_tags(row.tags)):
                continue
            if filter.status is not None and state.status != filter.status.upper():
                continue
            if filter.status is None and state.status == "ARCHIVED" and not filter.archived:
                continue
            if filter.type not in (None, row.type) or filter.topic not in (None, row.topic):
                continue
            items.append(shown(decode_item(row.content), state))
    counters = yield from count(user, cap=snapshot.cap)
    return InboxPage(items, before if more else None, snapshot.head, counters, mutes)


def _all_read_up_to(user: User) -> Script[int]:
    """A position up to which a user has nothing unread."""
    me = (yield from user_state(user)) or UNKNOWN_USER
    oldest = one((yield Query("oldest_unread", {"user_id": user})))
    return me.read_seq if oldest is None or oldest.sort_seq is None else min(me.read_seq, oldest.sort_seq - 1)


def shown(item: Notification, state: ItemState) -> Notification:
    """An item as its reader has it. An announcement from before they came counts as read when it was made."""
    return replace(
        item,
        status=state.status,
        read_time=state.read_time or (item.create_time if state.read else None),
        seen_time=state.seen_time or (item.create_time if state.seen else None),
        ring=False,
    )
