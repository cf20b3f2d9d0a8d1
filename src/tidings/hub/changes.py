"""What the events that change a feed say."""

import msgspec

from tidings.domain.model import FOLLOWED, NO_TAGS, PREFERENCES, UNFOLLOWED, Event
from tidings.domain.spans import Change
from tidings.domain.topics import Topic

FOLLOWS = frozenset({FOLLOWED, UNFOLLOWED})
MEMBERSHIP = FOLLOWS | {PREFERENCES}


class _Follow(msgspec.Struct):
    topic: Topic


class _Preferences(msgspec.Struct):
    mutes: list[str]


_follow = msgspec.json.Decoder(_Follow).decode
_preferences = msgspec.json.Decoder(_Preferences).decode


def change(event: Event) -> Change:
    """The topic that is followed from here on, or is not any more."""
    return Change(event.seq, _follow(event.data).topic, event.type == FOLLOWED)


def mutes(data: bytes) -> frozenset[str]:
    """What is muted from here on."""
    return frozenset(_preferences(data).mutes) or NO_TAGS
