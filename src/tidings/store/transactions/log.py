"""Scripts that read the log: what follows a position, for one reader or for all."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tidings.domain.follow_intervals import FollowChange, FollowInterval, follow_intervals, follows_before
from tidings.domain.model import Event, EventPage, Span
from tidings.domain.topics import ALL, Topic, User, own_topic
from tidings.store.transactions.transaction import Query, Read, Rows, Script, Snapshot, event_of, json_text

WINDOW = 16  # events of the log for each one of a page that are looked at first
WIDER = 8  # times as many as before, if less than half a page is found
LEAST = 100  # events: a small page looks no less far than one of so many, or it would ask more often


class FollowsAt(NamedTuple):
    """The topics that a user followed at a position."""

    seq: int
    follows: Iterable[Topic]


def tail(*, after: int, limit: int) -> Read[EventPage]:
    """Events of every topic after a position."""

    def script(_: Snapshot) -> Script[EventPage]:
        rows = yield Query("tail", {"after": after, "limit": limit})
        return EventPage(events=_events(rows), through=rows[-1].seq if rows else after)

    return script


def span(snapshot: Snapshot) -> Script[Span]:
    """The positions between which the log has events."""
    yield from ()
    return Span(snapshot.floor, snapshot.head)


def feed_page(
    user: User, *, end: FollowsAt, extra: Iterable[Topic], after: int, limit: int, most_changes: int
) -> Read[EventPage | FollowsAt | None]:
    """A user's feed, and all of the `extra` topics, in (after, end.seq]; None if retention took some of it.

    If more than `most_changes` of their follows changed in between, no page yet, but an earlier end to ask again with:
    one snapshot is not held for as long as it takes to undo them all.
    """
    own = own_topic(user)
    whole = (own, ALL, *extra)

    def script(snapshot: Snapshot) -> Script[EventPage | FollowsAt | None]:
        if after < snapshot.floor:
            return None
        # The last changes, newest first, and one more than are undone at once, if there are so many.
        asked = {"topic": own, "after": after, "through": end.seq, "limit": most_changes + 1}
        rows = yield Query("follow_changes", asked)
        changes = [FollowChange(row.seq, row.topic, bool(row.followed)) for row in reversed(rows)]
        if len(changes) > most_changes:
            first = changes[1]  # after another, so that something is left to read before it
            return FollowsAt(first.seq - 1, follows_before(end.follows, changes[1:]))
        intervals = follow_intervals(end.follows, changes, whole=whole, after=after, through=end.seq)
        return (yield from _events_in(intervals, after=after, through=end.seq, limit=limit))

    return script


def _events_in(intervals: Sequence[FollowInterval], *, after: int, through: int, limit: int) -> Script[EventPage]:
    """The first events of some intervals: at least half of `limit`, if there are as many.

    Each topic is looked at in a window of the log, and in a larger one if there is little: to take the first of
    hundreds of topics, each would have to be read as far as the page may reach at the most.
    """
    asked = json_text([one._asdict() for one in intervals])
    events: list[Event] = []
    reached, window = after, WINDOW * max(limit, LEAST)
    while reached < through and len(events) <= limit // 2:
        edge, left = min(reached + window, through), limit - len(events)
        rows = yield Query("events_in", {"intervals": asked, "after": reached, "through": edge, "limit": left})
        events += _events(rows)
        reached = rows[-1].seq if len(rows) == left else edge
        window *= WIDER
    return EventPage(events=events, through=reached)


def _events(rows: Rows) -> list[Event]:
    return [event_of(row) for row in rows]
