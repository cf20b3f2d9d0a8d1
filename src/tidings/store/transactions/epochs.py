"""Scripts of the log's identity: the epochs it has had, and how it gets a new one."""

from __future__ import annotations  # else those of the scripts are made anew with each job

from tidings.domain.lineage import Epoch, Lineage
from tidings.store.transactions.transaction import Job, Rows, Script, Transaction


def lineage(rows: Rows) -> Lineage:
    """The identity of a log whose epochs are these rows."""
    return Lineage([Epoch(row.name, row.forked_at) for row in rows])


def fork(name: str) -> Job[int]:
    """Go on under a new epoch from here; the seq of the fork.

    For a log of which something that came later may be lost: an older copy that was restored. Cursors up to here stay
    valid; one that lies beyond, in the part that was lost, is not taken for one of what comes now. `name` is one that
    no other log has.
    """

    def script(transaction: Transaction) -> Script[int]:
        yield from ()
        transaction.write("add_epochs", name=name, forked_at=transaction.head)
        transaction.write("move_epoch")
        transaction.lineage = Lineage([*transaction.lineage.epochs, Epoch(name, transaction.head)])
        return transaction.head

    return script
