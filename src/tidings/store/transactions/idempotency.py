"""Idempotency keys: the first answer is kept in the transaction that earned it."""

from __future__ import annotations  # else those of the scripts are made anew with each job

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from tidings.domain.errors import KeyReused
from tidings.store.transactions.transaction import Job, Query, Script, Transaction, one

KEEP = 24 * 3600 * 1000  # milliseconds

T = TypeVar("T")


class StoredAnswer(NamedTuple):
    """A finished response."""

    status: int
    body: bytes
    replayed: bool = False


class IdempotencyKey(NamedTuple):
    """An Idempotency-Key, whose it is, and what was asked with it."""

    scope: str
    key: str
    fingerprint: str


def idempotent(
    job: Job[T], render: Callable[[T], bytes], *, status: int, key: IdempotencyKey | None
) -> Job[StoredAnswer]:
    """The job with its response. With a key that was seen: the first response, and nothing is done.

    Raises `KeyReused` if the key came with another request before.
    """

    def script(transaction: Transaction) -> Script[StoredAnswer]:
        if key is not None:
            row = one((yield Query("key", {"scope": key.scope, "key": key.key, "from": transaction.now - KEEP})))
            if row is not None:
                if row.fingerprint != key.fingerprint:
                    raise KeyReused("this Idempotency-Key was used with another request")
                return StoredAnswer(row.status, row.body.encode(), replayed=True)
        answer = StoredAnswer(status, render((yield from job(transaction))))
        if key is not None:
            kept = {"status": status, "body": answer.body.decode(), "time": transaction.now}
            transaction.write("keep_keys", **key._asdict(), **kept)
        return answer

    return script
