"""Retention, in steps so small that a publisher does not notice one."""

from __future__ import annotations  # else those of the scripts are made anew with each job

from typing import NamedTuple

from tidings.store.transactions.changes import remove
from tidings.store.transactions.idempotency import KEEP
from tidings.store.transactions.transaction import Job, Query, Read, Script, Snapshot, Transaction


class LogPart(NamedTuple):
    """A part of the log, (after, upto], and how much is in it."""

    after: int
    upto: int
    users: int  # events that users caused
    size: int  # bytes


class CountedLog(NamedTuple):
    """The log up to an event: how many of its events users caused, and up to where it is too much."""

    upto: int
    users: int
    beyond: int


class Retention(NamedTuple):
    """The limits of retention."""

    log_age: int  # milliseconds; events
    log_rows: int  # events that publishers sent; where nothing is counted, all events
    inbox_age: int  # milliseconds; notifications
    counted: CountedLog | None = None


def measure(*, after: int, step: int) -> Read[tuple[LogPart | None, int]]:
    """The next part of the log, of at most `step` events, and the floor; None if nothing came."""

    def script(snapshot: Snapshot) -> Script[tuple[LogPart | None, int]]:
        start = max(after, snapshot.floor)
        upto = min(start + step, snapshot.head)
        if upto <= start:
            return None, snapshot.floor
        [row] = yield Query("log_volume", {"after": start, "upto": upto})
        return LogPart(start, upto, row.users or 0, row.size or 0), snapshot.floor

    return script


def prunable(retention: Retention, *, step: int) -> Read[bool]:
    """True if anything is past retention: asked in a snapshot, so that the writer is not asked for nothing."""

    def script(snapshot: Snapshot) -> Script[bool]:
        if (yield from _events_to(snapshot, retention, step=step)) > snapshot.floor:
            return True
        if (yield Query("aged_items", {"before": snapshot.now - retention.inbox_age, "limit": 1})):
            return True
        return bool((yield Query("aged_keys", {"before": snapshot.now - KEEP})))

    return script


def prune(retention: Retention, *, step: int) -> Job[bool]:
    """Remove at most `step` events, notifications and keys each that are past retention. True: there may be more."""

    def script(transaction: Transaction) -> Script[bool]:
        floor = transaction.floor
        through = yield from _events_to(transaction, retention, step=step)
        aged_items = yield Query("aged_items", {"before": transaction.now - retention.inbox_age, "limit": step})
        if through > floor:
            transaction.write("drop_events", through=through)
            transaction.write("move_floor", floor=through)
            transaction.floor = through
        transaction.write("drop_expired_leases", now=transaction.now)
        transaction.write("drop_keys", before=transaction.now - KEEP, limit=step)
        removed = remove(transaction, aged_items, reason="expired")
        return through - floor == step or removed == step

    return script


def _events_to(snapshot: Snapshot, retention: Retention, *, step: int) -> Script[int]:
    """The last event that one step removes; the floor if there is none."""
    floor = snapshot.floor
    asked = {"floor": floor, "through": floor + step, "before": snapshot.now - retention.log_age}
    [aged] = yield Query("aged_events", asked)
    [slowest] = yield Query("slowest_log_reader")
    too_many = snapshot.head - retention.log_rows
    if retention.counted is not None:
        # A user could else push out what others are yet to get, by following and leaving.
        upto, users, beyond = retention.counted
        too_many = max(upto - users - retention.log_rows, beyond)
    if slowest.seq is not None:
        too_many = min(too_many, slowest.seq)  # but events past the age go, read or not
    wanted = max(aged.seq or floor, too_many)
    return max(floor, min(wanted, floor + step, snapshot.head))
