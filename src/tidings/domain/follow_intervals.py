"""Follows at earlier positions: computed back from the follows of now.

To follow a topic and to leave it are events on the user's own topic. The follows at any seq that the log still holds
are therefore the follows of now with the later changes undone, and need not be stored.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tidings.domain.topics import Topic


class FollowChange(NamedTuple):
    """A topic is followed from this event on, or no longer."""

    seq: int
    topic: Topic
    followed: bool


class FollowInterval(NamedTuple):
    """The events of a topic in (after, through]."""

    topic: Topic
    after: int
    through: int


def follows_before(follows: Iterable[Topic], changes: Sequence[FollowChange]) -> set[Topic]:
    """The follows before some changes (all that there were, in order), given the `follows` after them."""
    topics = set(follows)
    for change in reversed(changes):
        if change.followed:
            topics.discard(change.topic)
        else:
            topics.add(change.topic)
    return topics


def follow_intervals(
    follows: Iterable[Topic], changes: Sequence[FollowChange], *, whole: Iterable[Topic], after: int, through: int
) -> list[FollowInterval]:
    """The intervals of (after, through] in which a user follows each topic: no event is in two of these.

    `follows` are those at `through`, `changes` are those in (after, through]. The topics in `whole` belong to the user
    all the time, followed or not.
    """
    always = set(whole)
    starts = dict.fromkeys(always | follows_before(follows, changes), after)
    ended: list[FollowInterval] = []
    for seq, topic, followed in changes:
        if topic in always:
            continue
        if followed:
            starts[topic] = seq
        else:
            ended.append(FollowInterval(topic, starts.pop(topic), seq))
    return ended + [FollowInterval(topic, start, through) for topic, start in starts.items()]
