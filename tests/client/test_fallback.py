"""A transport that lets nothing through is left, and tried again later."""

import pytest

from tidings.client._fallback import RETRY_BEST_AFTER, RETRY_BEST_CAP, SHORT_LIVED_LIMIT, TransportFallback
from tidings.client.types import Transport

TRANSPORTS: tuple[Transport, ...] = ("sse", "poll")


def test_timeout_leads_to_the_next_transport_and_time_to_the_best_again() -> None:
    fallback = TransportFallback(TRANSPORTS)
    assert fallback.step_down(100)
    assert fallback.current(100 + RETRY_BEST_AFTER - 1) == "poll"
    assert fallback.current(100 + RETRY_BEST_AFTER) == "sse"


def test_best_transport_that_fails_again_is_tried_half_as_often() -> None:
    fallback, now, waits = TransportFallback(TRANSPORTS), 0.0, []
    for _ in range(8):
        fallback.step_down(now)
        waits.append(fallback.retry_best_at - now)
        now = fallback.retry_best_at
        assert fallback.current(now) == "sse"
    assert waits[:3] == [RETRY_BEST_AFTER, RETRY_BEST_AFTER * 2, RETRY_BEST_AFTER * 4]
    assert waits[-1] == RETRY_BEST_CAP


def test_stream_that_held_lets_the_best_transport_be_tried_soon_again() -> None:
    fallback = TransportFallback(TRANSPORTS)
    for _ in range(3):
        fallback.step_down(0)
        fallback.current(1e9)
    fallback.connection_ended(60, 0, timed_out=False)
    fallback.step_down(0)
    assert fallback.retry_best_at == RETRY_BEST_AFTER


def test_last_transport_is_kept() -> None:
    fallback = TransportFallback(["poll"])
    assert not fallback.step_down(0)
    assert fallback.current(1e9) == "poll"


@pytest.mark.parametrize(("timed_out", "count"), [(False, SHORT_LIVED_LIMIT), (True, 2)])
def test_short_lived_streams_in_a_row_lead_to_the_next_transport(timed_out: bool, count: int) -> None:
    fallback = TransportFallback(TRANSPORTS)
    assert [fallback.connection_ended(1, 0, timed_out=timed_out) for _ in range(count)] == [False] * (count - 1) + [
        True
    ]


def test_short_lived_streams_now_and_then_do_not() -> None:
    fallback = TransportFallback(TRANSPORTS)
    for _ in range(10):
        assert not fallback.connection_ended(1, 0, timed_out=False)
        assert not fallback.connection_ended(1, 0, timed_out=False)
        assert not fallback.connection_ended(600, 0, timed_out=False)
    assert fallback.current(0) == "sse"
