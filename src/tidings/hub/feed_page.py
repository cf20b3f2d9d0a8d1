"""What of one person's feed is in the ring."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tidings.domain.follow_intervals import follows_before
from tidings.domain.topics import ALL, Topic, own_topic
from tidings.hub.membership_events import follow_change
from tidings.hub.reader import Membership
from tidings.hub.ring import Entry, Ring

BYTES = 256 * 1024  # of event data in one page; who wants more asks again


class FeedPage(NamedTuple):
    """Entries in order. Everything of the feed up to `through` is in it, and `newest` is its last event of all."""

    entries: Sequence[Entry]
    through: int
    newest: int


def topics_of(membership: Membership, extra: Iterable[Topic]) -> tuple[Topic, ...]:
    """Every topic of a feed as it is now, and what was asked for beside it."""
    return (own_topic(membership.user), ALL, *membership.follows, *extra)


def feed_page(ring: Ring, membership: Membership, extra: Sequence[Topic], *, after: int, limit: int) -> FeedPage:
    """What is after a position that the ring covers, for who asks once, as against who listens.

    Where that is nothing, it takes a look-up a topic, no more. What was followed meanwhile and is not any more
    need not be looked up: to leave it was an event on one's own topic.
    """
    newest = max(map(ring.newest, topics_of(membership, extra)))
    if newest <= after:
        return FeedPage((), after, after)
    found: list[Entry] = []
    size = 0
    for entry in events_for(ring, membership, extra, after=after):
        found.append(entry)
        size += len(entry.event.data)
        if len(found) == limit or size >= BYTES:
            return FeedPage(found, entry.event.seq, newest)
    return FeedPage(found, newest, newest)


def events_for(ring: Ring, membership: Membership, extra: Iterable[Topic], *, after: int) -> Iterator[Entry]:
    """What belongs to someone after a position that the ring covers, each event by what was followed when it came."""
    own = own_topic(membership.user)
    changes = {event.seq: follow_change(event) for event in ring.follows(own, after=after)}
    whole = {own, ALL, *extra}
    topics = whole | follows_before(membership.follows, list(changes.values()))
    for entry in ring.after(after):
        event = entry.event
        if event.topic not in topics:
            continue
        if membership.wants(event):
            yield entry
        if changed := changes.get(event.seq):
            if changed.followed:
                topics.add(changed.topic)
            elif changed.topic not in whole:
                topics.discard(changed.topic)
