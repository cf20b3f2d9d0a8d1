"""The users who were here a moment ago, in two generations."""

from tidings.domain.topics import User

TOPICS_PER_GENERATION = 800_000  # of all users in it, about 80 bytes each, and the same for OVERHEAD
OVERHEAD = 8  # topics that a membership and its counters weigh


class RecentUsers:
    """A cache's keys in two generations: a user who is not touched between two rotations is dropped by the second."""

    def __init__(self, *, most: int = TOPICS_PER_GENERATION) -> None:
        self._most = most
        self._topics = 0
        self._fresh: dict[User, int] = {}  # user -> weight
        self._stale: set[User] = set()

    def touch(self, user: User, *, topics: int) -> None:
        """Note that a user who has this many topics was here."""
        weight = topics + OVERHEAD
        self._topics += weight - self._fresh.get(user, 0)
        self._fresh[user] = weight
        self._stale.discard(user)

    @property
    def full(self) -> bool:
        """True when it is time to rotate, so that memory stays bounded."""
        return self._topics >= self._most

    def rotate(self) -> set[User]:
        """Begin another generation; return the users that are dropped."""
        gone, self._stale = self._stale, set(self._fresh)
        self._fresh, self._topics = {}, 0
        return gone

    def __contains__(self, user: User) -> bool:
        return user in self._fresh or user in self._stale

    def __len__(self) -> int:
        return len(self._fresh) + len(self._stale)
