"""Scripts of leases, for work that only one process may do at a time.

A process that is paused may outlive its lease without noticing. The guarded work is therefore done by a job that
looks at it in its own transaction (`guarded`).
"""

from __future__ import annotations  # else those of the scripts are made anew with each job

from typing import NamedTuple, TypeVar

from tidings.domain.errors import LeaseLost
from tidings.store.transactions.transaction import Job, Query, Script, Transaction, Write, one

T = TypeVar("T")


class Lease(NamedTuple):
    """A lease's name, and the process that holds it (a name that no other process has)."""

    name: str
    holder: str


def take_lease(lease: Lease, *, duration: int) -> Job[bool]:
    """Take or renew a lease for `duration` milliseconds. False: another process has it, and its time is not over."""

    def script(transaction: Transaction) -> Script[bool]:
        asked = {**lease._asdict(), "now": transaction.now, "expire_at": transaction.now + duration}
        return bool((yield Write("take_lease", asked)))

    return script


def renew_lease(lease: Lease, *, duration: int) -> Job[None]:
    """Renew a lease that nobody has taken since, even after its time. Raises `LeaseLost`, also if it was given up."""

    def script(transaction: Transaction) -> Script[None]:
        row = one((yield Query("lease", {"name": lease.name})))
        if row is None or row.holder != lease.holder:
            raise LeaseLost(f"{lease.name} is not held any more")
        yield from take_lease(lease, duration=duration)(transaction)

    return script


def leased(job: Job[T], lease: Lease, *, duration: int) -> Job[T | None]:
    """Take or renew a lease and do a job, in one transaction; None if another process has the lease."""

    def script(transaction: Transaction) -> Script[T | None]:
        taken = yield from take_lease(lease, duration=duration)(transaction)
        return (yield from job(transaction)) if taken else None

    return script


def give_up_lease(lease: Lease) -> Job[None]:
    """Let another process have it at once."""

    def script(transaction: Transaction) -> Script[None]:
        yield from ()
        transaction.write("drop_leases", **lease._asdict())

    return script


def guarded(job: Job[T], lease: Lease) -> Job[T]:
    """Do a job only if the lease is still held in the transaction that does it. Raises `LeaseLost`."""

    def script(transaction: Transaction) -> Script[T]:
        row = one((yield Query("lease", {"name": lease.name})))
        if row is None or row.holder != lease.holder or row.expire_at <= transaction.now:
            raise LeaseLost(f"{lease.name} is done by another process now")
        return (yield from job(transaction))

    return script
