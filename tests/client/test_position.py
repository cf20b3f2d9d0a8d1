"""The memory of a stream: a cursor, and a bounded number of ids."""

from hypothesis import given
from hypothesis import strategies as st

from tidings.client._position import Position


@given(st.lists(st.integers(0, 30).map(str)), st.integers(1, 8))
def test_id_is_emitted_once_while_it_is_among_the_last_emitted(ids: list[str], remember: int) -> None:
    position = Position(None, remember=remember)
    emitted: list[str] = []
    for event_id in ids:
        new = event_id not in emitted[-remember:]
        assert position.advance(event_id) is new
        if new:
            emitted.append(event_id)
        assert position.cursor == emitted[-1]


def test_reset_forgets_the_ids() -> None:
    position = Position("a-1")
    position.advance("a-2")
    position.reset("b-0")
    assert position.cursor == "b-0"
    assert position.advance("a-2")
