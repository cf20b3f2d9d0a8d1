"""Bodies in memory are bounded for each caller and in all, and counted until they are let go of."""

import pytest

from tidings.domain.errors import Overloaded, RateLimited
from tidings.services.bodies import Bodies, HeldBody


def bodies() -> Bodies:
    return Bodies(most=100, most_of_caller=40, jitter=lambda: 0.5)


def test_caller_that_holds_all_it_may_is_told_to_wait_and_no_other() -> None:
    held = bodies()
    HeldBody(held, "mallory").hold(40)
    with pytest.raises(RateLimited) as refused:
        HeldBody(held, "mallory").hold(1)
    assert refused.value.retry_after == 3
    HeldBody(held, "alice").hold(40)
    assert (held.held, held.refused) == (80, 1)


def test_many_callers_hold_no_more_than_memory_has_room_for() -> None:
    held = bodies()
    for caller in ("a", "b"):
        HeldBody(held, caller).hold(40)
    with pytest.raises(Overloaded):
        HeldBody(held, "c").hold(30)
    HeldBody(held, "c").hold(20)
    assert held.held == 100


def test_body_that_is_let_go_of_makes_room_and_leaves_nothing_behind() -> None:
    held = bodies()
    body = HeldBody(held, "a")
    for size in (0, 10, 0, 30):
        body.hold(size)
    for _ in range(2):
        body.release()
        assert (held.held, held._callers) == (0, {})


def test_without_limits_everything_is_held() -> None:
    held = Bodies(most=0, most_of_caller=0, jitter=lambda: 0.0)
    HeldBody(held, "a").hold(10**12)
    assert held.held == 10**12
