"""Scripts that erase what is kept of a user, in steps that a publisher does not notice.

An event of the log keeps its seq, or the log would have a hole (law 2): it loses its topic, type and data. Deleted
rows are overwritten in the file, not only marked as free.
"""

from __future__ import annotations  # else those of the scripts are made anew with each job

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from tidings.domain.topics import Topic, User, own_topic
from tidings.store.transactions.transaction import Job, Query, Read, Script, Snapshot, Transaction, Write

FORGOTTEN = Topic("/forgotten")  # no client can follow or publish to it
FORGOTTEN_TYPE = "user.forgotten"

_encode = msgspec.json.Encoder().encode


class Contributions(NamedTuple):
    """Groups with a user among their actors; and the last item that was looked at, None after the last of all."""

    groups: frozenset[str]
    through: int | None


def contributions(user: User, *, after: int, step: int) -> Read[Contributions]:
    """The groups with this user as an actor, among the next `step` items after one."""

    def script(_: Snapshot) -> Script[Contributions]:
        # An actor's id is kept as JSON: a text, or a number that reads as the user's id.
        asked = {"after": after, "limit": step, "text": _encode(user).decode(), "number": user}
        rows = yield Query("items_with_actor", asked)
        groups = frozenset(row.group_key for row in rows if row.found)
        return Contributions(groups, rows[-1].item_id if len(rows) == step else None)

    return script


def erase(user: User, *, step: int) -> Job[Mapping[str, int]]:
    """Erase at most `step` rows of what is kept of a user; how many of each kind. Fewer than `step`: that was all."""

    def script(transaction: Transaction) -> Script[Mapping[str, int]]:
        topic, whose = {"topic": own_topic(user)}, {"user_id": user}
        yield Write("overwrite_deleted")
        erased, left = dict[str, int](), step
        for kind, query in (
            ("notifications", Write("erase_items", topic)),
            ("events", Write("erase_events", topic)),
            ("states", Write("erase_overrides", whose)),
            ("follows", Write("erase_follows", whose)),
            ("mutes", Write("erase_mutes", whose)),
            ("tickets", Write("erase_tickets", whose)),
            ("answers", Write("erase_answers", {"scope": f"user/{user}"})),
            ("exports", Write("erase_leases", {"name": f"export/{user}"})),
            ("user", Write("erase_user", whose)),
        ):
            rows = yield query._replace(params={**query.params, "limit": left})
            erased[kind] = len(rows)
            left -= len(rows)
        yield Write("leave_deleted")
        return erased

    return script


def tell_forgotten(user: User) -> Job[int]:
    """Tell every process to drop its copies and to end the user's streams; the seq of the event."""

    def script(transaction: Transaction) -> Script[int]:
        yield from ()
        return transaction.append(FORGOTTEN, FORGOTTEN_TYPE, _encode({"user": user}))

    return script


def kept_of(user: User) -> Read[dict[str, list[dict[str, Any]]]]:
    """Everything that is kept of a user but what reached it by topics that others share."""

    def script(_: Snapshot) -> Script[dict[str, list[dict[str, Any]]]]:
        topic, whose = own_topic(user), {"user_id": user}
        kinds = {
            "user": (yield Query("users_of", {"user_ids": _encode([user]).decode()})),
            "events": (yield Query("log_rows_of", {"topic": topic})),
            "states": (yield Query("states_of", whose)),
            "follows": (yield Query("follows", whose)),
            "mutes": (yield Query("mutes", whose)),
            "tickets": (yield Query("tickets_of", whose)),
            "answers": (yield Query("answers_of", {"scope": f"user/{user}"})),
            "notifications": (yield Query("items_of", {"topic": topic})),
        }
        return {kind: [row._asdict() for row in rows] for kind, rows in kinds.items()}

    return script
