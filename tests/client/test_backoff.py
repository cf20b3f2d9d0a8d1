"""Back-off: no client returns sooner than told, in step with others, or never."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.client._backoff import CAP, MAX_REQUESTED, Backoff

chances = st.floats(0, 1, exclude_max=True)
wishes = st.floats(0, 2 * MAX_REQUESTED)


@given(st.lists(st.tuples(chances, st.none() | wishes), max_size=80), st.none() | wishes)
def test_wait_is_never_shorter_than_the_server_asked_and_never_endless(
    failures: list[tuple[float, float | None]], lasting: float | None
) -> None:
    backoff = Backoff()
    if lasting is not None:
        backoff.set_floor(lasting)
    for chance, told in failures:
        delay = backoff.next(chance=chance, retry_after=told)
        wish = told if told is not None else lasting or 0.0
        assert min(wish, MAX_REQUESTED) <= delay <= MAX_REQUESTED + CAP


def test_window_doubles_up_to_its_cap_and_begins_again_after_success() -> None:
    backoff = Backoff(base=1, cap=30)
    widest = math.nextafter(1.0, 0.0)
    assert [round(backoff.next(chance=widest)) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    backoff.succeeded()
    assert backoff.next(chance=widest) == pytest.approx(1)


def test_whole_window_is_used() -> None:
    assert Backoff().next(chance=0.0) == 0.0


def test_backoff_goes_on_for_years() -> None:
    backoff = Backoff()
    assert all(backoff.next(chance=0.5) <= CAP for _ in range(3000))
