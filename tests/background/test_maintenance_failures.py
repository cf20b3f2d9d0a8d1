"""Maintenance goes on when the store cannot take its work, and says so once."""

from typing import Any

import pytest

from tidings.background.maintenance import EXPIRY_INTERVAL, RETRY_INTERVAL, Maintenance
from tidings.domain.errors import StoreUnavailable
from tidings.settings import Settings

pytestmark = pytest.mark.anyio


class Stopped(Exception):
    pass


class FullDisk:
    """A store whose writes fail in some rounds, with something to expire in each."""

    def __init__(self, *, failing: int, rounds: int) -> None:
        self.failing = failing
        self.rounds = rounds
        self.round = 0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.round += 1
        if self.round > self.rounds:
            raise Stopped

    async def query(self, script: Any) -> Any:
        """The answer to a question, by the name of what asks it: there is something to do, in a log with no events."""
        answers = {"measure": (None, 0), "abandoned": None}
        return answers.get(script.__qualname__.partition(".")[0], self.round <= self.failing)

    async def write(self, job: Any) -> int:
        if self.round <= self.failing:
            raise StoreUnavailable("database or disk is full")
        return 0

    async def nothing(self) -> None:
        pass


async def test_failing_store_is_logged_when_it_begins_and_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    """A full disk with something to expire was five lines a second for ever."""
    disk = FullDisk(failing=50, rounds=60)
    maintenance = Maintenance(
        Settings(mode="dev"),
        process="a",
        write=disk.write,
        query=disk.query,
        sweep=disk.nothing,
        rest=disk.nothing,
        sleep=disk.sleep,
    )
    with pytest.raises(Stopped):
        await maintenance.run()
    assert [record.message for record in caplog.records] == ["maintenance_failed", "maintenance_recovered"]
    assert disk.slept[1:51] == [RETRY_INTERVAL] * 50
    assert disk.slept[52:] == [EXPIRY_INTERVAL] * len(disk.slept[52:])


async def test_failing_task_holds_up_no_other_and_is_tried_again_in_the_next_round() -> None:
    """On a full disk nothing expires; the workbooks that are over must go all the same, and at once when they can."""
    disk = FullDisk(failing=50, rounds=10)
    tried = {"sweep": 0, "rest": 0}

    async def sweep() -> None:
        tried["sweep"] += 1
        if tried["sweep"] < 3:
            raise StoreUnavailable("not yet")

    async def rest() -> None:
        tried["rest"] += 1

    maintenance = Maintenance(
        Settings(mode="dev"),
        process="a",
        write=disk.write,
        query=disk.query,
        sweep=sweep,
        rest=rest,
        sleep=disk.sleep,
    )
    with pytest.raises(Stopped):
        await maintenance.run()
    assert tried == {"sweep": 3, "rest": 2}
