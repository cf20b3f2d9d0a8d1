"""What was followed when: read back from what is followed now.

To follow a topic and to leave it are events on the person's own topic. What was followed at any place that the log
still reaches back to is therefore what is followed now with the changes since then undone, and need not be remembered.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tidings.domain.topics import Topic


class FollowChange(NamedTuple):
    """A topic is followed from here on, or is not any more."""

    seq: int
    topic: Topic
    followed: bool


class FollowInterval(NamedTuple):
    """The part of a topic that is after one place, up to and including another."""

    topic: Topic
    after: int
    upto: int


def follows_before(follows: Iterable[Topic], changes: Sequence[FollowChange]) -> set[Topic]:
    """What was followed before some changes (all that there were, in order), if after them it is `follows`."""
    topics = set(follows)
    for change in reversed(changes):
        if change.followed:
            topics.discard(change.topic)
        else:
            topics.add(change.topic)
    return topics


def follow_intervals(
    follows: Iterable[Topic], changes: Sequence[FollowChange], *, whole: Iterable[Topic], after: int, upto: int
) -> list[FollowInterval]:
    """What belongs to someone of (after, upto]: no event is in two of these.

    `follows` is what they follow at `upto`, `changes` are those in (after, upto]. Of the topics in `whole`
    everything is theirs, whatever they follow.
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
    return ended + [FollowInterval(topic, start, upto) for topic, start in starts.items()]
