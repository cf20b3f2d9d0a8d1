"""Retention, in steps so small that a publisher does not notice one."""

from __future__ import annotations  # else those of the scripts are made anew with each job

from typing import NamedTuple

from tidings.store.transactions.idempotency import KEEP
from tidings.store.transactions.publish import remove
from tidings.store.transactions.transaction import Job, Query, Script, Transaction


class Retention(NamedTuple):
    """How long things are kept."""

    log_age: int  # milliseconds; events
    log_rows: int
    inbox_age: int  # milliseconds; notifications


def prune(retention: Retention, *, step: int) -> Job[bool]:
    """Remove at most `step` events and `step` notifications that are past retention. True: there may be more."""

    def script(transaction: Transaction) -> Script[bool]:
        floor = transaction.floor
        before = transaction.now - retention.log_age
        [aged] = yield Query("aged_events", {"floor": floor, "upto": floor + step, "before": before})
        wanted = max(aged.seq or floor, transaction.head - retention.log_rows)
        upto = min(wanted, floor + step, transaction.head)
        if upto > floor:
            transaction.write("drop_events", upto=upto)
            transaction.write("move_floor", floor=upto)
            transaction.floor = upto
        aged_items = yield Query("aged_items", {"before": transaction.now - retention.inbox_age, "limit": step})
        dropped = remove(transaction, aged_items, reason="expired")
        transaction.write("drop_expired_leases", now=transaction.now)
        transaction.write("drop_keys", before=transaction.now - KEEP)
        return upto == floor + step or dropped == step

    return script
