"""Idempotency keys: the first answer is kept in the transaction that earned it."""

from __future__ import annotations  # else those of the scripts are made anew with each job

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from tidings.domain.errors import KeyReused
from tidings.store.transactions.transaction import Ask, Job, Script, Transaction, like, one

KEEP = 24 * 3600 * 1000  # milliseconds

T = TypeVar("T")


class StoredAnswer(NamedTuple):
    """A finished response."""

    status: int
    body: bytes
    replayed: bool = False


class KeptAnswer(NamedTuple):
    """A row of the look-up `keys`."""

    fingerprint: str
    status: int
    body: str


class AskedKey(NamedTuple):
    """A key that is looked up, if it is not older than `keep` (milliseconds)."""

    scope: str
    key: str
    keep: int = KEEP


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

    if key is None:

        def answered(transaction: Transaction) -> Script[StoredAnswer]:
            return StoredAnswer(status, render((yield from job(transaction))))

        return like(job, answered)

    lookup = Ask("keys", (AskedKey(key.scope, key.key),))

    def once(transaction: Transaction) -> Script[StoredAnswer]:
        row = one((yield from transaction.look_up(lookup)))
        if row is not None:
            if row.fingerprint != key.fingerprint:
                raise KeyReused("this Idempotency-Key was used with another request")
            return StoredAnswer(row.status, row.body.encode(), replayed=True)
        answer = StoredAnswer(status, render((yield from job(transaction))))
        kept = KeptAnswer(key.fingerprint, status, answer.body.decode())
        transaction.write("keep_keys", **key._asdict(), status=status, body=kept.body, time=transaction.now)
        transaction.learn(lookup, [kept])
        return answer

    return like(job, once, lookup)
