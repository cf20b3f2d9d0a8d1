"""Counters: exact up to a cap, and never at odds with themselves."""

from hypothesis import given
from hypothesis import strategies as st

from tidings.domain.model import Counters

types = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 9))


@given(types, st.integers(0, 20), st.integers(1, 12))
def test_by_type_sums_to_unread_and_more_says_that_something_was_left_out(
    by_type: dict[str, int], unseen: int, cap: int
) -> None:
    counted = Counters.capped(cap, by_type=by_type, unseen=unseen)
    unread = sum(by_type.values())
    assert (counted.unread, counted.unseen) == (min(unread, cap), min(unseen, cap))
    assert counted.more == (unread > cap or unseen > cap)
    assert sum(counted.by_type.values()) == counted.unread
    assert all(0 < number <= by_type[type] for type, number in counted.by_type.items())
    if unread <= cap:
        assert counted.by_type == by_type
