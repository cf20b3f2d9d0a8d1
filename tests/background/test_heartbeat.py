"""One timer for everybody, on a clock that the test turns."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.hub.fake_sink import Lines, Manner, Pipe
from tests.model.log import Log
from tidings.background.heartbeat import TICK, VISIT, HeartbeatScheduler
from tidings.domain.topics import User
from tidings.hub.hub import SLOTS, Hub
from tidings.hub.ring import Ring

HEARTBEAT = 4.0  # seconds: a slot lasts 1/8 of one, which a clock in floats tells exactly
ALICE = User("alice")


class Clock:
    """Time that passes when it is slept away. A nap lasts as long as the test says, or as was asked for."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.until = 1000.0
        self.jump = 0.0  # how much longer the next nap takes
        self.asleep = asyncio.Event()

    def __call__(self) -> float:
        return self.now

    async def nap(self, seconds: float) -> None:
        while self.now + seconds > self.until:
            self.asleep.set()
            await asyncio.sleep(0)
        self.now += seconds + self.jump
        self.jump = 0.0

    async def pass_(self, seconds: float) -> None:
        """Let so much time pass, nap by nap."""
        self.until += seconds
        self.asleep.clear()
        await self.asleep.wait()


class Stage:
    """A hub, its wheel, and a clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.log = Log()
        self.hub = Hub(Ring(head=0), on_work=lambda: None)
        self.heartbeats = HeartbeatScheduler(
            self.hub, heartbeat=HEARTBEAT, clock=self.clock, today=self.clock, nap=self.clock.nap
        )

    def join(self) -> Pipe:
        pipe = Pipe(self.hub, high=1 << 20, manner=Manner.SAYS_SO)
        pipe.flows = True
        pipe.reader = self.hub.join(self.log.feed(ALICE), sink=pipe, encoding=Lines("lines"), position=0)
        return pipe

    @contextlib.asynccontextmanager
    async def turning(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.heartbeats.run())
        try:
            await self.clock.asleep.wait()
            yield
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.wait([task])


async def test_each_reader_gets_one_heartbeat_a_turn() -> None:
    stage = Stage()
    pipes = [stage.join() for _ in range(3 * SLOTS)]
    async with stage.turning():
        for turn in range(1, 4):
            await stage.clock.pass_(HEARTBEAT)
            assert [len(pipe.writes) for pipe in pipes] == [turn] * len(pipes)


async def test_a_reader_that_lets_nothing_out_is_ended_within_a_turn() -> None:
    stage = Stage()
    pipes = [stage.join() for _ in range(SLOTS)]
    moving = stage.join()
    async with stage.turning():
        for pipe in (*pipes, moving):
            pipe.queued = 1 << 20
            pipe.stall()
        ended = []
        for eighth in range(24):
            moving.let_out(eighth % 6 == 0)
            await stage.clock.pass_(HEARTBEAT / 8)
            ended.append(sum(pipe.aborted for pipe in pipes))
    assert ended[:7] == [0] * 7
    assert ended[8] == len(pipes)
    assert stage.hub.readers() == [moving.reader]


async def test_a_process_that_was_stopped_for_long_ends_nobody_for_it() -> None:
    stage = Stage()
    pipes = [stage.join() for _ in range(SLOTS)]
    async with stage.turning():
        for pipe in pipes:
            pipe.queued = 1 << 20
            pipe.stall()
        stage.clock.jump = 10 * HEARTBEAT
        stage.clock.until += stage.clock.jump
        await stage.clock.pass_(TICK)
        assert not any(pipe.aborted for pipe in pipes)


async def test_a_call_is_made_once_not_before_its_time_and_at_most_a_tick_after() -> None:
    stage = Stage()
    made: list[tuple[float, float]] = []
    async with stage.turning():
        for seconds in (0.0, 0.1, 0.25, 1.0, 7.3, 60.0):
            due = stage.clock() + seconds
            stage.heartbeats.at(seconds, lambda due=due: made.append((due, stage.clock())))  # type: ignore[misc]
        await stage.clock.pass_(90)
    assert len(made) == 6
    nap = HEARTBEAT / SLOTS
    assert all(due <= at <= due + TICK + nap for due, at in made)


async def test_a_call_that_was_cancelled_is_not_made() -> None:
    stage = Stage()
    made: list[str] = []

    def call() -> None:
        made.append("call")

    async with stage.turning():
        tick = stage.heartbeats.at(1.0, call)
        stage.heartbeats.cancel(tick, call)
        stage.heartbeats.cancel(tick, call)
        await stage.clock.pass_(5)
    assert made == []


async def test_a_call_may_cancel_another_of_the_same_moment_and_ask_for_a_new_one() -> None:
    stage = Stage()
    made: list[str] = []
    ticks: dict[str, int] = {}
    async with stage.turning():

        def one() -> None:
            made.append("one")
            stage.heartbeats.cancel(ticks["two"], two)
            stage.heartbeats.at(0.0, lambda: made.append("later"))

        def two() -> None:
            made.append("two")
            stage.heartbeats.cancel(ticks["one"], one)
            stage.heartbeats.at(0.0, lambda: made.append("later"))

        ticks |= {"one": stage.heartbeats.at(1.0, one), "two": stage.heartbeats.at(1.0, two)}
        await stage.clock.pass_(5)
    assert made in (["one", "later"], ["two", "later"])


@pytest.mark.parametrize("stopped", [0.0, 3 * HEARTBEAT], ids=["", "the process was stopped for a while"])
async def test_a_stream_is_warned_and_ends_before_its_token_does(stopped: float) -> None:
    stage = Stage()
    pipes = [stage.join() for _ in range(SLOTS)]
    async with stage.turning():
        end = int(stage.clock() + stopped + 100)
        for pipe in pipes:
            pipe.reader.expires = end
        stage.clock.jump = stopped
        stage.clock.until += stopped
        await stage.clock.pass_(30)
        assert all(pipe.told == [] for pipe in pipes)
        await stage.clock.pass_(20)
        assert all(pipe.told == ["expiring"] for pipe in pipes)
        await stage.clock.pass_(end - stage.clock() - HEARTBEAT)
        assert not any(pipe.aborted for pipe in pipes)
        await stage.clock.pass_(HEARTBEAT)
        assert all(pipe.told == ["expiring", "goaway"] for pipe in pipes)
        assert stage.hub.readers() == []


@pytest.mark.parametrize("left", [-1, 0, 1, 2, 3, 4, 5, 6])
async def test_a_stream_whose_token_ends_before_it_is_looked_at_is_told_at_once_and_ends_with_it(left: int) -> None:
    stage = Stage()
    async with stage.turning():
        for _ in range(SLOTS):
            pipe = stage.join()
            end = int(stage.clock()) + left
            stage.heartbeats.until(pipe.reader, end)
            if left <= HEARTBEAT:
                assert pipe.told == ["expiring"]
            lived_until = stage.clock()
            while not pipe.aborted:
                lived_until = stage.clock()
                await stage.clock.pass_(TICK)
            assert pipe.told == ["expiring", "goaway"]
            assert lived_until <= max(end, stage.clock() - TICK)
            if left <= HEARTBEAT / 2:
                assert lived_until >= end - 1, "not long before, either"
            await stage.clock.pass_(HEARTBEAT / 7)


async def test_a_stream_that_left_before_its_token_ended_is_not_written_to_again() -> None:
    stage = Stage()
    async with stage.turning():
        pipe = stage.join()
        stage.heartbeats.until(pipe.reader, int(stage.clock()) + 1)
        stage.hub.leave(pipe.reader)
        await stage.clock.pass_(HEARTBEAT)
    assert pipe.told == ["expiring"]


async def test_a_token_without_an_end_ends_nobody() -> None:
    stage = Stage()
    async with stage.turning():
        pipe = stage.join()
        stage.heartbeats.until(pipe.reader, 0)
        await stage.clock.pass_(2 * HEARTBEAT)
    assert pipe.told == []


async def test_who_does_not_poll_any_more_is_forgotten() -> None:
    stage = Stage()
    stage.hub.cache_membership(stage.log.feed(ALICE))
    async with stage.turning():
        await stage.clock.pass_(VISIT + 1)
        assert ALICE in stage.hub.recent_users
        await stage.clock.pass_(VISIT + 1)
        assert ALICE not in stage.hub.recent_users


@pytest.mark.parametrize("late", [0.0, 0.125, 1.0])
async def test_it_knows_how_late_the_loop_is(late: float) -> None:
    stage = Stage()
    async with stage.turning():
        for _ in range(100):
            stage.clock.jump = late
            stage.clock.until += late
            await stage.clock.pass_(HEARTBEAT / SLOTS)
    assert stage.heartbeats.late == pytest.approx(late, rel=0.01)
