"""Scripts that read an inbox page by page."""

from typing import NamedTuple

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from tidings.domain.model import Counters
from tidings.domain.notification import Notification
from tidings.domain.topics import Topic, User, own_topic
from tidings.store.transactions.reading import ItemState, count, item_states
from tidings.store.transactions.transaction import Query, Script, split_tags

SCAN = (
    2000  # items looked at for one page: a filter that fits little gives a short page and a `next`, not a slow answer
)
_decode = msgspec.json.Decoder(Notification).decode


class Filter(NamedTuple):
    """Which items of the feed; None: any."""

    status: str | None = None
    type: str | None = None
    topic: Topic | None = None
    archived: bool = False  # without a status: archived items too


class InboxPage(NamedTuple):
    """Items by place, newest first; `next` is the place to go on before, None at the end; true at `head`."""

    items: list[Notification]
    next: int | None
    head: int
    counters: Counters
    mutes: frozenset[str]


def page(user: User, filter: Filter, *, before: int, limit: int, cap: int, head: int) -> Script[InboxPage]:
    """One page."""
    mutes = frozenset(tag for (tag,) in (yield Query("mutes", {"user": user})))
    items: list[Notification] = []
    scanned = 0
    more = True
    while more and len(items) < limit and scanned < SCAN:
        size = min(SCAN, limit + 1 if scanned == 0 else 4 * limit)
        rows = yield Query("inbox", {"user": user, "own": own_topic(user), "before": before, "limit": size})
        more = len(rows) == size
        state = yield from item_states(user, [(row[0], row[2], row[3]) for row in rows])
        for nid, _, topic, place, type, tags, content in rows:
            if len(items) == limit:
                more = True
                break
            before = place
            scanned += 1
            mine = state[nid]
            if not mutes.isdisjoint(split_tags(tags)):
                continue
            if filter.status is not None and mine.status != filter.status.upper():
                continue
            if filter.status is None and mine.status == "ARCHIVED" and not filter.archived:
                continue
            if (filter.type is None or filter.type == type) and (filter.topic is None or filter.topic == topic):
                items.append(_shown(_decode(content), mine))
    counters = yield from count(user, cap=cap)
    return InboxPage(items, before if more else None, head, counters, mutes)


def _shown(item: Notification, mine: ItemState) -> Notification:
    """An item as its reader has it. An announcement from before they came counts as read when it was made."""
    return replace(
        item,
        status=mine.status,
        read_time=mine.read_time or (item.create_time if mine.read else None),
        seen_time=mine.seen_time or (item.create_time if mine.seen else None),
        ring=UNSET,
    )
