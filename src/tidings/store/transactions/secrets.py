"""The script of keys that an installation makes for itself, once, however many processes start together."""

from __future__ import annotations  # else those of the scripts are made anew with each job

from tidings.store.transactions.transaction import Job, Script, Transaction, Write


def keep_secret(name: str, candidate: str) -> Job[str]:
    """The secret of this name: the one that is kept, or else the candidate, which is kept from now on."""

    def script(transaction: Transaction) -> Script[str]:
        [row] = yield Write("keep_secret", {"name": name, "secret": candidate})
        return str(row.secret)

    return script
