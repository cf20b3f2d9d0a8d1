"""Decodes the events that change a feed: follows, unfollows, preferences."""

import msgspec

from tidings.domain.follow_intervals import FollowChange
from tidings.domain.model import FOLLOWED, NO_TAGS, PREFERENCES, UNFOLLOWED, Event
from tidings.domain.topics import Topic

FOLLOWS = frozenset({FOLLOWED, UNFOLLOWED})
MEMBERSHIP = FOLLOWS | {PREFERENCES}


class _Follow(msgspec.Struct):
    topic: Topic


class _Preferences(msgspec.Struct):
    mutes: list[str]


_follow = msgspec.json.Decoder(_Follow).decode
_preferences = msgspec.json.Decoder(_Preferences).decode


def follow_change(event: Event) -> FollowChange:
    """The topic that a follow or unfollow event names, and which of the two it is."""
    return FollowChange(event.seq, _follow(event.data).topic, event.type == FOLLOWED)


def muted_tags(data: bytes) -> frozenset[str]:
    """The tags that a preferences event mutes from its place on."""
    return frozenset(_preferences(data).mutes) or NO_TAGS
