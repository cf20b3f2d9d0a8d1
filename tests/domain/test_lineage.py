"""The meaning of a cursor and an id of an earlier epoch after forks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.domain.cursor import Cursor
from tidings.domain.lineage import Epoch, Lineage

LINEAGE = Lineage([Epoch("a", 0), Epoch("b", 5), Epoch("c", 5), Epoch("d", 9)])


@pytest.mark.parametrize(("seq", "epoch"), [(0, "a"), (1, "a"), (5, "a"), (6, "c"), (9, "c"), (10, "d"), (99, "d")])
def test_an_event_keeps_the_epoch_it_was_appended_in(seq: int, epoch: str) -> None:
    assert LINEAGE.epoch_at(seq) == epoch
    assert LINEAGE.cursor(seq) == Cursor(epoch, seq)


@pytest.mark.parametrize(
    ("cursor", "position"),
    [
        (Cursor("a", 0), 0), (Cursor("a", 5), 5), (Cursor("a", 6), None),
        (Cursor("b", 5), 5), (Cursor("b", 6), None),
        (Cursor("c", 9), 9), (Cursor("c", 10), None),
        (Cursor("d", 3), 3), (Cursor("d", 10), 10), (Cursor("d", 1000), 1000),
        (Cursor("x", 3), None),
    ],
    ids=str,
)  # fmt: skip
def test_a_cursor_up_to_the_fork_means_the_same_event_and_a_later_one_none(
    cursor: Cursor, position: int | None
) -> None:
    assert LINEAGE.position(cursor) == position


def test_where_an_epoch_ends_is_where_the_next_one_forked() -> None:
    assert [LINEAGE.ends_at(name) for name in "abcd"] == [5, 5, 9, None]
    with pytest.raises(KeyError):
        LINEAGE.ends_at("x")


@given(
    forks=st.lists(st.integers(0, 20), max_size=5).map(sorted),
    seq=st.integers(0, 25),
)
def test_the_cursor_of_every_event_that_is_kept_is_valid(forks: list[int], seq: int) -> None:
    lineage = Lineage([Epoch("e0", 0), *(Epoch(f"e{number}", fork) for number, fork in enumerate(forks, 1))])
    assert lineage.position(lineage.cursor(seq)) == seq
    if seq:
        assert lineage.item_id(lineage.epoch_at(seq), seq) == seq
        assert all(lineage.item_id(name, seq) is None for name, _ in lineage.epochs if name != lineage.epoch_at(seq))
