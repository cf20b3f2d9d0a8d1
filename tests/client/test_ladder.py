"""A transport that lets nothing through is left, and tried again later."""

import pytest

from tidings.client.facts import Transport
from tidings.client.ladder import CLIMB_AFTER, CLIMB_CAP, YOUNG_DEATHS, Ladder

RUNGS: tuple[Transport, ...] = ("sse", "poll")


def test_silence_leads_down_and_time_leads_up_again() -> None:
    ladder = Ladder(RUNGS)
    assert ladder.silent(100)
    assert ladder.rung(100 + CLIMB_AFTER - 1) == "poll"
    assert ladder.rung(100 + CLIMB_AFTER) == "sse"


def test_each_climb_in_vain_waits_twice_as_long_for_the_next() -> None:
    ladder, now, waits = Ladder(RUNGS), 0.0, []
    for _ in range(8):
        ladder.silent(now)
        waits.append(ladder.climb_at - now)
        now = ladder.climb_at
        assert ladder.rung(now) == "sse"
    assert waits[:3] == [CLIMB_AFTER, CLIMB_AFTER * 2, CLIMB_AFTER * 4]
    assert waits[-1] == CLIMB_CAP


def test_a_stream_that_held_makes_the_next_climb_soon_again() -> None:
    ladder = Ladder(RUNGS)
    for _ in range(3):
        ladder.silent(0)
        ladder.rung(1e9)
    ladder.ended(60, 0, silent=False)
    ladder.silent(0)
    assert ladder.climb_at == CLIMB_AFTER


def test_from_the_last_rung_there_is_no_way_down() -> None:
    ladder = Ladder(["poll"])
    assert not ladder.silent(0)
    assert ladder.rung(1e9) == "poll"


@pytest.mark.parametrize(("silent", "deaths"), [(False, YOUNG_DEATHS), (True, 2)])
def test_streams_that_die_young_in_a_row_lead_down(silent: bool, deaths: int) -> None:
    ladder = Ladder(RUNGS)
    assert [ladder.ended(1, 0, silent=silent) for _ in range(deaths)] == [False] * (deaths - 1) + [True]


def test_streams_that_die_young_now_and_then_do_not() -> None:
    ladder = Ladder(RUNGS)
    for _ in range(10):
        assert not ladder.ended(1, 0, silent=False)
        assert not ladder.ended(1, 0, silent=False)
        assert not ladder.ended(600, 0, silent=False)
    assert ladder.rung(0) == "sse"
