"""The log as a list: what a store and a hub are held against."""

from collections.abc import Iterable, Sequence

import msgspec

from tidings.domain.model import FOLLOWED, NO_TAGS, PREFERENCES, UNFOLLOWED, Event, EventPage, Feed
from tidings.domain.topics import ALL, Topic, User, own_topic, owner

EPOCH = "model"


class Log:
    """Events in order, who follows what since when, and who muted what at which time."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.floor = 0
        self.intervals: dict[tuple[User, Topic], list[tuple[int, int | None]]] = {}  # (follow, unfollow or None) ...
        self.tastes: dict[User, list[tuple[int, frozenset[str]]]] = {}  # (seq, mutes from then on) ...

    @property
    def head(self) -> int:
        return len(self.events)

    def __getitem__(self, seq: int) -> Event:
        return self.events[seq - 1]

    def append(self, topic: Topic, *, type: str = "note", data: bytes = b"{}", tags: frozenset[str] = NO_TAGS) -> Event:
        event = Event(seq=self.head + 1, topic=topic, type=type, data=data, tags=tags)
        self.events.append(event)
        return event

    def follow(self, user: User, topic: Topic) -> Event | None:
        if topic in self.follows(user):
            return None
        event = self.append(own_topic(user), type=FOLLOWED, data=msgspec.json.encode({"topic": topic}))
        self.intervals.setdefault((user, topic), []).append((event.seq, None))
        return event

    def unfollow(self, user: User, topic: Topic) -> Event | None:
        if topic not in self.follows(user):
            return None
        event = self.append(own_topic(user), type=UNFOLLOWED, data=msgspec.json.encode({"topic": topic}))
        intervals = self.intervals[user, topic]
        intervals[-1] = (intervals[-1][0], event.seq)
        return event

    def mute(self, user: User, mutes: frozenset[str]) -> Event:
        event = self.append(own_topic(user), type=PREFERENCES, data=msgspec.json.encode({"mutes": sorted(mutes)}))
        self.tastes.setdefault(user, []).append((event.seq, mutes))
        return event

    def follows(self, user: User, *, at: int | None = None) -> set[Topic]:
        """As of a position; now, if none is given."""
        head = self.head if at is None else at
        return {
            topic
            for (who, topic), intervals in self.intervals.items()
            for since, until in intervals
            if who == user and since <= head and (until is None or until > head)
        }

    def feed(self, user: User) -> Feed:
        """As the store knows it now."""
        tastes = self.tastes.get(user, [])
        return Feed(
            user=user,
            head=self.head,
            floor=self.floor,
            follows=tuple(self.follows(user)),
            mutes=tastes[-1][1] if tastes else NO_TAGS,
        )

    def read(
        self, user: User, *, follows: Iterable[Topic], extra: Iterable[Topic], after: int, through: int, limit: int
    ) -> EventPage | None:
        """Like `Store.read`."""
        assert set(follows) == self.follows(user, at=through), "what is followed at `through`"
        if after < self.floor:
            return None
        asked = set(extra)
        found = [e for e in self.events[after:through] if e.topic in asked or self.reaches(user, e.seq)]
        return EventPage(events=found[:limit], through=found[limit - 1].seq if len(found) >= limit else through)

    def tail(self, *, after: int, limit: int) -> Sequence[Event]:
        """Like `Store.tail`."""
        return self.events[max(after, self.floor) :][:limit]

    def learn(self, events: Iterable[Event]) -> None:
        """Have what a store has written, from its beginning."""
        for event in events:
            user = owner(event.topic)
            self.events.append(event)
            if user is not None and event.type in (FOLLOWED, UNFOLLOWED):
                intervals = self.intervals.setdefault((user, msgspec.json.decode(event.data)["topic"]), [])
                if event.type == FOLLOWED:
                    intervals.append((event.seq, None))
                else:
                    intervals[-1] = (intervals[-1][0], event.seq)

    # The events of one user

    def reaches(self, user: User, seq: int) -> bool:
        """Was this event in the person's feed when it was appended?"""
        topic = self[seq].topic
        return topic in {own_topic(user), ALL} or any(
            since < seq and (until is None or seq < until) for since, until in self.intervals.get((user, topic), ())
        )

    def mutes(self, user: User, *, at: int) -> frozenset[str]:
        """As of a position."""
        return next((mutes for since, mutes in reversed(self.tastes.get(user, ())) if since <= at), NO_TAGS)

    def muted(self, user: User, seq: int, *, through: int) -> set[bool]:
        """Was it muted: at each of the times from its own until `through`."""
        tags = self[seq].tags
        tastes = [(0, NO_TAGS), *self.tastes.get(user, ())]
        first = max(index for index, (since, _) in enumerate(tastes) if since < seq)
        return {not mutes.isdisjoint(tags) for since, mutes in tastes[first:] if since <= through}
