"""Scripts of API keys. Each change is an event of the topic `KEYS`, by which every process learns of it at once."""

from __future__ import annotations  # else those of the scripts are made anew with each job

from typing import NamedTuple

import msgspec

from tidings.domain.errors import InvalidRequest
from tidings.domain.topics import Topic
from tidings.store.transactions.transaction import Job, Query, Read, Script, Snapshot, Transaction, json_text

KEYS = Topic("/keys")
KEYS_CHANGED = "keys.changed"
SECRETS_PER_NAME = 2  # secrets of one name: the one in use, and the next


class StoredKey(NamedTuple):
    """One secret of a key, as a digest."""

    digest: str
    name: str
    grants: tuple[str, ...]
    created_at: int  # milliseconds since 1970


def create_key(name: str, digest: str, grants: tuple[str, ...]) -> Job[None]:
    """Keep a secret of a key. Raises `InvalidRequest` for a third."""

    def script(transaction: Transaction) -> Script[None]:
        rows = yield Query("api_keys_of", {"name": name})
        if len(rows) >= SECRETS_PER_NAME:
            raise InvalidRequest(f"{name!r} has {SECRETS_PER_NAME} secrets already: revoke one first")
        kept = {"digest": digest, "name": name, "grants": json_text(list(grants)), "created_at": transaction.now}
        transaction.write("add_api_keys", **kept)
        transaction.append(KEYS, KEYS_CHANGED, b"{}")

    return script


def revoke_keys(name: str, *, digest_prefix: str = "") -> Job[int]:
    """Refuse the secrets of a key from now on, or the one whose digest begins so; how many there were."""

    def script(transaction: Transaction) -> Script[int]:
        rows = yield Query("api_keys_of", {"name": name})
        gone = [row.digest for row in rows if row.digest.startswith(digest_prefix)]
        for digest in gone:
            transaction.write("drop_api_keys", digest=digest)
        if gone:
            transaction.append(KEYS, KEYS_CHANGED, b"{}")
        return len(gone)

    return script


def stored_keys() -> Read[list[StoredKey]]:
    """Every key, by name."""

    def script(snapshot: Snapshot) -> Script[list[StoredKey]]:
        rows = yield Query("api_keys")
        return [
            StoredKey(row.digest, row.name, tuple(msgspec.json.decode(row.grants, type=list[str])), row.created_at)
            for row in rows
        ]

    return script
