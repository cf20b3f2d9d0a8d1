"""Retention, in steps so small that a publisher does not notice one."""

from __future__ import annotations  # else those of the scripts are made anew with each job

from typing import NamedTuple

from tidings.store.ledger.keys import KEEP
from tidings.store.ledger.ledger import Job, Ledger, Query, Script, one
from tidings.store.ledger.publish import remove


class Retention(NamedTuple):
    """How long things are kept."""

    log_age: int  # milliseconds; events
    log_rows: int
    inbox_age: int  # milliseconds; notifications


def prune(retention: Retention, *, step: int) -> Job[bool]:
    """Remove at most `step` events and `step` notifications that are past retention. True: there may be more."""

    def script(ledger: Ledger) -> Script[bool]:
        yield from ledger.flush()
        floor = (one((yield Query("floor"))) or (0,))[0]
        aged = one(
            (
                yield Query(
                    "aged_events", {"floor": floor, "upto": floor + step, "before": ledger.now - retention.log_age}
                )
            )
        )
        wanted = max((aged or (None,))[0] or floor, ledger.head - retention.log_rows)
        upto = min(wanted, floor + step, ledger.head)
        if upto > floor:
            yield Query("drop_events", {"upto": upto})
            yield Query("move_floor", {"floor": upto})
        aged_items = yield Query("aged_items", {"before": ledger.now - retention.inbox_age, "limit": step})
        dropped = yield from remove(ledger, aged_items, reason="expired")
        yield Query("drop_keys", {"before": ledger.now - KEEP})
        return upto == floor + step or dropped == step

    return script
