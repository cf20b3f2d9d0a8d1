"""Who polled a moment ago: what they follow is kept, so that the next poll need not ask the store."""

from tidings.domain.topics import User

MOST = 250_000  # topics that those of one generation follow together; about 80 bytes each


class RecentUsers:
    """Two generations: who does not come again between two turns is forgotten with the second."""

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._topics = 0
        self._fresh: dict[User, int] = {}  # user -> topics
        self._stale: set[User] = set()

    def touch(self, user: User, *, topics: int) -> None:
        """Somebody polled, who has this many topics."""
        self._topics += topics - self._fresh.get(user, 0)
        self._fresh[user] = topics
        self._stale.discard(user)

    @property
    def full(self) -> bool:
        """Is it time to turn, so that memory stays bounded?"""
        return self._topics >= self._most

    def rotate(self) -> set[User]:
        """Begin another generation; who is forgotten."""
        gone, self._stale = self._stale, set(self._fresh)
        self._fresh, self._topics = {}, 0
        return gone

    def __contains__(self, user: User) -> bool:
        return user in self._fresh or user in self._stale

    def __len__(self) -> int:
        return len(self._fresh) + len(self._stale)
