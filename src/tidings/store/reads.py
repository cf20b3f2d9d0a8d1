"""The reads that the server's workers make: each is a script or a few, the same for every adapter."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from tidings.domain.model import EventPage, Feed, Span
from tidings.domain.topics import Topic, User
from tidings.store.transactions.follows import feeds
from tidings.store.transactions.log import FollowsAt, feed_page, span, tail
from tidings.store.transactions.transaction import Read

MOST_CHANGES = 10_000  # of what one user follows that are undone in one snapshot: about 40 ms
UNDONE_MAX = 64  # users with more changes than that for whom it is remembered how far they were undone

T = TypeVar("T")


class Reads:
    """The reads of an adapter that are made of its `query`. See `domain.ports.Store`."""

    def __init__(self, *, most_changes: int = MOST_CHANGES) -> None:
        self._most_changes = most_changes
        self._undone: dict[User, FollowsAt] = {}

    async def query(self, script: Read[T]) -> T:
        """Run a script that only reads, in one snapshot."""
        raise NotImplementedError

    async def feeds(self, users: Sequence[User]) -> Sequence[Feed | None]:
        """Each user's feed, all of one moment."""
        return await self.query(feeds(users))

    async def read(
        self, user: User, *, follows: Iterable[Topic], extra: Iterable[Topic], after: int, through: int, limit: int
    ) -> EventPage | None:
        """A user's feed, and all of the `extra` topics, in (after, through]; None if retention took some."""
        end = FollowsAt(through, follows)
        if (known := self._undone.pop(user, end)).seq > after:
            end = min(end, known, key=lambda follows: follows.seq)
        while True:
            asked = feed_page(user, end=end, extra=extra, after=after, limit=limit, most_changes=self._most_changes)
            found = await self.query(asked)
            if not isinstance(found, FollowsAt):
                break
            end = found
        if end.seq < through:
            self._undone[user] = end
            if len(self._undone) > UNDONE_MAX:
                del self._undone[next(iter(self._undone))]
        return found

    async def tail(self, *, after: int, limit: int) -> EventPage:
        """Events of every topic after a position."""
        return await self.query(tail(after=after, limit=limit))

    async def span(self) -> Span:
        """The positions between which the log has events."""
        return await self.query(span)
