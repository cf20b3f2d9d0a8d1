"""What of one person's feed is in the ring: for who asks once, as against who listens."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tidings.domain.model import FOLLOWED
from tidings.domain.topics import ALL, Topic, own_topic
from tidings.hub.changes import followed
from tidings.hub.reader import Membership
from tidings.hub.ring import Entry, Ring

BYTES = 256 * 1024  # of event data in one page; who wants more asks again


class Window(NamedTuple):
    """Entries in order. Everything of the feed up to `through` is in it, and `newest` is its last event of all."""

    entries: Sequence[Entry]
    through: int
    newest: int


def topics_of(membership: Membership, extra: Iterable[Topic]) -> tuple[Topic, ...]:
    """Every topic of a feed, and what was asked for beside it."""
    return (own_topic(membership.user), ALL, *membership.follows, *extra)


def window(ring: Ring, membership: Membership, extra: Sequence[Topic], *, after: int, limit: int) -> Window:
    """What is after a position that the ring covers. Where that is nothing, it takes a look-up a topic, no more."""
    topics = topics_of(membership, extra)
    newest = max(map(ring.newest, topics))
    if newest <= after:
        return Window((), after, after)
    since = _since(ring, membership, topics, after=after) | dict.fromkeys(extra, 0)
    found: list[Entry] = []
    size = 0
    for entry in ring.after(after):
        event = entry.event
        start = since.get(event.topic)
        if start is not None and event.seq > start and membership.wants(event):
            found.append(entry)
            size += len(event.data)
            if len(found) == limit or size >= BYTES:
                return Window(found, event.seq, newest)
    return Window(found, newest, newest)


def _since(ring: Ring, membership: Membership, topics: Iterable[Topic], *, after: int) -> dict[Topic, int]:
    """Each topic with the position it counts from: a follow is an event of its follower, and in the ring like any."""
    since = dict.fromkeys(topics, 0)
    own = own_topic(membership.user)
    if ring.newest(own) > after:
        for entry in ring.after(after):
            event = entry.event
            if event.topic == own and event.type == FOLLOWED and (topic := followed(event.data)) in since:
                since[topic] = event.seq
    return since
