"""The lane of replays: a few at a time, each place at rest for as long as it was taken."""

import asyncio
from collections.abc import Callable

from tests.background.fake_clock import settle
from tidings.background.replay_lane import PLACES, REST, ReplayLane


class Lane:
    """A lane in a time that stands still unless a test moves it, with readers that read for as long as it wants."""

    def __init__(self) -> None:
        self.now = 0.0
        self.resting: list[tuple[float, Callable[[], None]]] = []
        self.lane = ReplayLane(clock=lambda: self.now, later=lambda seconds, do: self.resting.append((seconds, do)))
        self.reading: list[asyncio.Event] = []
        self.tasks = [asyncio.create_task(self._read()) for _ in range(PLACES + 1)]

    async def _read(self) -> None:
        async with self.lane.place():
            self.reading.append(over := asyncio.Event())
            await over.wait()


async def test_replays_beyond_the_places_wait() -> None:
    test = Lane()
    await settle()
    assert len(test.reading) == PLACES
    for task in test.tasks:
        task.cancel()


async def test_place_rests_for_as_long_as_it_was_taken() -> None:
    test = Lane()
    await settle()
    test.now += 0.3
    test.reading[0].set()
    await settle()
    assert len(test.reading) == PLACES  # the one that is free now rests
    [(seconds, wake)] = test.resting
    assert seconds == 0.3 * REST
    wake()
    await settle()
    assert len(test.reading) == PLACES + 1
    for task in test.tasks:
        task.cancel()


async def test_reader_that_leaves_gives_its_place_back() -> None:
    test = Lane()
    await settle()
    test.tasks[0].cancel()
    await settle()
    [(_, wake)] = test.resting
    wake()
    await settle()
    assert len(test.reading) == PLACES + 1
    for task in test.tasks:
        task.cancel()
