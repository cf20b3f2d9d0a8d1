"""Scripts of the follow graph and of preferences. Each change is an event on the user's own topic."""

from __future__ import annotations  # else those of the scripts are made anew with each job

from collections.abc import Callable, Collection, Sequence

import msgspec

from tidings.domain.errors import TooLarge
from tidings.domain.model import FOLLOWED, NO_TAGS, PREFERENCES, UNFOLLOWED, Feed
from tidings.domain.notification import ENVELOPE, EVENT_MAX, MUTES_MAX
from tidings.domain.results import CountersAt, MutesAt
from tidings.domain.topics import Topic, User, own_topic
from tidings.store.transactions.counters import count, count_all
from tidings.store.transactions.reading_states import ensure_users
from tidings.store.transactions.transaction import Job, Planned, Query, Read, Script, Snapshot, Transaction, json_text

_encode = msgspec.json.Encoder().encode


def follow(pairs: Sequence[tuple[User, Topic]]) -> Job[int]:
    """Follow from now on; how many of the pairs are new. (Nothing is there yet that could be counted.)"""

    def script(transaction: Transaction) -> Script[int]:
        asked = list(dict.fromkeys(pairs))
        old = {(row.user_id, row.topic) for row in (yield Query("existing_follows", {"pairs": _pairs(asked)}))}
        for user, topic in asked:
            if (user, topic) not in old:
                since = transaction.append(own_topic(user), FOLLOWED, _encode({"topic": topic}))
                transaction.write("add_follows", user_id=user, topic=topic, since=since)
        return len(asked) - len(old)

    return script


def unfollow(pairs: Sequence[tuple[User, Topic]]) -> Job[int]:
    """Follow no more; how many of the pairs there were."""

    def script(transaction: Transaction) -> Script[int]:
        asked = list(dict.fromkeys(pairs))
        old = yield Query("existing_follows", {"pairs": _pairs(asked)})
        for row in old:
            transaction.write("drop_follows", user_id=row.user_id, topic=row.topic)
            counters = yield from count(row.user_id, cap=transaction.cap)
            shown = CountersAt.of(counters, transaction.cursor(transaction.head + 1))
            data = _encode({"topic": row.topic, "counters": shown})
            transaction.append(own_topic(row.user_id), UNFOLLOWED, data)
        return len(old)

    return script


def _pairs(pairs: Sequence[tuple[User, Topic]]) -> str:
    return json_text([{"user_id": user, "topic": topic} for user, topic in pairs])


def set_mutes(user: User, mutes: Collection[str]) -> Job[MutesAt]:
    """Mute exactly these tags; the tags as they are now. Raises `TooLarge` if they are too many or too long."""
    return _change_mutes(user, lambda old: set(mutes))


def mute(user: User, tag: str) -> Job[MutesAt]:
    """Mute one tag more; the tags as they are now. Raises `TooLarge` as `set_mutes` does."""
    return _change_mutes(user, lambda old: old | {tag})


def unmute(user: User, tag: str) -> Job[MutesAt]:
    """Mute one tag no more; the tags as they are now."""
    return _change_mutes(user, lambda old: old - {tag})


def _change_mutes(user: User, change: Callable[[set[str]], set[str]]) -> Job[MutesAt]:
    def script(transaction: Transaction) -> Script[MutesAt]:
        old = {row.tag for row in (yield Query("mutes", {"user_id": user}))}
        wanted = change(old)
        if len(wanted) > MUTES_MAX:
            raise TooLarge(f"one person may have {MUTES_MAX} mutes")
        shown = sorted(wanted)
        if wanted != old:
            transaction.write("drop_mutes", user_id=user)
            for tag in shown:
                transaction.write("add_mutes", user_id=user, tag=tag)
            counted = yield from count(user, cap=transaction.cap)
            counters = CountersAt.of(counted, transaction.cursor(transaction.head + 1))
            data = _encode({"mutes": shown, "counters": counters})
            if len(data) + ENVELOPE > EVENT_MAX and wanted - old:
                raise TooLarge(f"as an event these mutes would have {len(data)} bytes; it may have {EVENT_MAX}")
            transaction.append(own_topic(user), PREFERENCES, data)
        return MutesAt(mutes=shown, cursor=transaction.cursor(transaction.head))

    return Planned(script, user=user)


def register_users(users: Sequence[User]) -> Job[list[Feed | None]]:
    """Insert the unknown ones of these users; return the feed of each."""

    def script(transaction: Transaction) -> Script[list[Feed | None]]:
        ensure_users(transaction, *users)
        return (yield from feeds(users)(transaction))

    return script


def feeds(users: Sequence[User]) -> Read[list[Feed | None]]:
    """The feed of each user; None for an unknown user. As many statements for a hundred users as for one."""
    return lambda snapshot: _feeds(snapshot, users)


def _feeds(snapshot: Snapshot, users: Sequence[User]) -> Script[list[Feed | None]]:
    asked = {"user_ids": json_text(users)}
    known = yield Query("users_of", asked)
    if not known:
        return [None] * len(users)
    follows: dict[User, list[Topic]] = {}
    for row in (yield Query("follows_of", asked)):
        follows.setdefault(row.user_id, []).append(row.topic)
    mutes: dict[User, set[str]] = {}
    for row in (yield Query("mutes_of", asked)):
        mutes.setdefault(row.user_id, set()).add(row.tag)
    counters = yield from count_all(known, cap=snapshot.cap)
    found = {
        user: Feed(
            user=user,
            head=snapshot.head,
            floor=snapshot.floor,
            follows=tuple(follows.get(user, ())),
            mutes=frozenset(mutes[user]) if user in mutes else NO_TAGS,  # an empty one of one's own takes 216 bytes
            counters=counters[user],
        )
        for user in counters
    }
    return [found.get(user) for user in users]


def followers(topic: Topic, *, after: str, limit: int) -> Read[list[str]]:
    """The users who follow a topic, in the order of their ids."""

    def script(_: Snapshot) -> Script[list[str]]:
        rows = yield Query("followers", {"topic": topic, "after": after, "limit": limit})
        return [row.user_id for row in rows]

    return script


def followed(user: User) -> Read[list[tuple[str, int]]]:
    """The topics that a user follows, each with its since."""

    def script(_: Snapshot) -> Script[list[tuple[str, int]]]:
        return [(row.topic, row.since) for row in (yield Query("follows", {"user_id": user}))]

    return script


def muted(user: User) -> Read[list[str]]:
    """The tags that a user mutes."""

    def script(_: Snapshot) -> Script[list[str]]:
        return sorted(row.tag for row in (yield Query("mutes", {"user_id": user})))

    return script
