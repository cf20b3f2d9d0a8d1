"""Who polls is known for one to two turns after they came last, and memory is bounded."""

from tidings.domain.topics import User
from tidings.hub.visitors import Visitors

A, B, C = User("a"), User("b"), User("c")


def test_who_does_not_come_between_two_turns_is_forgotten_with_the_second() -> None:
    visitors = Visitors()
    visitors.came(A, topics=2)
    visitors.came(B, topics=2)
    assert visitors.turn() == set()
    visitors.came(B, topics=2)
    assert visitors.turn() == {A}
    assert (A in visitors, B in visitors, len(visitors)) == (False, True, 1)
    assert visitors.turn() == {B}
    assert len(visitors) == 0


def test_it_is_crowded_by_topics_and_not_by_visits() -> None:
    visitors = Visitors(most=10)
    crowded = []
    for user, topics in [(A, 4)] * 20 + [(A, 6), (B, 3), (C, 1)]:
        visitors.came(user, topics=topics)
        crowded.append(visitors.crowded)
    assert crowded == [False] * 22 + [True]
    visitors.turn()
    assert not visitors.crowded
