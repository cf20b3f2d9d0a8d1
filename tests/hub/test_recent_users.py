"""Recent users are kept for one to two rotations, in bounded memory."""

from tidings.domain.topics import User
from tidings.hub.recent_users import OVERHEAD, RecentUsers

A, B, C = User("a"), User("b"), User("c")


def test_user_who_is_not_touched_between_two_rotations_is_dropped_by_the_second() -> None:
    recent = RecentUsers()
    recent.touch(A, topics=2)
    recent.touch(B, topics=2)
    assert recent.rotate() == set()
    recent.touch(B, topics=2)
    assert recent.rotate() == {A}
    assert (A in recent, B in recent, len(recent)) == (False, True, 1)
    assert recent.rotate() == {B}
    assert len(recent) == 0


def test_generation_is_full_by_topics_not_by_touches() -> None:
    recent = RecentUsers(most=10 + 3 * OVERHEAD)
    full = []
    for user, topics in [(A, 4)] * 20 + [(A, 6), (B, 3), (C, 1)]:
        recent.touch(user, topics=topics)
        full.append(recent.full)
    assert full == [False] * 22 + [True]
    recent.rotate()
    assert not recent.full
