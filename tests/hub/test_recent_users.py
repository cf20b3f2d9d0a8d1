"""Who polls is known for one to two turns after they came last, and memory is bounded."""

from tidings.domain.topics import User
from tidings.hub.recent_users import RecentUsers

A, B, C = User("a"), User("b"), User("c")


def test_who_does_not_come_between_two_turns_is_forgotten_with_the_second() -> None:
    visitors = RecentUsers()
    visitors.touch(A, topics=2)
    visitors.touch(B, topics=2)
    assert visitors.rotate() == set()
    visitors.touch(B, topics=2)
    assert visitors.rotate() == {A}
    assert (A in visitors, B in visitors, len(visitors)) == (False, True, 1)
    assert visitors.rotate() == {B}
    assert len(visitors) == 0


def test_it_is_crowded_by_topics_and_not_by_visits() -> None:
    visitors = RecentUsers(most=10)
    crowded = []
    for user, topics in [(A, 4)] * 20 + [(A, 6), (B, 3), (C, 1)]:
        visitors.touch(user, topics=topics)
        crowded.append(visitors.full)
    assert crowded == [False] * 22 + [True]
    visitors.rotate()
    assert not visitors.full
