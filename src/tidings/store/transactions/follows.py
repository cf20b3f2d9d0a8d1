"""Scripts of the follow graph and of preferences. Each change is an event on the user's own topic."""

from __future__ import annotations  # else those of the scripts are made anew with each job

from collections.abc import Callable, Collection, Sequence

import msgspec

from tidings.domain.errors import TooLarge
from tidings.domain.model import FOLLOWED, NO_TAGS, PREFERENCES, UNFOLLOWED, Feed
from tidings.domain.results import CountersAt, MutesAt
from tidings.domain.topics import Topic, User, own_topic
from tidings.store.transactions.reading import count, count_all, ensure_users
from tidings.store.transactions.transaction import Job, Query, Script, Transaction, json_text, one

MUTES = 1000  # that one person may have

_encode = msgspec.json.Encoder().encode


def follow(pairs: Sequence[tuple[User, Topic]]) -> Job[int]:
    """Follow from now on; how many of the pairs are new. (Nothing is there yet that could be counted.)"""

    def script(transaction: Transaction) -> Script[int]:
        yield from transaction.flush()
        asked = list(dict.fromkeys(pairs))
        old = {(user, topic) for user, topic in (yield Query("followed", {"pairs": json_text(asked)}))}
        fresh = [
            (user, topic, transaction.append(own_topic(user), FOLLOWED, _encode({"topic": topic})))
            for user, topic in asked
            if (user, topic) not in old
        ]
        if fresh:
            yield Query("follow", {"rows": json_text(fresh)})
        return len(fresh)

    return script


def unfollow(pairs: Sequence[tuple[User, Topic]]) -> Job[int]:
    """Follow no more; how many of the pairs there were."""

    def script(transaction: Transaction) -> Script[int]:
        yield from transaction.flush()
        gone = 0
        for user, topic in pairs:
            if (yield Query("unfollow", {"user": user, "topic": topic})):
                counters = yield from count(user, cap=transaction.cap)
                shown = CountersAt.of(counters, transaction.cursor(transaction.head + 1))
                transaction.append(own_topic(user), UNFOLLOWED, _encode({"topic": topic, "counters": shown}))
                gone += 1
        return gone

    return script


def set_mutes(user: User, mutes: Collection[str]) -> Job[MutesAt]:
    """Mute exactly these tags; the tags as they are now."""
    return _change_mutes(user, lambda old: set(mutes))


def mute(user: User, tag: str) -> Job[MutesAt]:
    """Mute one tag more; the tags as they are now. Raises `TooLarge` if there are too many."""
    return _change_mutes(user, lambda old: old | {tag})


def unmute(user: User, tag: str) -> Job[MutesAt]:
    """Mute one tag no more; the tags as they are now."""
    return _change_mutes(user, lambda old: old - {tag})


def _change_mutes(user: User, change: Callable[[set[str]], set[str]]) -> Job[MutesAt]:
    def script(transaction: Transaction) -> Script[MutesAt]:
        yield from transaction.flush()
        old = {tag for (tag,) in (yield Query("mutes", {"user": user}))}
        wanted = change(old)
        if len(wanted) > MUTES:
            raise TooLarge(f"one person may have {MUTES} mutes")
        shown = sorted(wanted)
        if wanted != old:
            yield Query("unmute", {"user": user})
            yield Query("mute", {"user": user, "tags": json_text(shown)})
            counted = yield from count(user, cap=transaction.cap)
            counters = CountersAt.of(counted, transaction.cursor(transaction.head + 1))
            transaction.append(own_topic(user), PREFERENCES, _encode({"mutes": shown, "counters": counters}))
        return MutesAt(mutes=shown, cursor=transaction.cursor(transaction.head))

    return script


def register_users(users: Sequence[User]) -> Job[list[Feed | None]]:
    """Remember those of the users who never came before, from now on; what each receives."""

    def script(transaction: Transaction) -> Script[list[Feed | None]]:
        yield from transaction.flush()
        yield from ensure_users(transaction, *users)
        floor = (one((yield Query("floor"))) or (0,))[0]
        return (yield from feeds(users, cap=transaction.cap, floor=floor, head=transaction.head))

    return script


def feeds(users: Sequence[User], *, cap: int, floor: int, head: int) -> Script[list[Feed | None]]:
    """What each user receives; None for one who never came. As many statements for a hundred users as for one."""
    asked = {"users": json_text(users)}
    people = yield Query("people_of", asked)
    if not people:
        return [None] * len(users)
    follows: dict[User, list[Topic]] = {}
    for user, topic in (yield Query("follows_of", asked)):
        follows.setdefault(user, []).append(topic)
    mutes: dict[User, set[str]] = {}
    for user, tag in (yield Query("mutes_of", asked)):
        mutes.setdefault(user, set()).add(tag)
    counters = yield from count_all(people, cap=cap)
    found = {
        user: Feed(
            user=user,
            head=head,
            floor=floor,
            follows=tuple(follows.get(user, ())),
            mutes=frozenset(mutes[user]) if user in mutes else NO_TAGS,  # an empty one of one's own takes 216 bytes
            counters=counters[user],
        )
        for user, *_ in people
    }
    return [found.get(user) for user in users]


def followers(topic: Topic, *, after: str, limit: int) -> Script[list[str]]:
    """Who follows a topic, in the order of their ids."""
    rows = yield Query("followers", {"topic": topic, "after": after, "limit": limit})
    return [user for (user,) in rows]


def followed(user: User) -> Script[list[tuple[str, int]]]:
    """What a user follows, each topic with its since."""
    return [(topic, since) for topic, since in (yield Query("follows", {"user": user}))]


def muted(user: User) -> Script[list[str]]:
    """What a user mutes."""
    return sorted(tag for (tag,) in (yield Query("mutes", {"user": user})))
