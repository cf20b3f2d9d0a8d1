"""The timer wheel: each call once, never early, at most a tick late."""

import pytest

from tests.background.fake_clock import FakeClock, running
from tidings.background.timer_wheel import TICK, TimerWheel


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def wheel(clock: FakeClock) -> TimerWheel:
    return TimerWheel(clock=clock, sleep=clock.sleep)


async def test_call_is_made_once_not_early_and_at_most_two_ticks_late(clock: FakeClock, wheel: TimerWheel) -> None:
    made: list[tuple[float, float]] = []
    async with running(wheel.run()):
        for seconds in (0.0, 0.1, 0.25, 1.0, 7.3, 60.0):
            due = clock() + seconds
            wheel.at(seconds, lambda due=due: made.append((due, clock())))  # type: ignore[misc]
        await clock.advance(90)
    assert len(made) == 6
    assert all(due <= at <= due + 2 * TICK for due, at in made)


async def test_calls_that_were_due_while_the_process_was_stopped_are_made(clock: FakeClock, wheel: TimerWheel) -> None:
    made: list[int] = []
    async with running(wheel.run()):
        for seconds in (3, 1, 2):
            wheel.at(seconds, lambda seconds=seconds: made.append(seconds))  # type: ignore[misc]
        clock.jump(60)
        await clock.advance(TICK)
    assert made == [1, 2, 3]


async def test_cancelled_call_is_not_made(clock: FakeClock, wheel: TimerWheel) -> None:
    made: list[str] = []

    def call() -> None:
        made.append("call")

    async with running(wheel.run()):
        tick = wheel.at(1.0, call)
        wheel.cancel(tick, call)
        wheel.cancel(tick, call)
        await clock.advance(5)
    assert made == []


async def test_call_may_cancel_another_of_the_same_tick_and_add_a_new_one(clock: FakeClock, wheel: TimerWheel) -> None:
    made: list[str] = []
    ticks: dict[str, int] = {}
    async with running(wheel.run()):

        def one() -> None:
            made.append("one")
            wheel.cancel(ticks["two"], two)
            wheel.at(0.0, lambda: made.append("later"))

        def two() -> None:
            made.append("two")
            wheel.cancel(ticks["one"], one)
            wheel.at(0.0, lambda: made.append("later"))

        ticks |= {"one": wheel.at(1.0, one), "two": wheel.at(1.0, two)}
        await clock.advance(5)
    assert made in (["one", "later"], ["two", "later"])


async def test_periodic_call_is_made_again_and_again(clock: FakeClock, wheel: TimerWheel) -> None:
    made: list[float] = []
    async with running(wheel.run()):
        start = clock()
        wheel.every(10.0, lambda: made.append(clock() - start))
        await clock.advance(35)
    assert len(made) == 3
    assert all(0 <= at - 10 * number <= 2 * TICK * number for number, at in enumerate(made, start=1))
