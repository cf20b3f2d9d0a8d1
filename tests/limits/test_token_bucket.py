"""A bucket lets a caller take at most burst + rate x time, and one request whose cost it did not know."""

from hypothesis import given
from hypothesis import strategies as st

from tidings.limits.token_bucket import TokenBucket

RATE, BURST = 10.0, 50.0


def test_full_bucket_lets_a_burst_through_and_then_the_rate() -> None:
    bucket, now, passed = TokenBucket(burst=BURST, now=0.0), 0.0, []
    while now < 10:
        if not bucket.wait(rate=RATE, burst=BURST, now=now):
            bucket.take(1, rate=RATE, burst=BURST, now=now)
            passed.append(now)
        now += 0.01
    assert len([at for at in passed if at < 0.5]) in range(50, 58)
    assert len(passed) in range(140, 152)


def test_debt_is_waited_for() -> None:
    bucket = TokenBucket(burst=BURST, now=0.0)
    bucket.take(1000, rate=RATE, burst=BURST, now=0.0)
    wait = bucket.wait(rate=RATE, burst=BURST, now=0.0)
    assert 95 < wait < 96
    assert bucket.wait(rate=RATE, burst=BURST, now=wait - 0.2) > 0
    assert bucket.wait(rate=RATE, burst=BURST, now=wait + 0.01) == 0
    assert bucket.full_at(rate=RATE, burst=BURST) > wait


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 100)), max_size=60))
def test_caller_takes_no_more_than_burst_and_rate_and_one_request(asks: list[tuple[float, float]]) -> None:
    bucket, now, taken, largest = TokenBucket(burst=BURST, now=0.0), 0.0, 0.0, 0.0
    for pause, cost in asks:
        now += pause
        if not bucket.wait(rate=RATE, burst=BURST, now=now):
            bucket.take(cost, rate=RATE, burst=BURST, now=now)
            taken, largest = taken + cost, max(largest, cost)
    assert taken <= BURST + RATE * now + largest + 1e-6


@given(st.lists(st.floats(-100, 100), max_size=30))
def test_clock_that_goes_back_fills_nothing(times: list[float]) -> None:
    bucket = TokenBucket(burst=BURST, now=0.0)
    bucket.take(BURST + 1, rate=RATE, burst=BURST, now=0.0)
    furthest = max([0.0, *times])
    for now in times:
        bucket.wait(rate=RATE, burst=BURST, now=now)
    expected = furthest * RATE > 1
    assert (bucket.wait(rate=RATE, burst=BURST, now=furthest) == 0) == expected
