"""Large writes in steps of a few rows each, so that a small one never waits for all of them (law 10).

Rule 1. A step is whole: each of its items with its event, the others untouched.
Rule 2. A write that is not done with its first step is kept, with its place, so that any process may go on.
Rule 3. It is about the items that were there when it began. An item that comes meanwhile is not meant.
"""

from __future__ import annotations  # else those of the scripts are made anew with each job

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from tidings.domain.groups import renamed, take_back
from tidings.domain.notification import rfc3339
from tidings.store.transactions.changes import change_item, remove
from tidings.store.transactions.idempotency import KEEP
from tidings.store.transactions.publish import decode_contributors, decode_notification
from tidings.store.transactions.transaction import (
    Job,
    Query,
    Rows,
    Script,
    Snapshot,
    Transaction,
    Write,
    json_text,
    one,
)

ABANDONED = 10_000  # milliseconds without a step after which another process may go on


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a write after a step."""

    number: int  # items so far
    write: int | None  # its name, to go on with; None: it is done


def retract_entity(entity: str, *, step: int) -> Job[Step]:
    """Withdraw everything about an entity, `step` items now."""
    return _begin("items_of_entity", {"entity": entity}, step=step)


def retract_contribution(group_key: str, actor: str, *, step: int) -> Job[Step]:
    """Take back what one actor contributed to the items of a group, from the first `step` items now.

    An item in which nothing is left is withdrawn. `actor` is an `actor.id` as text.
    """
    return _begin("items_of_group", {"group_key": group_key, "actor": actor}, step=step)


def go_on(write: int, *, step: int) -> Job[Step]:
    """Do the next `step` items of a write that was begun."""

    def script(transaction: Transaction) -> Script[Step]:
        row = one((yield Query("stepwise_write", {"id": write})))
        if row is None:  # it was done long ago
            return Step(number=0, write=None)
        if row.after >= row.upto:
            return Step(number=row.number, write=None)
        argument = msgspec.json.decode(row.argument)
        found, after = yield from _do(transaction, row.kind, argument, after=row.after, upto=row.upto, step=step)
        number = row.number + found
        transaction.write("move_stepwise_writes", id=write, after=after, number=number, stepped_at=transaction.now)
        return Step(number=number, write=write if after < row.upto else None)

    return script


def abandoned(snapshot: Snapshot) -> Script[int | None]:
    """A write that is not done, and of which nothing was done for a while: its process has ended. Or None."""
    row = one((yield Query("abandoned_stepwise_write", {"before": snapshot.now - ABANDONED})))
    return None if row is None else int(row.id)


def _begin(kind: str, argument: Mapping[str, str], *, step: int) -> Job[Step]:
    def script(transaction: Transaction) -> Script[Step]:
        upto = transaction.head
        number, after = yield from _do(transaction, kind, argument, after=0, upto=upto, step=step)
        if after >= upto:
            return Step(number=number, write=None)
        kept = {"kind": kind, "argument": json_text(argument), "after": after, "upto": upto, "number": number}
        transaction.write("drop_done_stepwise_writes", before=transaction.now - KEEP)
        [row] = yield Write("begin_stepwise_write", {**kept, "now": transaction.now})
        return Step(number=number, write=row.id)

    return script


def _do(
    transaction: Transaction, kind: str, argument: Mapping[str, str], *, after: int, upto: int, step: int
) -> Script[tuple[int, int]]:
    """Do one step; to how many items it was done, and the last item that was looked at (`upto` if that was all)."""
    place = {"after": after, "upto": upto, "limit": step}
    if kind == "items_of_entity":
        rows = yield Query("items_of_entity", {"entity": argument["entity"], **place})
    else:
        rows = yield Query("items_of_group", {"group_key": argument["group_key"], **place})
    through = rows[-1].item_id if len(rows) == step else upto
    number = yield from _PARTS[kind](transaction, rows, argument)
    return number, through


def _retract(transaction: Transaction, rows: Rows, _: Mapping[str, str]) -> Script[int]:
    yield from ()
    return remove(transaction, rows, reason="retracted")


def _take_back(transaction: Transaction, rows: Rows, argument: Mapping[str, str]) -> Script[int]:
    now, number, empty = rfc3339(transaction.now), 0, list[Any]()
    for row in rows:
        old = decode_notification(row.content)
        assert old.group is not None  # its key led here
        found = take_back(old.group, decode_contributors(row.contributors), argument["actor"])
        if found is None:
            continue
        number += 1
        if found.group.count == 0:
            empty.append(row)
            continue
        newest = found.group.actors[0] if found.group.actors else None
        item = replace(
            old,
            title=renamed(old.title, taken=found.taken.actor, newest=newest),
            actor=newest,
            group=found.group,
            update_time=now,
            revision=old.revision + 1,
            ring=False,
        )
        yield from change_item(transaction, row, old, item, expire_at=row.expire_at, contributors=found.contributors)
    remove(transaction, empty, reason="retracted")
    return number


_PARTS: Mapping[str, Callable[[Transaction, Rows, Mapping[str, str]], Script[int]]] = {
    "items_of_entity": _retract,
    "items_of_group": _take_back,
}
