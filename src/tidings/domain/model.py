"""The values that all layers share: events, drafts, feeds, pages."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import msgspec

from tidings.domain.topics import Topic, User

CREATED = "notification.created"
UPDATED = "notification.updated"
DELETED = "notification.deleted"
FOLLOWED = "follow.created"
UNFOLLOWED = "follow.deleted"
PREFERENCES = "preferences.updated"

NO_TAGS: frozenset[str] = frozenset()


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry of the log."""

    seq: int  # given by the store, in commit order, without holes
    topic: Topic
    type: str
    data: bytes  # JSON, encoded once, when it was published
    tags: frozenset[str] = NO_TAGS  # what a person may mute this by: "type:like", "topic:post/7", "entity:post/7"
    was: frozenset[str] | None = None  # the same before it was changed, if it was

    def muted(self, mutes: frozenset[str]) -> bool:
        """True if these mutes keep the event from a user: its tags are muted and, for a change, its old tags too."""
        return not mutes.isdisjoint(self.tags) and (self.was is None or not mutes.isdisjoint(self.was))


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A notification as an application sends it, checked, not yet in the log."""

    topics: tuple[Topic, ...]  # one, or one of each recipient
    content: Mapping[str, Any]  # the fields of `notification.CONTENT` that were given
    group_key: str | None = None
    expire_at: int | None = None  # milliseconds since 1970


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events after a position. All events of the asked topics up to `through` are in it."""

    events: Sequence[Event]
    through: int


class Span(NamedTuple):
    """The positions between which a log has events: after `floor`, up to and including `head`."""

    floor: int
    head: int


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of the badge. Exact up to the store's cap; `more` says that there may be more than these.

    That is so where the cap was reached, and where a user mutes so much of what is unread that not all was looked at.
    """

    unread: int = 0
    unseen: int = 0
    by_type: Mapping[str, int] = {}  # what is unread; sums to that
    more: bool = False

    @classmethod
    def capped(cls, cap: int, *, by_type: Mapping[str, int], unseen: int, cut: bool = False) -> Self:
        """The counted numbers, limited to the cap. Unread items beyond it are left out of the types that have most.

        `cut`: not everything was looked at.
        """
        unread = sum(by_type.values())
        shown = dict(by_type)
        for _ in range(unread - cap):  # the store looks one beyond the cap
            shown[max(shown, key=shown.__getitem__)] -= 1
        return cls(
            unread=min(unread, cap),
            unseen=min(unseen, cap),
            by_type={type: number for type, number in shown.items() if number},
            more=cut or unread > cap or unseen > cap,
        )


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """The topics that one user receives, as the store knew them at `head`."""

    user: User
    head: int  # the newest event when this was read
    floor: int  # the newest event that retention has removed; 0 when nothing was
    follows: tuple[Topic, ...] = ()
    mutes: frozenset[str] = NO_TAGS
    counters: Counters = Counters()
