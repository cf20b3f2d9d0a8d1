"""What a stream remembers: a place, and a bounded number of ids."""

from hypothesis import given
from hypothesis import strategies as st

from tidings.client.memory import Memory


@given(st.lists(st.integers(0, 30).map(str)), st.integers(1, 8))
def test_an_id_is_taken_once_while_it_is_among_the_last_taken(ids: list[str], keep: int) -> None:
    memory = Memory(None, keep=keep)
    taken: list[str] = []
    for event_id in ids:
        new = event_id not in taken[-keep:]
        assert memory.take(event_id) is new
        if new:
            taken.append(event_id)
        assert memory.cursor == taken[-1]


def test_after_a_reset_what_was_seen_may_come_again() -> None:
    memory = Memory("a-1")
    memory.take("a-2")
    memory.reset("b-0")
    assert memory.cursor == "b-0"
    assert memory.take("a-2")
