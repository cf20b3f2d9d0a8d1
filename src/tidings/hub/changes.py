"""What the events that change a feed say."""

import msgspec

from tidings.domain.model import FOLLOWED, PREFERENCES, UNFOLLOWED
from tidings.domain.topics import Topic

MEMBERSHIP = frozenset({FOLLOWED, UNFOLLOWED, PREFERENCES})


class _Follow(msgspec.Struct):
    topic: Topic


class _Preferences(msgspec.Struct):
    mutes: list[str]


_follow = msgspec.json.Decoder(_Follow).decode
_preferences = msgspec.json.Decoder(_Preferences).decode


def followed(data: bytes) -> Topic:
    """The topic that is followed from here on, or is not any more."""
    return _follow(data).topic


def mutes(data: bytes) -> frozenset[str]:
    """What is muted from here on."""
    return frozenset(_preferences(data).mutes)
