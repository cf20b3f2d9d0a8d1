"""The receiving plane's polls: the log after a cursor, now or as soon as there is something."""

import hashlib
from typing import Any

import msgspec
from starlette.responses import Response

from tidings.api.context import ApiContext
from tidings.api.http import ApiRequest, if_none_match
from tidings.api.operation import Answer, operation
from tidings.api.parameters import Integer
from tidings.api.resume_token import start_of
from tidings.api.stream import (
    AFTER_RESET,
    CURSOR,
    EXTRA_TOPIC,
    LAST_EVENT_ID,
    LAST_EVENT_ID_QUERY,
    TAG,
    TICKET,
    skips,
    topics_of,
)
from tidings.auth.identity import Purpose
from tidings.domain.topics import User
from tidings.services.polls import Found
from tidings.transports.poll import LongPoll
from tidings.transports.poll_frames import page

WAIT = Integer("wait", "Seconds to wait for the first event.", default=0, least=0, most=60)
POLL_LIMIT = Integer("limit", "Events in one answer.", default=100, least=1, most=1000)


class LogEvent(msgspec.Struct, kw_only=True):
    """One event: the same three fields on every transport."""

    id: str
    type: str
    data: Any


class PollPage(msgspec.Struct, kw_only=True):
    """Events after a cursor; the next poll goes on from `cursor`."""

    events: list[LogEvent]
    cursor: str
    more: bool


@operation(
    "GET",
    "/v1/poll",
    id="poll",
    tag=TAG,
    parameters=(CURSOR, LAST_EVENT_ID, LAST_EVENT_ID_QUERY, EXTRA_TOPIC, AFTER_RESET, WAIT, POLL_LIMIT, TICKET),
    answers={
        200: Answer(
            description="The events, if there are any.",
            type=PollPage,
            example={"events": [], "cursor": "4kq7x2mf-17", "more": False},
            headers=("ETag", "X-Poll-Interval"),
        ),
        304: Answer(description="There is nothing new.", headers=("ETag", "X-Poll-Interval")),
    },
)
async def poll(request: ApiRequest, api: ApiContext) -> Any:
    """Receive events by polling.

    With `wait=0` the answer has an ETag, and `X-Poll-Interval` says after how many seconds to poll again.
    """
    grant = await api.grant(request, purpose=Purpose.LISTEN)
    services = api.services
    wait, limit = WAIT.of(request), POLL_LIMIT.of(request)
    found = await services.polls.look(
        grant, start_of(request), topics=topics_of(request), limit=limit, skip=skips(request)
    )
    if wait and found.nothing and found.membership is not None and request.method == "GET":
        services.streams.admit(grant.me())
        return LongPoll(
            api.polling,
            membership=found.membership,
            extra=found.topics,
            position=found.position,
            head=found.head,
            wait=wait,
            limit=limit,
            expires=grant.expires,
            credential=grant,
        )
    headers = {"cache-control": "private, no-cache", "x-poll-interval": str(services.polls.interval())}
    if found.tag is not None:
        headers["etag"] = tag = entity_tag(grant.me(), found)
        if if_none_match(request, tag, star=found.nothing):
            return Response(status_code=304, headers=headers)
    content = page(found.frames, cursor=found.cursor, more=found.more)
    return Response(content, headers=headers, media_type="application/json")


def entity_tag(user: User, found: Found) -> str:
    """Says where the feed stands, and whose it is: without that, a cache might take one person's page for another's."""
    whose = hashlib.blake2b(user.encode(), digest_size=6).hexdigest()
    return f'"{found.epoch}-{found.tag}-{whose}"'


OPERATIONS = (poll,)
