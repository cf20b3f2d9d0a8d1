"""The verbs of operators: is it ready, and how is it?"""

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from tidings.domain.errors import ShuttingDown, StoreUnavailable
from tidings.services.store_gateway import StoreGateway


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The log that is served: its epoch, its newest seq and the newest that retention removed."""

    status: Literal["ready", "degraded"]  # degraded: the bus is down, and events of other nodes come later
    epoch: str | UnsetType = UNSET
    head: int | UnsetType = UNSET
    floor: int | UnsetType = UNSET


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """The hub's own numbers: nothing is counted twice, nothing on the hot path."""

    connections: Mapping[str, int]  # per transport
    ended: Mapping[str, int]  # connections, per reason
    topics: int
    users: int
    catching_up: int
    head: int
    published: int
    delivered: int
    store_away: bool  # it does not answer, and readers wait
    store_failures: int  # background reads that it did not answer
    wal_bytes: int  # of the store's write-ahead log
    bus_down: bool  # this node does not hear itself
    bus_frames_dropped: Mapping[str, int]  # per reason
    limited: Mapping[str, int]  # requests refused by the limit of one caller, per limit
    writer_seconds: float  # for which the writer was held
    body_bytes: int  # of bodies that are held in memory


class StatusService:
    """The state of this process."""

    def __init__(
        self, gateway: StoreGateway, *, limited: Callable[[], Mapping[str, int]], body_bytes: Callable[[], int]
    ) -> None:
        """`limited` counts the requests that a limit of one caller refused, by limit; `body_bytes` those in memory."""
        self._gateway = gateway
        self._body_bytes = body_bytes
        self._limited = limited

    async def ready(self) -> Ready:
        """The log, read from the store now. Raises `ShuttingDown`, `StoreUnavailable`."""
        if self._gateway.leaving or self._gateway.draining:
            raise ShuttingDown("this server is stopping")
        if self._gateway.relay.store_away:
            raise StoreUnavailable("the store does not answer; readers that are behind wait for it")
        span = await self._gateway.store.span()
        # Not a refusal: the store is looked at more often meanwhile, so nothing is lost and all can be served (law 7).
        status: Literal["ready", "degraded"] = "degraded" if self._gateway.link.down else "ready"
        return Ready(status=status, epoch=self._gateway.store.epoch, head=span.head, floor=span.floor)

    def numbers(self) -> Numbers:
        """Counts of connections and of deliveries so far."""
        hub, relay, link = self._gateway.hub, self._gateway.relay, self._gateway.link
        return Numbers(
            connections=hub.open,
            ended=hub.ended,
            topics=hub.topics,
            users=hub.users,
            catching_up=len(hub.catch_up_queue) + len(hub.store_queue),
            head=hub.head,
            published=hub.published,
            delivered=hub.delivered,
            store_away=relay.store_away,
            store_failures=relay.store_failures,
            wal_bytes=self._gateway.store.wal_bytes,
            bus_down=link.down,
            bus_frames_dropped=link.dropped,
            limited=self._limited(),
            writer_seconds=self._gateway.writer_seconds,
            body_bytes=self._body_bytes(),
        )
