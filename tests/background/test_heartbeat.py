"""The heartbeat sweep and the timers of connections, on a clock that the test moves."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.background.fake_clock import FakeClock, running
from tests.hub.fake_sink import FakeSink, LineEncoding, WhenFull
from tests.model.log import Log
from tidings.background.connection_timers import ConnectionTimers
from tidings.background.heartbeat import HeartbeatScheduler
from tidings.background.timer_wheel import TICK, TimerWheel
from tidings.domain.topics import User
from tidings.hub.hub import Hub
from tidings.hub.liveness import HEARTBEAT_SLOTS
from tidings.hub.ring import Ring

HEARTBEAT = 4.0  # seconds: a slot lasts 1/8 of one, which a clock in floats tells exactly
ALICE = User("alice")


class HeartbeatHarness:
    """A hub with its heartbeat sweep and timers, and a clock."""

    def __init__(self) -> None:
        self.clock = clock = FakeClock()
        self.log = Log()
        self.hub = Hub(Ring(head=0), on_work=lambda: None)
        self._wheel = TimerWheel(clock=clock, sleep=clock.sleep)
        self.timers = ConnectionTimers(self._wheel, self.hub.liveness, heartbeat=HEARTBEAT, wall_clock=clock)
        self._heartbeats = HeartbeatScheduler(
            self.hub.liveness, heartbeat=HEARTBEAT, clock=clock, wall_clock=clock, sleep=clock.sleep
        )

    def join(self) -> FakeSink:
        sink = FakeSink(self.hub, high=1 << 20, when_full=WhenFull.STALL)
        sink.acks_at_once = True
        sink.reader = self.hub.join(self.log.feed(ALICE), sink=sink, encoding=LineEncoding("lines"), position=0)
        return sink

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with running(self._wheel.run(), self._heartbeats.run()):
            yield


async def test_each_reader_gets_one_heartbeat_per_interval() -> None:
    harness = HeartbeatHarness()
    sinks = [harness.join() for _ in range(3 * HEARTBEAT_SLOTS)]
    async with harness.running():
        for turn in range(1, 4):
            await harness.clock.advance(HEARTBEAT)
            assert [len(sink.writes) for sink in sinks] == [turn] * len(sinks)


async def test_reader_without_progress_is_aborted_within_a_heartbeat() -> None:
    harness = HeartbeatHarness()
    sinks = [harness.join() for _ in range(HEARTBEAT_SLOTS)]
    moving = harness.join()
    async with harness.running():
        for sink in (*sinks, moving):
            sink.queued = 1 << 20
            sink.stall()
        aborted = []
        for eighth in range(24):
            moving.ack(eighth % 6 == 0)
            await harness.clock.advance(HEARTBEAT / 8)
            aborted.append(sum(sink.aborted for sink in sinks))
    assert aborted[:7] == [0] * 7
    assert aborted[8] == len(sinks)
    assert harness.hub.readers() == [moving.reader]


async def test_process_that_was_stopped_for_long_aborts_no_reader_for_it() -> None:
    harness = HeartbeatHarness()
    sinks = [harness.join() for _ in range(HEARTBEAT_SLOTS)]
    async with harness.running():
        for sink in sinks:
            sink.queued = 1 << 20
            sink.stall()
        harness.clock.jump(10 * HEARTBEAT)
        await harness.clock.advance(TICK)
        assert not any(sink.aborted for sink in sinks)


@pytest.mark.parametrize("stopped", [0.0, 3 * HEARTBEAT], ids=["", "the process was stopped for a while"])
async def test_stream_is_warned_and_ends_before_its_token_does(stopped: float) -> None:
    harness = HeartbeatHarness()
    sinks = [harness.join() for _ in range(HEARTBEAT_SLOTS)]
    async with harness.running():
        end = int(harness.clock() + stopped + 100)
        for sink in sinks:
            sink.reader.expires = end
        harness.clock.jump(stopped)
        await harness.clock.advance(30)
        assert all(sink.controls == [] for sink in sinks)
        await harness.clock.advance(20)
        assert all(sink.controls == ["expiring"] for sink in sinks)
        await harness.clock.advance(end - harness.clock() - HEARTBEAT)
        assert not any(sink.aborted for sink in sinks)
        await harness.clock.advance(HEARTBEAT)
        assert all(sink.controls == ["expiring", "goaway"] for sink in sinks)
        assert harness.hub.readers() == []


@pytest.mark.parametrize("left", [-1, 0, 1, 2, 3, 4, 5, 6])
async def test_stream_whose_token_ends_before_the_next_sweep_is_warned_at_once_and_ends_in_time(left: int) -> None:
    harness = HeartbeatHarness()
    async with harness.running():
        for _ in range(HEARTBEAT_SLOTS):
            sink = harness.join()
            end = int(harness.clock()) + left
            harness.timers.expire_at(sink.reader, end)
            if left <= HEARTBEAT:
                assert sink.controls == ["expiring"]
            lived_until = harness.clock()
            while not sink.aborted:
                lived_until = harness.clock()
                await harness.clock.advance(TICK)
            assert sink.controls == ["expiring", "goaway"]
            assert lived_until <= max(end, harness.clock() - TICK) + 1e-6
            if left <= HEARTBEAT / 2:
                assert lived_until >= end - 1, "not long before, either"
            await harness.clock.advance(HEARTBEAT / 7)


async def test_stream_that_left_before_its_token_ended_is_not_written_to_again() -> None:
    harness = HeartbeatHarness()
    async with harness.running():
        sink = harness.join()
        harness.timers.expire_at(sink.reader, int(harness.clock()) + 1)
        harness.hub.leave(sink.reader)
        await harness.clock.advance(HEARTBEAT)
    assert sink.controls == ["expiring"]


async def test_token_without_an_end_ends_no_stream() -> None:
    harness = HeartbeatHarness()
    async with harness.running():
        sink = harness.join()
        harness.timers.expire_at(sink.reader, 0)
        await harness.clock.advance(2 * HEARTBEAT)
    assert sink.controls == []
