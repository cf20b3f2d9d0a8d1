"""Scripts that publish: an item of its own, or a merge into the open item of the group."""

from __future__ import annotations  # else those of the scripts are made anew with each job

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from tidings.domain.errors import AlreadyExpired, TooLarge
from tidings.domain.groups import Contributor, Group, merged_group
from tidings.domain.model import CREATED, UPDATED, Draft
from tidings.domain.notification import (
    ENVELOPE,
    EVENT_MAX,
    Notification,
    notification_id,
    rfc3339,
    tags,
)
from tidings.domain.results import Published
from tidings.domain.topics import Topic, User, owner
from tidings.store.transactions.transaction import (
    Ask,
    Job,
    Planned,
    Script,
    Transaction,
    json_text,
    one,
)

RING_EVERY = 1000  # milliseconds; a group that grows faster than this rings no more often

_encode = msgspec.json.Encoder().encode
decode_contributors = msgspec.json.Decoder(list[Contributor]).decode
decode_notification = msgspec.json.Decoder(Notification).decode


def publish(drafts: Sequence[Draft], *, group_window: int, limit: int = EVENT_MAX) -> Job[list[Published]]:
    """Append notifications, each an event of at most `limit` bytes. `group_window` in milliseconds.

    Raises `AlreadyExpired`, `TooLarge`.
    """

    def script(transaction: Transaction) -> Script[list[Published]]:
        now = rfc3339(transaction.now)
        for index, draft in enumerate(drafts):
            if draft.expire_at is not None and draft.expire_at <= transaction.now:
                item = f"item {index}: " if len(drafts) > 1 else ""
                raise AlreadyExpired(
                    f"{item}expire_time {rfc3339(draft.expire_at)} is not after {now}, which is now here"
                )
        published = []
        for draft in drafts:
            created, id = 0, ""
            for topic in draft.topics:
                lookup = _open_group(draft, topic, window=group_window)
                if lookup is not None:
                    group = one((yield from transaction.look_up(lookup)))
                    if group is not None and group.unread:
                        merged = _merge(transaction, draft, topic, group, limit=limit)
                        transaction.learn(lookup, [merged])
                        id = id or merged.item.id
                        continue
                # Never the id of an older item: some of its recipients may have that one, too.
                created = created or transaction.head + 1
                new = _create(transaction, draft, topic, first=created, now=now, limit=limit)
                if lookup is not None:
                    transaction.learn(lookup, [new])
            published.append(
                Published(
                    id=notification_id(transaction.lineage.epoch, created) if created else id,
                    cursor=transaction.cursor(transaction.head),
                    create_time=now,
                )
            )
        return published

    asked = [
        _open_group(draft, topic, window=group_window)
        for draft in drafts
        if draft.group_key is not None
        for topic in draft.topics
    ]
    return Planned(script, lookups=tuple(lookup for lookup in asked if lookup is not None) if asked else ())


def _open_group(draft: Draft, topic: Topic, *, window: int) -> Ask | None:
    """The look-up of the item that this notification merges into; None if it belongs to no group."""
    if draft.group_key is None or window <= 0:
        return None
    return Ask("open_groups", (AskedGroup(topic, draft.group_key, window, owner(topic)),))


class AskedGroup(NamedTuple):
    """The group of a topic, whose item has not been open for longer than `window` (milliseconds)."""

    topic: Topic
    group_key: str
    window: int
    owner: User | None  # of the topic


class OpenGroup(NamedTuple):
    """A row of the look-up `open_groups`, brought up to date."""

    item_id: int
    last_rang_at: int
    item: Notification
    contributors: Sequence[Contributor]
    unread: bool = True


def _create(transaction: Transaction, draft: Draft, topic: Topic, *, first: int, now: str, limit: int) -> OpenGroup:
    """Append the notification to one topic. `first`: the item whose id all of its topics share."""
    item_id = transaction.head + 1
    content = draft.content
    group, contributors = (
        merged_group(Group(key=draft.group_key, count=0), content.get("actor"), ()) if draft.group_key else (None, [])
    )
    id = notification_id(transaction.lineage.epoch, first)
    item = Notification(
        id=id,
        cursor=transaction.cursor(item_id),
        topic=topic,
        group=group,
        create_time=now,
        status="UNREAD",
        expire_time=rfc3339(draft.expire_at) if draft.expire_at is not None else None,
        ring=True,
        **content,
    )
    transaction.append(topic, CREATED, fitting(item, limit=limit), item_tags(item))
    transaction.add_item(
        item_id,
        public_id=None if first == item_id else id,
        type=item.type,
        entity=item.entity,
        group_key=draft.group_key,
        expire_at=draft.expire_at,
        contributors=json_text(contributors) if contributors else "[]",
    )
    return OpenGroup(item_id, transaction.now, item, contributors)


def _merge(transaction: Transaction, draft: Draft, topic: Topic, row: Any, *, limit: int) -> OpenGroup:
    """Merge into the open item of this group, which moves to the top; the item as it is then."""
    old, known = (
        (row.item, row.contributors)
        if isinstance(row, OpenGroup)
        else (decode_notification(row.content), decode_contributors(row.contributors))
    )
    assert old.group is not None  # its key led here
    group, contributors = merged_group(old.group, draft.content.get("actor"), known)
    sort_seq = transaction.head + 1
    item = replace(
        old,
        **draft.content,
        cursor=transaction.cursor(sort_seq),
        group=group,
        update_time=rfc3339(transaction.now),
        expire_time=rfc3339(draft.expire_at) if draft.expire_at is not None else None,
        revision=old.revision + 1,
        status="UNREAD",
        read_time=None,
        seen_time=None,
        ring=transaction.now - row.last_rang_at >= RING_EVERY,
    )
    marked = item_tags(item)
    data = fitting(item, limit=limit)
    transaction.append(topic, UPDATED, data, marked, was=item_tags(old))
    last_rang_at = transaction.now if item.ring else row.last_rang_at
    transaction.write_last(
        "move_items", row.item_id, item_id=row.item_id, sort_seq=sort_seq, type=item.type, entity=item.entity,
        expire_at=draft.expire_at, tags=" ".join(marked), content=data.decode(), last_rang_at=last_rang_at,
        contributors=json_text(contributors),
    )  # fmt: skip
    return OpenGroup(row.item_id, last_rang_at, item, contributors)


def fitting(item: Notification, *, limit: int) -> bytes:
    """The data of an event of at most `limit` bytes, envelope included; a group shows as much of its actors as fits.

    Raises `TooLarge`.
    """
    data = _encode(item)
    if len(data) + ENVELOPE <= limit:
        return data
    if item.group is not None and item.group.actors:
        brief = [{name: actor[name] for name in ("id", "name") if name in actor} for actor in item.group.actors]
        for number in range(len(brief), -1, -1):
            shown = _encode(replace(item, group=replace(item.group, actors=tuple(brief[:number]))))
            if len(shown) + ENVELOPE <= limit:
                return shown
    raise TooLarge(
        f"as an event it would have {len(data) + ENVELOPE} bytes, its envelope included; it may have {limit}"
    )


def item_tags(item: Notification) -> frozenset[str]:
    """The tags by which the item may be muted."""
    return tags(item.topic, type=item.type, entity=item.entity, priority=item.priority)
