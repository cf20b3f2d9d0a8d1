"""Scripts of revocations: credentials that are refused before their time is over, on every process.

Each is kept until the tokens it is about have expired by themselves, and is an event of the topic `REVOKED` as well,
by which a running process learns of it at once. No client can follow the topic or publish to it.
"""

from __future__ import annotations  # else those of the scripts are made anew with each job

from typing import NamedTuple

import msgspec

from tidings.domain.topics import Topic, User
from tidings.store.transactions.transaction import Job, Query, Read, Script, Snapshot, Transaction

REVOKED = Topic("/revoked")
REVOKED_TYPE = "credentials.revoked"

_encode = msgspec.json.Encoder().encode


class KnownRevocation(NamedTuple):
    """Either a user's credentials issued before a second (as in `iat`), or the token with one `jti`."""

    seq: int  # of the event that told of it
    user: User | None
    issued_before: int | None
    jti: str | None


def revoke_user(user: User, *, issued_before: int, keep: int) -> Job[int]:
    """Refuse this user's credentials that were issued before a moment (in seconds); the seq of the event.

    A second revocation of the same user only moves the moment forward. `keep`: milliseconds until the last of these
    credentials has expired by itself.
    """

    def script(transaction: Transaction) -> Script[int]:
        yield from ()
        transaction.write("drop_expired_revocations", now=transaction.now)
        seq = transaction.append(REVOKED, REVOKED_TYPE, _encode({"user": user, "issued_before": issued_before}))
        expire_at = transaction.now + keep
        transaction.write("revoke_users", seq=seq, user_id=user, issued_before=issued_before, expire_at=expire_at)
        return seq

    return script


def revoke_token(jti: str, *, keep: int) -> Job[int]:
    """Refuse one token; the seq of the event. `keep`: milliseconds until it has expired by itself."""

    def script(transaction: Transaction) -> Script[int]:
        yield from ()
        transaction.write("drop_expired_revocations", now=transaction.now)
        seq = transaction.append(REVOKED, REVOKED_TYPE, _encode({"jti": jti}))
        transaction.write("revoke_tokens", seq=seq, jti=jti, expire_at=transaction.now + keep)
        return seq

    return script


def revocations(*, after: int) -> Read[list[KnownRevocation]]:
    """Those in force that were made after an event (0: all), oldest first."""

    def script(snapshot: Snapshot) -> Script[list[KnownRevocation]]:
        rows = yield Query("revocations", {"after": after, "now": snapshot.now})
        return [KnownRevocation(row.seq, row.user_id, row.issued_before, row.jti) for row in rows]

    return script
