"""The receiving plane's streams: SSE. (WebSocket and polls have modules of their own.)"""

import itertools
import secrets
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.routing import Route

from tidings.api.context import ApiContext
from tidings.api.http import Connection, Request, route
from tidings.auth.grants import Grant
from tidings.auth.identity import Purpose
from tidings.background.catch_up import reset_data
from tidings.domain.cursor import Cursor
from tidings.domain.errors import InvalidRequest
from tidings.domain.model import Counters
from tidings.domain.topics import Topic, parse_topic
from tidings.services.store_gateway import Opening, StoreGateway
from tidings.transports import sse
from tidings.transports.stream import Stream
from tidings.transports.timer import Timer

TOPICS = 100  # that one stream may ask for beside its feed

# A name for each stream: unique, not secret, and no call into the kernel's random numbers for each.
_PROCESS = secrets.token_urlsafe(6)
_sessions = itertools.count(1)

_encode = msgspec.json.Encoder().encode


def routes(context: ApiContext, timer: Timer) -> list[Route]:
    """`GET /v1/stream`."""
    encoding = sse.SseEncoding(context.gateway.store.epoch)

    async def stream(request: Request) -> Stream:
        grant = await context.grant(request, purpose=Purpose.LISTEN)
        extra = asked_topics(grant, request)
        return await open_stream(context, timer, request, grant, encoding=encoding, extra=extra)

    return [route("/v1/stream", stream, "GET")]


async def open_stream(
    context: ApiContext,
    timer: Timer,
    request: Request,
    grant: Grant,
    *,
    encoding: sse.SseEncoding,
    extra: Sequence[Topic],
) -> Stream:
    """One stream of server-sent events. Raises `InvalidCursor` and what `Desk.open` raises."""
    gateway = context.gateway
    wanted = context.cursor(request.headers.get("last-event-id") or request.query_params.get("cursor"))
    opened = await gateway.open(grant.me(), wanted)
    start = Cursor(gateway.store.epoch, opened.position)
    preface = encoding.control("hello", hello(gateway, opened), id=str(start), retry=gateway.settings.retry)
    if opened.reset is not None:
        preface += encoding.control("reset", reset_data(start, reason=opened.reset), id=str(start))
    return Stream(
        hub=gateway.hub,
        timer=timer,
        feed=opened.feed,
        extra=extra,
        encoding=encoding,
        position=opened.position,
        preface=preface,
        headers=sse.SSE_HEADERS,
        expires=grant.expires,
    )


def asked_topics(grant: Grant, request: Connection) -> tuple[Topic, ...]:
    """The topics that a stream asks for beside its feed. Raises `InvalidTopic`, `TopicForbidden`."""
    if "topic" not in request.query_params:
        return ()
    asked = request.query_params.getlist("topic")
    if len(asked) > TOPICS:
        raise InvalidRequest(f"a stream may ask for {TOPICS} topics")
    return tuple(dict.fromkeys(grant.may_read(parse_topic(text)) for text in asked))


def hello(gateway: StoreGateway, opened: Opening) -> bytes:
    """The data of `hello`."""
    epoch = gateway.store.epoch
    return _encode(
        {
            "cursor": str(Cursor(epoch, opened.position)),
            "counters": counters(opened.feed.counters, Cursor(epoch, opened.feed.head)),
            "heartbeat": gateway.settings.heartbeat,
            "session": f"{_PROCESS}-{next(_sessions)}",
        }
    )


def counters(counted: Counters, at: Cursor) -> dict[str, Any]:
    """The wire form of counters, true at a cursor."""
    return {
        "unread": counted.unread,
        "unseen": counted.unseen,
        "by_type": counted.by_type,
        "more": counted.more,
        "cursor": str(at),
    }
