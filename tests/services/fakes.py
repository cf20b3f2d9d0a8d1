"""A store whose answers come as late as a test wants, over a log in memory."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any

from tests.model.log import EPOCH, Log
from tidings.background.bus_link import BusLink
from tidings.background.relay import Relay
from tidings.background.replay_lane import ReplayLane
from tidings.background.store_retry import StoreRetry
from tidings.bus.local import LocalBus
from tidings.domain.errors import StoreUnavailable
from tidings.domain.lineage import Epoch, Lineage
from tidings.domain.model import Event, EventPage, Feed, Span
from tidings.domain.ports import Outcome
from tidings.domain.topics import Topic, User
from tidings.limits.budgets import Budgets
from tidings.services.rate_limits import Replays

UNLIMITED = Replays(Budgets(rate=0, burst=1, clock=lambda: 0.0), jitter=lambda: 0.0)


class FakeStore:
    """Every answer is of the moment of the question, and comes some turns of the loop later."""

    def __init__(self, log: Log, *, turns: Iterable[int] = repeat(0)) -> None:
        self.log = log
        self.lineage = Lineage([Epoch(EPOCH, 0)])
        self.away = False  # every answer is `StoreUnavailable`
        self.under_way = 0
        self.most_under_way = 0
        self.asked: list[str] = []
        self._turns: Iterator[int] = iter(turns)

    @property
    def epoch(self) -> str:
        return self.lineage.epoch

    def fork(self, forked_at: int) -> None:
        self.lineage = Lineage([*self.lineage.epochs, Epoch("forked", forked_at)])

    async def _late(self, name: str) -> None:
        self.asked.append(name)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            for _ in range(next(self._turns, 0)):
                await asyncio.sleep(0)
        finally:
            self.under_way -= 1
        if self.away:
            raise StoreUnavailable("the disk is full")

    async def transact(self, jobs: Sequence[Any]) -> Outcome:
        raise NotImplementedError

    wal_bytes = 0

    async def rest(self) -> None:
        raise NotImplementedError

    async def query(self, script: Callable[[Any], Any]) -> Any:
        raise NotImplementedError

    async def feeds(self, users: Sequence[User]) -> Sequence[Feed | None]:
        found = [self.log.feed(user) for user in users]
        await self._late("feeds")
        return found

    async def read(
        self, user: User, *, follows: Iterable[Topic], extra: Iterable[Topic], after: int, through: int, limit: int
    ) -> EventPage | None:
        page = self.log.read(user, follows=follows, extra=extra, after=after, through=through, limit=limit)
        await self._late("read")
        return page

    async def tail(self, *, after: int, limit: int) -> EventPage:
        events: Sequence[Event] = self.log.tail(after=after, limit=limit)
        await self._late("tail")
        return EventPage(events=events, through=events[-1].seq if events else after)

    async def span(self) -> Span:
        span = Span(self.log.floor, self.log.head)
        await self._late("span")
        return span


def retrying() -> StoreRetry:
    """Retries that cost no time."""
    return StoreRetry(clock=lambda: 0.0, sleep=lambda seconds: asyncio.sleep(0))


def never_resting() -> ReplayLane:
    """A lane whose places are free as soon as they are given back."""
    return ReplayLane(clock=lambda: 0.0, later=lambda _, release: release())


def alone(relay: Relay) -> BusLink:
    """The link of a node that is the only one."""
    return BusLink(LocalBus(), relay, epoch=lambda: EPOCH, node="node", clock=lambda: 0.0)


async def quiet(turns: int = 50) -> None:
    """Let everything that can go on go on."""
    for _ in range(turns):
        await asyncio.sleep(0)
