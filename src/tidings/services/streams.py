"""The verb of streams: the position where one starts, and its first frames."""

import itertools
from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace

from tidings.auth.grants import Grant
from tidings.auth.revocations import Revocations
from tidings.background.catch_up import reset_data
from tidings.domain.cursor import Cursor
from tidings.domain.errors import (
    InvalidRequest,
    InvalidToken,
    ShuttingDown,
    TidingsError,
    TooManyConnections,
    TooManyStreams,
)
from tidings.domain.lineage import Lineage
from tidings.domain.model import Feed
from tidings.domain.notification import rfc3339
from tidings.domain.ports import Encoding
from tidings.domain.results import CountersAt
from tidings.domain.topics import Topic, User
from tidings.hub.liveness import HEARTBEAT_SLOTS, heartbeat_slots
from tidings.services.rate_limits import Replays
from tidings.services.store_gateway import StoreGateway
from tidings.transports.stream import Opening

TOPICS = 100  # that one stream may ask for beside its feed

START: Literal["start"] = "start"
StartAfter = Cursor | Literal["start"] | None  # None: from now

_encode = msgspec.json.Encoder().encode


class StartPosition(msgspec.Struct, frozen=True, kw_only=True):
    """The start of a stream: after `position`; `reset` is the reason, if the client asked for another one."""

    position: int
    reset: str | None = None


def start_position(feed: Feed, lineage: Lineage, wanted: StartAfter, *, skip: bool = False) -> StartPosition:
    """A cursor that the log cannot serve means a reset to the oldest position that is kept, never silence (law 3).

    A cursor beyond a fork of the log means a reset to the fork: what came before it is not lost. `skip`: any reset is
    to the head, for a client that loads its inbox then.
    """
    found = _start_position(feed, lineage, wanted)
    return replace(found, position=feed.head) if skip and found.reset is not None else found


def _start_position(feed: Feed, lineage: Lineage, wanted: StartAfter) -> StartPosition:
    if wanted is None:
        return StartPosition(position=feed.head)
    if wanted == START:
        return StartPosition(position=feed.floor)
    try:
        end = lineage.ends_at(wanted.epoch)
    except KeyError:
        return StartPosition(position=feed.floor, reset="unknown_epoch")
    if end is not None and wanted.seq > end:
        return StartPosition(position=max(end, feed.floor), reset="forked")
    if wanted.seq > feed.head:
        return StartPosition(position=feed.floor, reset="ahead")
    if wanted.seq < feed.floor:
        return StartPosition(position=feed.floor, reset="pruned")
    return StartPosition(position=wanted.seq)


def parse_start(text: str | None) -> StartAfter:
    """A cursor, `start`, or nothing for from now on. Raises `InvalidCursor`."""
    if text is None or text == START:
        return START if text else None
    return Cursor.parse(text)


def allowed_topics(grant: Grant, topics: Sequence[Topic]) -> tuple[Topic, ...]:
    """Topics beside the feed, each once. Raises `TopicForbidden`, and `InvalidRequest` for too many."""
    if len(topics) > TOPICS:
        raise InvalidRequest(f"a stream may ask for {TOPICS} topics")
    return tuple(dict.fromkeys([grant.may_read(topic) for topic in topics]))


