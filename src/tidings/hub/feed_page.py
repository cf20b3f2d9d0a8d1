"""The part of one user's feed that is in the ring."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tidings.domain.follow_intervals import follows_before
from tidings.domain.topics import ALL, Topic, own_topic
from tidings.hub.membership_events import follow_change
from tidings.hub.readers import Membership
from tidings.hub.ring import Entry, Ring

PAGE_BYTES = 256 * 1024  # of event data in one page; the client asks again for more


class FeedPage(NamedTuple):
    """Entries in order: everything of the feed up to `through`. `newest` is the feed's last event in the ring."""

    entries: Sequence[Entry]
    through: int
    newest: int


def feed_page(ring: Ring, membership: Membership, extra: Sequence[Topic], *, after: int, limit: int) -> FeedPage:
    """Read one page after a position that the ring covers, for a request that does not listen.

    An empty page costs a look-up a topic, no more. A topic that was followed meanwhile and is not any more need not
    be looked up: the unfollow is an event on the user's own topic.
    """
    newest = max(map(ring.newest, membership.topics(*extra)))
    if newest <= after:
        return FeedPage((), after, after)
    found: list[Entry] = []
    size = 0
    for entry in events_for(ring, membership, extra, after=after):
        found.append(entry)
        size += len(entry.event.data)
        if len(found) == limit or size >= PAGE_BYTES:
            return FeedPage(found, entry.event.seq, newest)
    return FeedPage(found, newest, newest)


def events_for(ring: Ring, membership: Membership, extra: Iterable[Topic], *, after: int) -> Iterator[Entry]:
    """Entries of a user's feed after a position that the ring covers, each by what was followed when it came.

    Costs a look-up a topic and the user's own events, however much happened to others (law 11).
    """
    own = own_topic(membership.user)
    whole = {own, ALL, *extra}
    changes = {event.seq: follow_change(event) for event in ring.follows(own, after=after)}
    if not changes:
        for entry in ring.of_topics(whole.union(membership.follows), after=after):
            if membership.wants(entry.event):
                yield entry
        return
    topics = whole | follows_before(membership.follows, list(changes.values()))
    ever = topics.union(change.topic for change in changes.values())
    for entry in ring.of_topics(ever, after=after):
        event = entry.event
        if event.topic in topics and membership.wants(event):
            yield entry
        if changed := changes.get(event.seq):
            if changed.followed:
                topics.add(changed.topic)
            elif changed.topic not in whole:
                topics.discard(changed.topic)
