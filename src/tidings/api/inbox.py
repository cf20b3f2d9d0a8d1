"""The receiving plane: pages of an inbox, its counters, and reading state."""

from typing import Any

from starlette.responses import Response

from tidings.api import schemas
from tidings.api.context import ApiContext, answer
from tidings.api.http import ApiRequest, etag_response
from tidings.api.operation import Answer, Body, Operation, operation
from tidings.api.parameters import Choice, Integer, Name, Parameter
from tidings.domain.cursor import Cursor
from tidings.domain.results import CountersAt, InboxListing, Marked
from tidings.domain.topics import parse_topic
from tidings.services.inbox import STATUSES, VERBS, Verb

MARKS_BODY_MAX = 256 * 1024  # bytes; a thousand ids fit

TAG = "Inbox"
STATUS = Choice("status", "Only these; without it everything but what is archived.", among=STATUSES)
TYPE = Name("type", "Only notifications of this type.", schema=schemas.TYPE_SCHEMA, most=schemas.TYPE_MAX)
INBOX_TOPIC = Parameter("topic", "Only notifications of this topic.", schema=schemas.TOPIC_SCHEMA)
INBOX_LIMIT = Integer("limit", "Notifications in one page.", default=20, least=1, most=100)
INBOX_AFTER = Parameter("after", "The `next` of the page before.", schema=schemas.CURSOR_SCHEMA)

_COUNTERS = {"unread": 1, "unseen": 0, "by_type": {"like": 1}, "more": False, "cursor": "4kq7x2mf-17"}
_LISTED = {
    "data": [
        {
            "id": "n-4kq7x2mf-17", "cursor": "4kq7x2mf-17", "topic": "user/alice", "type": "like",
            "title": "Bea liked your post", "actor": {"id": "7", "name": "Bea"}, "entity": "post/9", "status": "UNREAD",
            "create_time": "2026-11-01T12:00:00Z", "update_time": "2026-11-01T12:00:00Z", "revision": 1,
        }
    ],
    "next": None, "mutes": [], "cursor": "4kq7x2mf-17", "counters": _COUNTERS,
}  # fmt: skip
_UNCHANGED = Answer(description="Nothing has changed since the ETag that was sent.", headers=("ETag",))


@operation(
    "GET",
    "/v1/inbox",
    id="listInbox",
    tag=TAG,
    parameters=(STATUS, TYPE, INBOX_TOPIC, INBOX_LIMIT, INBOX_AFTER),
    answers={
        200: Answer(description="A page.", type=InboxListing, example=_LISTED, headers=("ETag",)),
        304: _UNCHANGED,
    },
)
async def page(request: ApiRequest, api: ApiContext) -> Response:
    """List the caller's notifications, newest first.

    With a filter a page may be short and still have a `next`. It is true at `cursor`: stream from there.
    """
    call = await api.call(request, await api.grant(request))
    topic, after = request.query_params.get("topic"), request.query_params.get("after")
    found = await api.services.inbox.page(
        call,
        status=STATUS.of(request),
        type=TYPE.of(request),
        topic=None if topic is None else parse_topic(topic),
        after=None if after is None else Cursor.parse(after),
        limit=INBOX_LIMIT.of(request),
    )
    # The head moves with every event of any user, so it is no part of the entity.
    return etag_response(request, found, of=(found.data, found.next, found.mutes, *_numbers(found.counters)))


@operation(
    "GET",
    "/v1/inbox/counters",
    id="getCounters",
    tag=TAG,
    answers={
        200: Answer(description="The counters.", type=CountersAt, example=_COUNTERS, headers=("ETag",)),
        304: _UNCHANGED,
    },
)
async def counters(request: ApiRequest, api: ApiContext) -> Response:
    """Get the caller's counters."""
    found = await api.services.inbox.counters(await api.call(request, await api.grant(request)))
    return etag_response(request, found, of=_numbers(found))


def _numbers(counters: CountersAt) -> tuple[Any, ...]:
    """The counters, wherever the log stands."""
    return counters.unread, counters.unseen, counters.by_type, counters.more


def marking(verb: Verb) -> Operation:
    """The operation of one verb. `read` and `seen` take a watermark, too."""
    watermark = verb in {"read", "seen"}

    async def mark(request: ApiRequest, api: ApiContext) -> Response:
        grant = await api.grant(request)
        grant.me()
        body = await api.body(request, grant, limit=MARKS_BODY_MAX)
        call = await api.call(request, grant, body)
        marking = schemas.parse_marking(body)
        if marking.up_to is not None:
            done = await api.services.inbox.mark_up_to(call, verb, Cursor.parse(marking.up_to))
        else:
            done = await api.services.inbox.mark(call, verb, marking.ids or ())
        return answer(call, done)

    mark.__doc__ = f"""Mark notifications: {verb}.

    An event tells every device of the user. Ids that are not in the inbox are passed over.
    """
    example = {"up_to": "4kq7x2mf-17"} if watermark else {"ids": ["n-4kq7x2mf-17"]}
    return operation(
        "POST",
        f"/v1/inbox/{verb}",
        id=f"mark{verb.capitalize()}",
        tag=TAG,
        body=Body(type=schemas.MarkingBody if watermark else schemas.Ids, example=example),
        answers={
            200: Answer(
                description="Where the log stands, and the counters there.",
                type=Marked,
                example={"cursor": "4kq7x2mf-17", "counters": _COUNTERS},
            )
        },
        idempotent=True,
    )(mark)


OPERATIONS = (page, counters, *map(marking, VERBS))
