"""The event loop's lag, on a clock that the test moves."""

import pytest

from tests.background.fake_clock import FakeClock, running
from tidings.background.loop_lag import SAMPLE_INTERVAL, LoopLag


@pytest.mark.parametrize("late", [0.0, 0.125, 1.0])
async def test_loop_lag_approaches_the_lateness_of_sleepers(late: float) -> None:
    clock = FakeClock()
    lag = LoopLag(clock=clock, sleep=clock.sleep)
    async with running(lag.run()):
        for _ in range(100):
            clock.jump(SAMPLE_INTERVAL + late)
            await clock.advance(0.0)
    assert lag.seconds == pytest.approx(late, rel=0.01)
