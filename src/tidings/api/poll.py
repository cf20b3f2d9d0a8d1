"""The receiving plane's polls: the log after a cursor, now or as soon as there is something."""

import hashlib
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from tidings.api.door import Door
from tidings.api.http import Request, has, number, route
from tidings.api.stream import asked_topics
from tidings.domain.cursor import Cursor
from tidings.domain.topics import User
from tidings.service.polls import Found, Polls
from tidings.service.wheel import Wheel
from tidings.transports.poll import Room, Waiting
from tidings.transports.poll_frames import PollEncoding, page

WAIT = 60  # seconds that a poll may wait
LIMIT = 1000  # events in one answer


def routes(door: Door, wheel: Wheel) -> list[Route]:
    """`GET /v1/poll`."""
    desk = door.desk
    epoch = desk.store.epoch
    encoding = PollEncoding(epoch)
    room = Room(hub=desk.hub, timer=wheel, encoding=encoding)
    polls = Polls(desk, wheel, encoding=encoding)

    async def poll(request: Request) -> Any:
        grant = door.grant(request)
        user = grant.me()
        extra = asked_topics(grant, request)
        wanted = door.cursor(request.query_params.get("cursor"))
        wait = number(request, "wait", default=0, least=0, most=WAIT)
        limit = number(request, "limit", default=100, least=1, most=LIMIT)
        found = await polls.look(user, extra, wanted, limit=limit)
        if wait and found.nothing and found.membership is not None and request.method == "GET":
            desk.admit()
            return Waiting(
                room,
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
            if has(request, tag, star=found.nothing):
                return Response(status_code=304, headers=headers)
        content = page(found.frames, cursor=Cursor(epoch, found.position), more=found.more)
        return Response(content, headers=headers, media_type="application/json")

    return [route("/v1/poll", poll, "GET")]


def entity_tag(epoch: str, user: User, found: Found) -> str:
    """Says where the feed stands, and whose it is: without that, a cache might take one person's page for another's."""
    whose = hashlib.blake2b(user.encode(), digest_size=6).hexdigest()
    return f'"{epoch}-{found.tag}-{whose}"'
