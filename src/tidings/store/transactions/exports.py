"""Scripts of exports: one at a time for a user and a few a day, of the items that there were when it began."""

from __future__ import annotations  # else those of the scripts are made anew with each job

from collections.abc import Sequence

from tidings.domain.errors import ExportRunning, NotFound, TooManyExports
from tidings.domain.model import Draft
from tidings.domain.notification import Notification
from tidings.domain.topics import User, own_topic
from tidings.store.transactions.changes import retract, update
from tidings.store.transactions.inbox import decode_item, shown
from tidings.store.transactions.leases import Lease, give_up_lease, guarded, take_lease
from tidings.store.transactions.publish import publish
from tidings.store.transactions.reading_states import item_states
from tidings.store.transactions.transaction import (
    Job,
    Query,
    Read,
    Script,
    Snapshot,
    Transaction,
    json_text,
    one,
    split_tags,
)

A_DAY = 20  # exports of one user
DAY_MS = 24 * 3600 * 1000  # milliseconds


def export_lease(user: User, id: str) -> Lease:
    """The lease of the process that makes a user's export."""
    return Lease(f"export/{user}", id)


def begin_export(user: User, id: str, *, duration: int) -> Job[None]:
    """Take a user's lease for `duration` milliseconds. Raises `ExportRunning`, `TooManyExports`."""

    def script(transaction: Transaction) -> Script[None]:
        if not (yield from take_lease(export_lease(user, id), duration=duration)(transaction)):
            raise ExportRunning(f"an export of {user} is being made; wait for it, or stop it")
        for slot in range(A_DAY):
            if (yield from take_lease(Lease(f"export/{user}/{slot}", id), duration=DAY_MS)(transaction)):
                return
        raise TooManyExports(f"there were {A_DAY} exports of {user} within a day").after(DAY_MS // 1000 // A_DAY)

    return script


def tell_progress(user: User, id: str, *, notification: str, progress: float) -> Job[None]:
    """Show in a notification how far an export is, from 0 to 1. Raises `LeaseLost`, `NotFound`."""

    def script(transaction: Transaction) -> Script[None]:
        yield from update(notification, {"progress": progress})(transaction)

    return guarded(script, export_lease(user, id))


def finish_export(user: User, id: str, done: Draft, *, notification: str) -> Job[None]:
    """Publish `done` in place of the progress, and give the lease up. Raises `LeaseLost`, `NotFound`."""
    lease = export_lease(user, id)

    def script(transaction: Transaction) -> Script[None]:
        yield from retract(notification)(transaction)
        yield from publish([done], group_window=0)(transaction)
        yield from give_up_lease(lease)(transaction)

    return guarded(script, lease)


def cancel_export(user: User, id: str) -> Job[None]:
    """Take the lease from the process that makes an export; it stops when it would renew it. Raises `NotFound`."""
    lease = export_lease(user, id)

    def script(transaction: Transaction) -> Script[None]:
        row = one((yield Query("lease", {"name": lease.name})))
        if row is None or row.holder != lease.holder or row.expire_at <= transaction.now:
            raise NotFound(f"no export {id!r} is being made for {user}")
        yield from give_up_lease(lease)(transaction)

    return script


def exported_ids(user: User, *, after: int, before: int) -> Read[list[int]]:
    """The items of a user's feed that stand in (after, before), newest first.

    Ids do not move, whatever happens to the items meanwhile.
    """

    def script(snapshot: Snapshot) -> Script[list[int]]:
        asked = {"user_id": user, "own": own_topic(user), "after": after, "before": before}
        return [row.item_id for row in (yield Query("exported_ids", asked))]

    return script


def exported_items(user: User, item_ids: Sequence[int]) -> Read[list[Notification]]:
    """Those of the items that are still there and not muted, in the order of the ids."""

    def script(snapshot: Snapshot) -> Script[list[Notification]]:
        mutes = frozenset(row.tag for row in (yield Query("mutes", {"user_id": user})))
        rows = yield Query("items_by_id", {"item_ids": json_text(item_ids)})
        states = yield from item_states(user, rows)
        found = {
            row.item_id: shown(decode_item(row.content), states[row.item_id])
            for row in rows
            if mutes.isdisjoint(split_tags(row.tags))
        }
        return [found[id] for id in item_ids if id in found]

    return script
