"""Retention, in steps so small that a publisher does not notice one."""

from __future__ import annotations  # else those of the scripts are made anew with each job

from typing import NamedTuple

from tidings.store.transactions.idempotency import KEEP
from tidings.store.transactions.publish import remove
from tidings.store.transactions.transaction import Job, Query, Script, Transaction, one


class Retention(NamedTuple):
    """How long things are kept."""

    log_age: int  # milliseconds; events
    log_rows: int
    inbox_age: int  # milliseconds; notifications


def prune(retention: Retention, *, step: int) -> Job[bool]:
    """Remove at most `step` events and `step` notifications that are past retention. True: there may be more."""

    def script(transaction: Transaction) -> Script[bool]:
        yield from transaction.flush()
        floor = (one((yield Query("floor"))) or (0,))[0]
        aged = one(
            (
                yield Query(
                    "aged_events", {"floor": floor, "upto": floor + step, "before": transaction.now - retention.log_age}
                )
            )
        )
        wanted = max((aged or (None,))[0] or floor, transaction.head - retention.log_rows)
        upto = min(wanted, floor + step, transaction.head)
        if upto > floor:
            yield Query("drop_events", {"upto": upto})
            yield Query("move_floor", {"floor": upto})
        aged_items = yield Query("aged_items", {"before": transaction.now - retention.inbox_age, "limit": step})
        dropped = yield from remove(transaction, aged_items, reason="expired")
        yield Query("drop_keys", {"before": transaction.now - KEEP})
        return upto == floor + step or dropped == step

    return script
