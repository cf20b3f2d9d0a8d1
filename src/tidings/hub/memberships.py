"""The memberships that the hub holds: of every user with a reader here, and of users who were here a moment ago."""

import sys

from tidings.domain.model import PREFERENCES, Counters, Event, Feed
from tidings.domain.topics import Topic, User, own_topic, owner
from tidings.hub.index import Index
from tidings.hub.membership_events import FOLLOWS, follow_change, muted_tags
from tidings.hub.readers import Membership
from tidings.hub.recent_users import RecentUsers
from tidings.hub.ring import Ring

NO_COUNTERS = Counters()  # one object for all users who have read everything


class Memberships:
    """User -> membership, kept up to date by the events that pass the hub."""

    def __init__(self, ring: Ring, index: Index) -> None:
        self.pollers = RecentUsers()  # users who polled a moment ago
        self._recent = RecentUsers()  # users whose memberships are kept, with or without a reader
        self._ring = ring
        self._index = index
        self._by_user: dict[User, Membership] = {}

    def get(self, user: User) -> Membership | None:
        """The membership of a user, if it is held here."""
        return self._by_user.get(user)

    def cached(self, user: User) -> Membership | None:
        """The membership of a user who polls, if it is held here; it is kept for the next poll."""
        membership = self._by_user.get(user)
        if membership is not None:
            self.pollers.touch(user, topics=0)
            self._keep(membership)
        return membership

    def feed(self, user: User) -> Feed | None:
        """The feed of a user at the hub's head, if it is known here: none of the user's topics moved since it was read.

        Its floor is that of the ring.
        """
        membership, ring = self._by_user.get(user), self._ring
        if membership is None or membership.counters is None or not ring.covers(membership.counted_at):
            return None
        if max(map(ring.newest, membership.topics())) > membership.counted_at:
            return None
        membership.counted_at = ring.head
        return Feed(
            user=user,
            head=ring.head,
            floor=ring.floor,
            follows=membership.follows,
            mutes=membership.mutes,
            counters=membership.counters,
        )

    def cache(self, feed: Feed) -> Membership:
        """Keep the membership of a user who polls. The feed is as `of` wants it."""
        self.of(feed)
        membership = self.cached(feed.user)
        assert membership is not None
        return membership

    def of(self, feed: Feed) -> Membership:
        """The membership of a feed's user, brought up to the hub's head.

        Raises `ValueError` if the feed is newer than the head, or so old that the ring does not reach back to it.
        """
        if not self._ring.covers(feed.head):
            raise ValueError(f"a feed of {feed.head} cannot join a hub at {self._ring.head}")
        membership = self._by_user.get(feed.user)
        if membership is None:
            membership = self._by_user[feed.user] = Membership(feed.user)
            # One string for a topic, however many users follow it.
            membership.follows = tuple(Topic(sys.intern(topic)) for topic in feed.follows)
            membership.mutes = feed.mutes
            # No reader of this user saw the events between the reading of the feed and now: apply them.
            for entry in self._ring.of_topic(own_topic(feed.user), after=feed.head):
                self._apply(membership, entry.event)
        if membership.counters is None or feed.head >= membership.counted_at:
            membership.counters = NO_COUNTERS if feed.counters == NO_COUNTERS else feed.counters
            membership.counted_at = feed.head
        return membership

    def release(self, membership: Membership) -> None:
        """Note that the last reader of a user has left: the membership is kept for when the user comes back."""
        self._keep(membership)

    def evict(self) -> None:
        """Drop the memberships of users without a reader who were not here since the last eviction but one."""
        self.pollers.rotate()
        for user in self._recent.rotate():
            membership = self._by_user.get(user)
            if membership is not None and not membership.readers:
                del self._by_user[user]

    def forget(self, user: User) -> None:
        """Drop the membership of a user without a reader now."""
        membership = self._by_user.get(user)
        if membership is not None and not membership.readers:
            del self._by_user[user]

    def apply(self, event: Event) -> None:
        """Change the membership that a follow, unfollow or preferences event is about."""
        user = owner(event.topic)
        membership = self._by_user.get(user) if user is not None else None
        if membership is not None:
            self._apply(membership, event)

    def _keep(self, membership: Membership) -> None:
        if self._recent.full:
            self.evict()
        self._recent.touch(membership.user, topics=2 + len(membership.follows))
        self._by_user[membership.user] = membership  # the eviction may have dropped it

    def _apply(self, membership: Membership, event: Event) -> None:
        if event.type == PREFERENCES:
            membership.mutes = muted_tags(event.data)
        elif event.type in FOLLOWS:
            _, topic, followed = follow_change(event)
            if followed and topic not in membership.follows:
                self._follow(membership, Topic(sys.intern(topic)))
            elif not followed and topic in membership.follows:
                self._unfollow(membership, topic)

    def _follow(self, membership: Membership, topic: Topic) -> None:
        membership.follows += (topic,)
        for reader in membership.readers:
            self._index.add(topic, reader)

    def _unfollow(self, membership: Membership, topic: Topic) -> None:
        membership.follows = tuple(other for other in membership.follows if other != topic)
        for reader in membership.readers:
            if topic not in reader.extra:
                self._index.discard(topic, reader)
