"""Scripts that change what was published: update, retract, expire. An item keeps its place or goes."""

from __future__ import annotations  # else those of the scripts are made anew with each job

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from tidings.domain.errors import InvalidRequest, NotFound
from tidings.domain.groups import Contributor
from tidings.domain.model import DELETED, UPDATED
from tidings.domain.notification import (
    EVENT_MAX,
    Notification,
    parse_notification_id,
    rfc3339,
)
from tidings.domain.results import Published
from tidings.domain.topics import owner
from tidings.domain.visible_text import NOTHING_TO_SHOW, SHOWING, shows_something
from tidings.store.transactions.publish import decode_notification, fitting, item_tags
from tidings.store.transactions.reading_states import ItemAt, item_states
from tidings.store.transactions.transaction import (
    Job,
    Query,
    Rows,
    Script,
    Snapshot,
    Transaction,
    Write,
    json_text,
    split_tags,
)

_encode = msgspec.json.Encoder().encode


def update(
    id: str, changes: Mapping[str, Any], *, expire_at: int | None | UnsetType = UNSET, limit: int = EVENT_MAX
) -> Job[Published]:
    """Change content in place: no ring, the same `sort_seq`, the same reading.

    Its event has at most `limit` bytes. Raises `NotFound`, `TooLarge`, and `InvalidRequest` where nothing that a
    notification shows would be left.
    """

    def script(transaction: Transaction) -> Script[Published]:
        item_id = transaction.lineage.item_id(*parse_notification_id(id))
        rows = yield Query("items_to_update", {"item_id": item_id, "public_id": id})
        if not rows:
            raise NotFound(f"no notification {id!r}")
        now, create_time = rfc3339(transaction.now), ""
        for row in rows:
            old = decode_notification(row.content)
            create_time = old.create_time
            item = replace(old, **changes, update_time=now, revision=old.revision + 1, ring=False)
            if _is_blank(item) and not _is_blank(old):
                raise InvalidRequest(NOTHING_TO_SHOW)
            if expire_at is not UNSET:
                item = replace(item, expire_time=None if expire_at is None else rfc3339(expire_at))
            expires = row.expire_at if expire_at is UNSET else expire_at
            yield from change_item(transaction, row, old, item, expire_at=expires, limit=limit)
        return Published(id=id, cursor=transaction.cursor(transaction.head), create_time=create_time)

    return script


def change_item(
    transaction: Transaction,
    row: Any,
    old: Notification,
    item: Notification,
    *,
    expire_at: int | None,
    limit: int | None = None,
    contributors: Sequence[Contributor] | None = None,
) -> Script[None]:
    """Write an item that changes in place, and notify its users; without a `limit` it may only become smaller.

    `row` has its item_id and topic.
    """
    user = owner(row.topic)
    if user is None:
        sent = replace(item, status=UNSET, read_time=None, seen_time=None)
    else:
        states = yield from item_states(user, [ItemAt(row.item_id, row.topic, _sort_seq(old))])
        found = states[row.item_id]
        sent = replace(item, status=found.status, read_time=found.read_time, seen_time=found.seen_time)
    marked = item_tags(item)
    transaction.append(
        row.topic, UPDATED, _encode(sent) if limit is None else fitting(sent, limit=limit), marked, was=item_tags(old)
    )
    transaction.write(
        "change_items", item_id=row.item_id, type=item.type, entity=item.entity, tags=" ".join(marked),
        content=_encode(item).decode(), expire_at=expire_at,
        contributors=None if contributors is None else json_text(contributors),
    )  # fmt: skip


def retract(id: str) -> Job[int]:
    """Withdraw a notification from everyone. Raises `NotFound`."""

    def script(transaction: Transaction) -> Script[int]:
        item_id = transaction.lineage.item_id(*parse_notification_id(id))
        rows = yield Query("items_to_retract", {"item_id": item_id, "public_id": id})
        if not rows:
            raise NotFound(f"no notification {id!r}")
        return remove(transaction, rows, reason="retracted")

    return script


def due(snapshot: Snapshot) -> Script[bool]:
    """Is anything past its time?"""
    return bool((yield Query("items_to_expire", {"now": snapshot.now, "limit": 1})))


def expire(*, limit: int) -> Job[int]:
    """Remove what is past its time, in a small step; how many."""

    def script(transaction: Transaction) -> Script[int]:
        rows = yield Query("items_to_expire", {"now": transaction.now, "limit": limit})
        return remove(transaction, rows, reason="expired")

    return script


def remove(transaction: Transaction, rows: Rows, *, reason: str) -> int:
    """Withdraw items, given as rows with their item_id, public_id, topic and tags; how many.

    Of what users did to them a bounded number is dropped here, the rest by `drop_marks`.
    """
    for row in rows:
        id = row.public_id or transaction.lineage.public_id(row.item_id)
        data = _encode({"id": id, "reason": reason})
        transaction.append(row.topic, DELETED, data, split_tags(row.tags))
        transaction.write("drop_items", item_id=row.item_id)
        transaction.write("drop_overrides", item_id=row.item_id)
        transaction.write("add_gone_items", item_id=row.item_id)
    return len(rows)


def marked(_: Snapshot) -> Script[bool]:
    """Is anything left of what users did to items that are gone?"""
    return bool((yield Query("gone_items", {"limit": 1})))


def drop_marks(*, limit: int) -> Job[int]:
    """Drop what users did to items that are gone, in a small step; how many rows."""

    def script(transaction: Transaction) -> Script[int]:
        dropped = yield Write("drop_marks", {"limit": limit})
        yield Write("forget_gone_items", {"limit": limit})
        return len(dropped)

    return script


def _is_blank(item: Notification) -> bool:
    return not shows_something((name, getattr(item, name)) for name in SHOWING)


def _sort_seq(item: Notification) -> int:
    return int(item.cursor.rpartition("-")[2])
