"""Scripts that count what is unread and unseen, for the badge."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from tidings.domain.model import Counters
from tidings.domain.topics import Topic, User, own_topic
from tidings.store.transactions.reading_states import UNKNOWN_USER, UserState, user_state
from tidings.store.transactions.transaction import Ask, Script

MUTED_LOOK = 1000  # rows beyond the cap that are looked at for a user with mutes: about a microsecond and a half each
COUNT_FROM_LOG = 200  # events after a watermark: up to so many, only the topics they name are counted in


class TypeCount(msgspec.Struct, frozen=True):
    """The numbers of one type, as the query `counts` finds them."""

    unread: int
    unseen: int
    number: int  # of the items that were looked at


NOTHING = TypeCount(0, 0, 0)

_types = msgspec.json.Decoder(dict[str, TypeCount]).decode


class Counted(NamedTuple):
    """A user whose counters are asked for."""

    user_id: User
    first_seen_seq: int
    read_seq: int
    seen_seq: int


def count(user: User, *, cap: int, me: UserState | None = None) -> Script[Counters]:
    """The counters of one user, whose row (as it is now) may be known."""
    if me is None:
        me = (yield from user_state(user)) or UNKNOWN_USER
    counted = yield from count_all([Counted(user, me.first_seen_seq, me.read_seq, me.seen_seq)], cap=cap)
    return counted[user]


def count_all(users: Sequence[Counted], *, cap: int) -> Script[dict[User, Counters]]:
    """The counters of users, from the index alone. Any row with the columns of `Counted` will do."""
    counted = yield from _counts(users, what=_BOTH, cap=cap)
    # Where the cap cut one count short because of the other, that one is counted by itself.
    full = [user for user in users if counted[user.user_id].looked_at > cap]
    short = [user for user in full if sum(counted[user.user_id].unread.values()) <= cap]
    unread = (yield from _counts(short, what=_UNREAD, cap=cap)) if short else {}
    short = [user for user in full if counted[user.user_id].unseen <= cap]
    unseen = (yield from _counts(short, what=_UNSEEN, cap=cap)) if short else {}
    return {
        user: Counters.capped(
            cap,
            by_type=unread.get(user, both).unread,
            unseen=unseen.get(user, both).unseen,
            cut=any(found[user].muted_cut for found in (counted, unread, unseen) if user in found),
        )
        for user, both in counted.items()
    }


_UNREAD, _UNSEEN, _BOTH = 1, 2, 3


class AskedCount(NamedTuple):
    """A user of whom the query `counts` counts; their topics are those that the last `events` name, if that will do."""

    user_id: User
    own: Topic
    first_seen_seq: int
    read_seq: int
    seen_seq: int
    after: int
    what: int
    events: int


class _Count(NamedTuple):
    unread: dict[str, int]  # by type
    unseen: int
    looked_at: int  # that is not muted
    muted_cut: bool  # so much is muted that not all was looked at


def _counts(users: Sequence[Counted], *, what: int, cap: int) -> Script[dict[User, _Count]]:
    """The counts of each user, exact where no more than the cap were looked at."""
    asked = []
    for user in users:
        lower = min(user.read_seq, user.seen_seq)
        after = {_UNREAD: user.read_seq, _UNSEEN: user.seen_seq}.get(what, lower)
        asked.append(
            AskedCount(
                user_id=user.user_id,
                own=own_topic(user.user_id),
                first_seen_seq=user.first_seen_seq,
                read_seq=user.read_seq,
                seen_seq=user.seen_seq,
                after=after,
                what=what,
                events=COUNT_FROM_LOG,
            )
        )
    found = {}
    for row in (yield Ask("counts", tuple(asked))):
        types = _types(row.by_type)
        muted = types.pop("", NOTHING).number
        looked_at = sum([counted.number for counted in types.values()])
        found[row.user_id] = _Count(
            unread={type: counted.unread for type, counted in types.items() if counted.unread},
            unseen=sum([counted.unseen for counted in types.values()]),
            looked_at=looked_at,
            muted_cut=muted > 0 and looked_at + muted >= cap + MUTED_LOOK,
        )
    return found