class StreamService:
    """Opens streams of any transport."""

    def __init__(self, gateway: StoreGateway, *, revoked: Revocations, replays: Replays, process: str) -> None:
        """`process` tells the names of this process's connections from those of others."""
        self._gateway = gateway
        self._revoked = revoked
        self._replays = replays
        self._process = process
        self._connections = itertools.count(1)
        self.refused = 0  # streams beyond a user's

    def cursor(self, seq: int) -> Cursor:
        """The cursor after an event of the log that is served."""
        return self._gateway.cursor(seq)

    def admit(self, user: User) -> None:
        """Refuse a stream beyond the limits. Raises `ShuttingDown`, `TooManyConnections`, `TooManyStreams`."""
        error = self._refusal(user)
        if error is not None:
            self.refused += isinstance(error, TooManyStreams)
            raise error

    def _refusal(self, user: User) -> TidingsError | None:
        gateway = self._gateway
        if gateway.draining:
            return ShuttingDown("this server is stopping; connect again")
        if gateway.hub.open.total() >= gateway.settings.max_connections:
            return TooManyConnections("this server holds as many streams as it may; try again later")
        if gateway.hub.connections(user) >= gateway.settings.max_user_streams:
            return TooManyStreams(f"a user has at most {gateway.settings.max_user_streams} streams here")
        return None

    async def open(
        self,
        grant: Grant,
        wanted: StartAfter,
        *,
        topics: Sequence[Topic] = (),
        encoding: Encoding,
        heartbeat: float | None = None,
        skip: bool = False,
    ) -> Opening:
        """The start of a caller's stream, admitted until the next await.

        `heartbeat`: seconds between two, if the caller wants them more often than the server sends them. `skip`: a
        `reset` is to the head.

        Raises `NotIdentified`, `TopicForbidden`, `RateLimited` and what `admit` raises.
        """
        known = self.open_known(grant, wanted, topics=topics, encoding=encoding, heartbeat=heartbeat, skip=skip)
        if known is not None:
            return known
        user = grant.me()
        self.admit(user)
        if not self._in_ring(wanted):
            self._replays.check(user)
        feed = await self._gateway.feed(user)
        self.admit(user)  # others have come meanwhile, or the server stops
        if self._revoked.refuses(grant):
            raise InvalidToken("the token was revoked meanwhile")
        return self._opening(
            grant, feed, wanted, allowed_topics(grant, topics), encoding=encoding, heartbeat=heartbeat, skip=skip
        )

    def open_known(
        self,
        grant: Grant,
        wanted: StartAfter,
        *,
        topics: Sequence[Topic] = (),
        encoding: Encoding,
        heartbeat: float | None = None,
        skip: bool = False,
    ) -> Opening | None:
        """The same where nothing has to be waited for; None if the store has to be asked, or the stream is refused.

        Raises `NotIdentified`, `TopicForbidden`.
        """
        user = grant.me()
        extra = allowed_topics(grant, topics) if topics else ()
        feed = self._gateway.known_feed(user) if self._in_ring(wanted) else None
        if feed is None or self._refusal(user) is not None:
            return None
        return self._opening(grant, feed, wanted, extra, encoding=encoding, heartbeat=heartbeat, skip=skip)

    def _opening(
        self,
        grant: Grant,
        feed: Feed,
        wanted: StartAfter,
        extra: Sequence[Topic],
        *,
        encoding: Encoding,
        heartbeat: float | None,
        skip: bool,
    ) -> Opening:
        gateway = self._gateway
        start = start_position(feed, gateway.store.lineage, wanted, skip=skip)
        seconds, slots = gateway.settings.heartbeat, None
        if heartbeat is not None and heartbeat < seconds:
            slots = heartbeat_slots(heartbeat, heartbeat=seconds)
            seconds = max(heartbeat, seconds * slots / HEARTBEAT_SLOTS)
        return Opening(
            feed=feed,
            extra=extra,
            encoding=encoding,
            position=start.position,
            preface=self._preface(feed, start, encoding, heartbeat=seconds),
            expires=grant.expires,
            credential=grant,
            heartbeat=seconds,
            heartbeat_slots=slots,
        )

    def _in_ring(self, wanted: StartAfter) -> bool:
        """Return True for a start that needs no store: from now, or after a position that the ring covers."""
        if wanted is None:
            return True
        position = self._gateway.store.lineage.position(wanted) if isinstance(wanted, Cursor) else None
        return position is not None and self._gateway.hub.ring.covers(position)

    def _preface(self, feed: Feed, start: StartPosition, encoding: Encoding, *, heartbeat: float) -> bytes:
        """The frames before the log: `hello`, and `reset` where the log cannot serve the cursor."""
        gateway = self._gateway
        cursor = str(gateway.cursor(start.position))
        counted = cursor if feed.head == start.position else str(gateway.cursor(feed.head))
        hello = {
            "cursor": cursor,
            "counters": CountersAt.of(feed.counters, counted),
            "heartbeat": heartbeat,
            "connection": f"{self._process}-{next(self._connections)}",
            "user": feed.user,
            "time": rfc3339(gateway.clock()),
        }
        frames = encoding.control("hello", _encode(hello), id=cursor, retry=gateway.settings.retry)
        if start.reset is not None:
            data = reset_data(gateway.cursor(start.position), reason=start.reset)
            frames += encoding.control("reset", data, id=cursor)
        return frames
