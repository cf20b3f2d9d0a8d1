"""Polls: reading the log once after a cursor, from memory wherever that reaches back."""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from tidings.auth.grants import Grant
from tidings.background.catch_up import reset_data
from tidings.background.loop_lag import LoopLag
from tidings.background.replay_lane import ReplayLane
from tidings.domain.cursor import Cursor
from tidings.domain.errors import ShuttingDown
from tidings.domain.model import EventPage, Feed
from tidings.domain.ports import Encoding
from tidings.domain.topics import Topic
from tidings.hub.feed_page import PAGE_BYTES, feed_page
from tidings.hub.readers import Membership
from tidings.services.rate_limits import Replays
from tidings.services.store_gateway import StoreGateway
from tidings.services.streams import StartAfter, allowed_topics, start_position

INTERVAL = 5.0  # seconds between short polls of a client, while there is room
INTERVAL_MAX = 60.0  # seconds
RATE = 500.0  # polls a second that are nothing to worry about: less than a tenth of a core
LATE = 0.02  # seconds that the loop may be late before polls are asked to come less often


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The events after a cursor when the hub stood at `head`."""

    frames: Sequence[bytes] = ()
    epoch: str  # that is written to
    position: int  # where to go on from
    cursor: Cursor  # the same as a client has it
    topics: Sequence[Topic] = ()  # that were asked for beside the feed
    more: bool = False  # there is something after that
    tag: str | None = None  # changes when the answer to the same request would; None: that may be at any time
    head: int
    membership: Membership | None = None  # known where nothing was found: a long poll may wait

    @property
    def nothing(self) -> bool:
        return not self.frames and not self.more


class PollService:
    """The verb of short and long polls."""

    def __init__(
        self, gateway: StoreGateway, loop_lag: LoopLag, *, replays: Replays, lane: ReplayLane, encoding: Encoding
    ) -> None:
        self._gateway = gateway
        self._lane = lane
        self._replays = replays
        self._loop_lag = loop_lag
        self._encoding = encoding

    async def look(
        self, grant: Grant, wanted: StartAfter, *, topics: Sequence[Topic] = (), limit: int, skip: bool = False
    ) -> Found:
        """The events after a cursor. `skip`: a `reset` is to the head.

        Raises `NotIdentified`, `TopicForbidden`, `ShuttingDown`, `RateLimited` and what the store raises.
        """
        user = grant.me()
        extra = allowed_topics(grant, topics) if topics else ()
        gateway, hub = self._gateway, self._gateway.hub
        while True:
            if gateway.draining:
                raise ShuttingDown("this server is stopping; poll again")
            await gateway.settled()
            membership = hub.memberships.cached(user)
            if membership is not None:
                if wanted is None:
                    wanted = gateway.cursor(hub.head)
                position = gateway.store.lineage.position(wanted) if isinstance(wanted, Cursor) else None
                if position is not None and hub.ring.covers(position):
                    return self._window(membership, extra, after=position, limit=limit)
            feed = await gateway.feed(user)
            opened = start_position(feed, gateway.store.lineage, wanted, skip=skip)
            wanted = gateway.cursor(opened.position)
            if opened.reset is not None:
                frame = self._encoding.control("reset", reset_data(wanted, reason=opened.reset), id=str(wanted))
                return self._found([frame], position=wanted.seq, more=True, head=hub.head)
            if hub.ring.covers(wanted.seq):
                hub.memberships.cache(feed)
                continue
            self._replays.check(user)
            async with self._lane.place():
                page = await gateway.store.read(
                    user, follows=feed.follows, extra=extra, after=wanted.seq, through=feed.head, limit=limit
                )
            if page is not None and page.events:
                self._replays.charge(user, page.events)
                return self._page(page, feed, head=feed.head)
            if page is not None:
                wanted = gateway.cursor(page.through)  # else retention took some meanwhile: the next look says so

    def interval(self) -> int:
        """Seconds after which a client should poll again: longer when many do, or when there is much else to do."""
        pollers = len(self._gateway.hub.memberships.pollers)
        load = max(1.0, pollers / (RATE * INTERVAL), self._loop_lag.seconds / LATE)
        return round(min(INTERVAL * load, INTERVAL_MAX))

    def _window(self, membership: Membership, extra: Sequence[Topic], *, after: int, limit: int) -> Found:
        """From memory."""
        hub = self._gateway.hub
        entries, position, newest = feed_page(hub.ring, membership, extra, after=after, limit=limit)
        if newest == after and hub.ring.evicts_soon(after):
            # Until here the place stays the same, so that the same request is made again.
            position = newest = hub.head
        frames = [frame for entry in entries if (frame := entry.frame(self._encoding))]
        found = self._found(frames, position=position, more=position < newest, head=hub.head)
        return replace(found, topics=extra, tag=str(newest), membership=membership)

    def _page(self, page: EventPage, feed: Feed, *, head: int) -> Found:
        """From the store. A page of nothing but muted events is one, too."""
        frames: list[bytes] = []
        size, position = 0, page.through
        for event in page.events:
            if not event.muted(feed.mutes):
                frames.append(self._encoding.event(event))
                size += len(event.data)
                if size >= PAGE_BYTES:
                    position = event.seq
                    break
        return self._found(frames, position=position, more=position < head, head=head)

    def _found(self, frames: Sequence[bytes], *, position: int, more: bool, head: int) -> Found:
        gateway = self._gateway
        return Found(
            frames=frames,
            epoch=gateway.store.epoch,
            position=position,
            cursor=gateway.cursor(position),
            more=more,
            head=head,
        )
