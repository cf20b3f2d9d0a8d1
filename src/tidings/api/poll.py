"""The receiving plane's polls: the log after a cursor, now or as soon as there is something."""

import hashlib
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from tidings.api.context import ApiContext
from tidings.api.http import Request, if_none_match, number, route
from tidings.api.stream import asked_topics
from tidings.auth.identity import Purpose
from tidings.background.loop_lag import LoopLag
from tidings.domain.cursor import Cursor
from tidings.domain.topics import User
from tidings.services.polls import Found, Polls
from tidings.transports.poll import LongPoll, PollContext
from tidings.transports.poll_frames import PollEncoding, page
from tidings.transports.timer import Timer

WAIT = 60  # seconds that a poll may wait
LIMIT = 1000  # events in one answer


def routes(context: ApiContext, timer: Timer, loop_lag: LoopLag) -> list[Route]:
    """`GET /v1/poll`."""
    gateway = context.gateway
    epoch = gateway.store.epoch
    encoding = PollEncoding(epoch)
    poll_context = PollContext(hub=gateway.hub, timer=timer, encoding=encoding)
    polls = Polls(gateway, loop_lag, encoding=encoding)

    async def poll(request: Request) -> Any:
        grant = await context.grant(request, purpose=Purpose.LISTEN)
        user = grant.me()
        extra = asked_topics(grant, request)
        wanted = context.cursor(request.query_params.get("cursor"))
        wait = number(request, "wait", default=0, least=0, most=WAIT)
        limit = number(request, "limit", default=100, least=1, most=LIMIT)
        found = await polls.look(user, extra, wanted, limit=limit)
        if wait and found.nothing and found.membership is not None and request.method == "GET":
            gateway.admit()
            return LongPoll(
                poll_context,
                membership=found.membership,
                extra=extra,
                position=found.position,
                head=found.head,
                wait=wait,
                limit=limit,
                expires=grant.expires,
            )
        headers = {"cache-control": "private, no-cache", "x-poll-interval": str(polls.interval())}
        if found.tag is not None:
            headers["etag"] = tag = entity_tag(epoch, user, found)
            if if_none_match(request, tag, star=found.nothing):
                return Response(status_code=304, headers=headers)
        content = page(found.frames, cursor=Cursor(epoch, found.position), more=found.more)
        return Response(content, headers=headers, media_type="application/json")

    return [route("/v1/poll", poll, "GET")]


def entity_tag(epoch: str, user: User, found: Found) -> str:
    """Says where the feed stands, and whose it is: without that, a cache might take one person's page for another's."""
    whose = hashlib.blake2b(user.encode(), digest_size=6).hexdigest()
    return f'"{epoch}-{found.tag}-{whose}"'
