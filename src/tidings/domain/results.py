"""The results of the verbs: the same values from a script of the store up to the JSON of an answer."""

from collections.abc import Mapping, Sequence
from typing import Self

import msgspec
from msgspec import UNSET, UnsetType

from tidings.domain.model import Counters
from tidings.domain.notification import Notification, Time

# The types that counters list, so that no event grows with the types there are.
TYPES = 100
TYPES_BYTES = 8 * 1024  # of JSON
_TYPE_BYTES = 6 * 64  # of one, with its number, at the most: it has 64 characters

_encode = msgspec.json.Encoder().encode


class CountersAt(msgspec.Struct, frozen=True, kw_only=True):
    """Counters of a person, true at `cursor`. Exact up to a cap; `more` says that it was reached."""

    unread: int
    unseen: int
    by_type: Mapping[str, int]  # of what is unread; with `other` sums to that
    other: int | UnsetType = UNSET  # of types that are not listed; absent for none
    more: bool
    cursor: str

    @classmethod
    def of(cls, counters: Counters, cursor: str) -> Self:
        """Counters as they were when the log stood at a cursor."""
        by_type, other = counters.by_type, 0
        if len(by_type) > TYPES_BYTES // _TYPE_BYTES:
            listed = _most(by_type)
            by_type = {type: number for type, number in by_type.items() if type in listed}
            other = sum(counters.by_type.values()) - sum(by_type.values())
        return cls(
            unread=counters.unread,
            unseen=counters.unseen,
            by_type=by_type,
            other=other or UNSET,
            more=counters.more,
            cursor=cursor,
        )


def _most(by_type: Mapping[str, int]) -> set[str]:
    """The types that have most, as far as they are listed."""
    listed, room = set(), TYPES_BYTES
    for type in sorted(by_type, key=by_type.__getitem__, reverse=True)[:TYPES]:
        room -= len(_encode({type: by_type[type]}))
        if room < 0:
            break
        listed.add(type)
    return listed


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """A revocation that is stored."""

    cursor: str


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """How much was erased of a user, by kind."""

    notifications: int
    events: int  # of the log, whose places are kept
    states: int  # read, seen, archived
    follows: int
    mutes: int
    tickets: int
    answers: int  # kept for repeated requests
    groups: int  # items of others that named the user as one of several actors
    exports: int  # workbooks


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A notification that is stored."""

    id: str
    cursor: str
    create_time: Time
    live: int = 0  # connections that were open for it, of the process that took it


class PublishedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """The notifications of a batch that is stored, one result each, in order."""

    results: Sequence[Published]


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """The number of notifications that were retracted."""

    deleted: int


class Marked(msgspec.Struct, frozen=True, kw_only=True):
    """The log's position after a change of reading state, and the counters there."""

    cursor: str
    counters: CountersAt


class InboxListing(msgspec.Struct, frozen=True, kw_only=True):
    """A page of an inbox, newest first, true at `cursor`. A filtered one may be short and still have a `next`."""

    data: Sequence[Notification]
    next: str | None
    mutes: Sequence[str]
    cursor: str
    counters: CountersAt


class Follow(msgspec.Struct, frozen=True, kw_only=True):
    """A followed topic, and the cursor after which it is followed."""

    topic: str
    since: str


class FollowListing(msgspec.Struct, frozen=True, kw_only=True):
    """The topics that a person follows."""

    data: Sequence[Follow]
    next: str | None


class FollowerListing(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the users who follow a topic, in the order of their ids."""

    data: Sequence[str]
    next: str | None


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """The number of users that did not follow the topic before."""

    added: int


class Mutes(msgspec.Struct, frozen=True, kw_only=True):
    """The mutes of a user."""

    mutes: Sequence[str]


class MutesAt(msgspec.Struct, frozen=True, kw_only=True):
    """The mutes of a user after a change, and the log's position then."""

    mutes: Sequence[str]
    cursor: str


class Presence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The connections that a user has open, to all workers of the machine that answers."""

    user: str
    online: bool
    connections: int
    complete: bool = True  # False: a worker did not answer; absent otherwise


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket for one connection, good once and for `expires_in` seconds."""

    ticket: str
    expires_in: int
