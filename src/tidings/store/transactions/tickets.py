"""Scripts of tickets: each is good once, on any process. Only a digest of a ticket reaches the database."""

from __future__ import annotations  # else those of the scripts are made anew with each job

import hashlib

from tidings.domain.topics import User
from tidings.store.transactions.transaction import Job, Script, Transaction, Write, one

PER_USER = 16  # tickets that may wait to be used; the oldest go first


def give_ticket(ticket: str, content: str, *, user: User | None, lifetime: int, per_user: int = PER_USER) -> Job[None]:
    """Keep a ticket, an unguessable text, with what it grants, until it is used or `lifetime` milliseconds have passed.

    `content` is the caller's own (JSON of a grant). Of one user (or of all callers without one) the newest `per_user`
    are kept. Forgets the tickets whose time is over.
    """

    def script(transaction: Transaction) -> Script[None]:
        yield from ()
        now = transaction.now
        transaction.write("drop_expired_tickets", now=now)
        kept = {"digest": _digest(ticket), "user_id": user or "", "content": content}
        transaction.write("add_tickets", **kept, given_at=now, expire_at=now + lifetime)
        transaction.write("drop_oldest_tickets", user_id=user or "", keep=per_user)

    return script


def use_ticket(ticket: str) -> Job[str | None]:
    """Take what a ticket grants, once. None: it was never given, or was used, or its time is over."""

    def script(transaction: Transaction) -> Script[str | None]:
        row = one((yield Write("take_ticket", {"digest": _digest(ticket)})))
        return None if row is None or row.expire_at <= transaction.now else str(row.content)

    return script


def _digest(ticket: str) -> str:
    return hashlib.blake2b(ticket.encode(), digest_size=16).hexdigest()
