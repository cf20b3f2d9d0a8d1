"""A transport that lets nothing through is left, and tried again later."""

import pytest

from tidings.client._fallback import RETRY_BEST_AFTER, RETRY_BEST_CAP, SHORT_LIVED_LIMIT, TransportFallback
from tidings.client.types import Transport

TRANSPORTS: tuple[Transport, ...] = ("sse", "poll")


def test_silence_leads_down_and_time_leads_up_again() -> None:
    fallback = TransportFallback(TRANSPORTS)
    assert fallback.step_down(100)
    assert fallback.current(100 + RETRY_BEST_AFTER - 1) == "poll"
    assert fallback.current(100 + RETRY_BEST_AFTER) == "sse"


def test_each_climb_in_vain_waits_twice_as_long_for_the_next() -> None:
    fallback, now, waits = TransportFallback(TRANSPORTS), 0.0, []
    for _ in range(8):
        fallback.step_down(now)
        waits.append(fallback.retry_best_at - now)
        now = fallback.retry_best_at
        assert fallback.current(now) == "sse"
    assert waits[:3] == [RETRY_BEST_AFTER, RETRY_BEST_AFTER * 2, RETRY_BEST_AFTER * 4]
    assert waits[-1] == RETRY_BEST_CAP


def test_a_stream_that_held_makes_the_next_climb_soon_again() -> None:
    fallback = TransportFallback(TRANSPORTS)
    for _ in range(3):
        fallback.step_down(0)
        fallback.current(1e9)
    fallback.connection_ended(60, 0, timed_out=False)
    fallback.step_down(0)
    assert fallback.retry_best_at == RETRY_BEST_AFTER


def test_from_the_last_rung_there_is_no_way_down() -> None:
    fallback = TransportFallback(["poll"])
    assert not fallback.step_down(0)
    assert fallback.current(1e9) == "poll"


@pytest.mark.parametrize(("timed_out", "count"), [(False, SHORT_LIVED_LIMIT), (True, 2)])
def test_streams_that_die_young_in_a_row_lead_down(timed_out: bool, count: int) -> None:
    fallback = TransportFallback(TRANSPORTS)
    assert [fallback.connection_ended(1, 0, timed_out=timed_out) for _ in range(count)] == [False] * (count - 1) + [
        True
    ]


def test_streams_that_die_young_now_and_then_do_not() -> None:
    fallback = TransportFallback(TRANSPORTS)
    for _ in range(10):
        assert not fallback.connection_ended(1, 0, timed_out=False)
        assert not fallback.connection_ended(1, 0, timed_out=False)
        assert not fallback.connection_ended(600, 0, timed_out=False)
    assert fallback.current(0) == "sse"
