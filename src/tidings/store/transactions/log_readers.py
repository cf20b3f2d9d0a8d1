"""Scripts of named readers: workers that read the whole log by a durable cursor (outbox, webhooks, Web Push, e-mail).

Rule 1. At least once: a reader takes a batch, acts on it, and says how far it is done; what it did not say, it gets
        again, on whichever process runs it next.
Rule 2. One process at a time: a batch is given to the holder of the reader's lease, and only it moves the cursor.
Rule 3. Retention by number waits for the slowest reader, retention by age for none: what a reader has missed then is
        said with its next batch.
"""

from __future__ import annotations  # else those of the scripts are made anew with each job

from collections.abc import Sequence
from typing import NamedTuple

from tidings.domain.model import Event
from tidings.store.transactions.leases import Lease, guarded, take_lease
from tidings.store.transactions.transaction import Job, Query, Script, Transaction, event_of, one


class ReaderBatch(NamedTuple):
    """Events in order, without holes but for those that retention took before them."""

    events: Sequence[Event]
    missed: int  # events before the first, which the reader never got


def lease_of(reader: str, *, holder: str) -> Lease:
    """The lease of a reader for a process (a name that no other process has)."""
    return Lease(f"log-reader/{reader}", holder)


def add_reader(reader: str) -> Job[int]:
    """Let a reader begin at the log's head, unless it has begun before; the seq up to which it is done."""

    def script(transaction: Transaction) -> Script[int]:
        transaction.write("add_log_readers", name=reader, seq=transaction.head)
        [row] = yield Query("log_reader", {"name": reader})
        return int(row.seq)

    return script


def remove_reader(reader: str) -> Job[None]:
    """Forget a reader: retention waits for it no more."""

    def script(transaction: Transaction) -> Script[None]:
        yield from ()
        transaction.write("drop_log_readers", name=reader)

    return script


def take_batch(reader: str, *, holder: str, limit: int, duration: int) -> Job[ReaderBatch | None]:
    """The events after those that are done, for the holder of the lease, which is taken or renewed for `duration` ms.

    None: another process has the lease, or there is no such reader.
    """

    def script(transaction: Transaction) -> Script[ReaderBatch | None]:
        row = one((yield Query("log_reader", {"name": reader})))
        if row is None or not (yield from take_lease(lease_of(reader, holder=holder), duration=duration)(transaction)):
            return None
        rows = yield Query("tail", {"after": row.seq, "limit": limit})
        return ReaderBatch([event_of(row) for row in rows], max(0, transaction.floor - row.seq))

    return script


def finish_batch(reader: str, *, holder: str, seq: int) -> Job[None]:
    """Say that everything up to an event is done. Never moves back. Raises `LeaseLost`."""

    def script(transaction: Transaction) -> Script[None]:
        yield from ()
        transaction.write("move_log_readers", name=reader, seq=seq)

    return guarded(script, lease_of(reader, holder=holder))
