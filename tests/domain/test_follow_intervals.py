"""Follow intervals, computed back from the follows of now, against the history replayed from its beginning."""

from hypothesis import given
from hypothesis import strategies as st

from tidings.domain.follow_intervals import FollowChange, follow_intervals, follows_before
from tidings.domain.topics import Topic

TOPICS = [Topic("author/4"), Topic("author/42"), Topic("author/42/posts")]
topics = st.sampled_from(TOPICS)
sets = st.frozensets(topics)


def told(first: frozenset[Topic], moves: list[Topic | None]) -> tuple[list[frozenset[Topic]], list[FollowChange]]:
    """The follows after each event, and the changes: a topic that is in a move is followed, or left."""
    history, changes = [first], list[FollowChange]()
    for seq, topic in enumerate(moves, start=1):
        if topic is not None:
            changes.append(FollowChange(seq, topic, topic not in history[-1]))
        history.append(history[-1] ^ ({topic} if topic else set()))
    return history, changes


histories = st.tuples(sets, st.lists(st.one_of(st.none(), topics), max_size=20))


@given(histories)
def test_with_all_changes_undone_there_is_what_there_was(drawn: tuple[frozenset[Topic], list[Topic | None]]) -> None:
    history, changes = told(*drawn)
    for position, follows in enumerate(history):
        assert follows_before(history[-1], [change for change in changes if change.seq > position]) == follows


@given(histories, sets, st.integers(0, 20), st.integers(0, 20))
def test_an_event_is_in_one_span_if_its_topic_was_followed_when_it_came_else_in_none(
    drawn: tuple[frozenset[Topic], list[Topic | None]], whole: frozenset[Topic], after: int, through: int
) -> None:
    history, changes = told(*drawn)
    after = min(after, len(history) - 1)
    through = max(after, min(through, len(history) - 1))
    between = [change for change in changes if after < change.seq <= through]
    found = follow_intervals(history[through], between, whole=whole, after=after, through=through)
    for topic in TOPICS:
        for seq in range(1, len(history) + 2):
            if FollowChange(seq, topic, topic in history[min(seq, through)]) in changes:
                continue  # the event of this place is the change itself
            holding = [span for span in found if span.topic == topic and span.after < seq <= span.through]
            mine = after < seq <= through and (topic in whole or topic in history[seq - 1])
            assert len(holding) == mine
    assert all(after <= span.after <= span.through <= through for span in found)


def test_unchanged_follow_is_one_interval_and_so_is_a_topic_asked_for_twice() -> None:
    found = follow_intervals([TOPICS[0]], [], whole=[TOPICS[1], TOPICS[1]], after=3, through=9)
    assert sorted(found) == [(TOPICS[0], 3, 9), (TOPICS[1], 3, 9)]
