"""The publishing plane: notifications are published, changed and retracted."""

from datetime import datetime
from functools import partial
from typing import Any

from starlette.responses import Response

from tidings.api import schemas
from tidings.api.context import ApiContext, answer
from tidings.api.http import ApiRequest, Json, in_thread_if_large
from tidings.api.operation import NO_CONTENT_ANSWER, Answer, Body, operation
from tidings.api.parameters import Name, Parameter
from tidings.domain.errors import InvalidRequest
from tidings.domain.model import Draft
from tidings.domain.notification import milliseconds
from tidings.domain.results import Deleted, Published, PublishedBatch

TAG = "Publishing"
BODY_PER_EVENT = 2  # bytes of a body for one of its event: it escapes characters, and names users
ID = Parameter("id", "The notification's id.", place="path", schema=schemas.ID_SCHEMA)
ENTITY = Name("entity", "What the notifications are about.", schema=schemas.NAME_SCHEMA, most=schemas.NAME_MAX)
GROUP = Name("group_key", "The group of the actor.", schema=schemas.NAME_SCHEMA, most=schemas.NAME_MAX)
ACTOR = Parameter("actor", "The `id` of that actor.", schema={"type": "string", "minLength": 1})

_NOTIFICATION: dict[str, Any] = {
    "to": {"user": "alice"}, "type": "like", "title": "Bea liked your post", "actor": {"id": "7", "name": "Bea"},
    "entity": "post/9", "group_key": "like:post/9",
}  # fmt: skip
_PUBLISHED = {"id": "n-4kq7x2mf-17", "cursor": "4kq7x2mf-17", "create_time": "2026-01-01T00:00:00.000Z", "live": 2}


@operation(
    "POST",
    "/v1/notifications",
    id="publish",
    tag=TAG,
    body=Body(type=schemas.NotificationBody, example=_NOTIFICATION),
    answers={201: Answer(description="The notification is stored.", type=Published, example=_PUBLISHED)},
    idempotent=True,
)
async def publish(request: ApiRequest, api: ApiContext) -> Response:
    """Publish a notification.

    With a `group_key` it merges into the open notification of that key and topic. `live` counts the connections that
    were open for it to the process that answers.
    """
    grant = await api.publisher(request)
    limit = BODY_PER_EVENT * api.settings.max_event
    body = await api.body(request, grant, limit=limit)
    draft = schemas.draft(body, limit=limit)
    call = await api.call(request, grant, body)
    return answer(call, await api.services.notifications.publish(call, draft), status=201)


@operation(
    "POST",
    "/v1/notifications:batch",
    id="publishBatch",
    tag=TAG,
    body=Body(
        type=list[schemas.NotificationBody],
        example=[_NOTIFICATION],
        also={"application/x-ndjson": {"type": "string", "description": "One notification a line."}},
    ),
    answers={200: Answer(description="All are stored.", type=PublishedBatch, example={"results": [_PUBLISHED]})},
    idempotent=True,
)
async def publish_batch(request: ApiRequest, api: ApiContext) -> Response:
    """Publish notifications in one transaction: all of them or none.

    A batch may become 1 000 rows: one for each recipient, topic or announcement of each notification.
    """
    grant = await api.publisher(request)
    settings = api.settings
    body = await api.body(request, grant, limit=settings.max_batch_bytes)
    parse = partial(schemas.drafts, body, most=settings.max_batch, limit=BODY_PER_EVENT * settings.max_event)
    drafts = await in_thread_if_large(body, parse)
    call = await api.call(request, grant, body)
    response = answer(call, await api.services.notifications.publish_batch(call, drafts))
    await in_thread_if_large(body, partial(_let_go, drafts))
    return response


@operation(
    "PATCH",
    "/v1/notifications/{id}",
    id="updateNotification",
    tag=TAG,
    parameters=(ID,),
    body=Body(type=schemas.ChangeBody, example={"title": "Your export is half done", "progress": 0.5}),
    answers={200: Answer(description="The notification is changed.", type=Published, example=_PUBLISHED)},
    idempotent=True,
)
async def update(request: ApiRequest, api: ApiContext) -> Response:
    """Change the content of a notification.

    It keeps its position and its reading state, and rings no bell. null removes a field.
    """
    grant = await api.publisher(request)
    body = await api.body(request, grant, limit=BODY_PER_EVENT * api.settings.max_event)
    change = schemas.parse_change(body)
    expire = change.expire_time
    expire_at = milliseconds(expire) if isinstance(expire, datetime) else expire
    call = await api.call(request, grant, body)
    id = request.path_params["id"]
    return answer(call, await api.services.notifications.update(call, id, change.fields(), expire_at=expire_at))


@operation(
    "DELETE", "/v1/notifications/{id}", id="retractNotification", tag=TAG, parameters=(ID,), answers=NO_CONTENT_ANSWER
)
async def retract(request: ApiRequest, api: ApiContext) -> Response:
    """Retract a notification from everyone."""
    call = await api.call(request, await api.publisher(request))
    await api.services.notifications.retract(call, request.path_params["id"])
    return Response(status_code=204)


@operation(
    "DELETE",
    "/v1/notifications",
    id="retractNotifications",
    tag=TAG,
    parameters=(ENTITY, GROUP, ACTOR),
    answers={200: Answer(description="How many it was.", type=Deleted, example={"deleted": 3})},
)
async def retract_many(request: ApiRequest, api: ApiContext) -> Response:
    """Retract all notifications about an entity, or what one actor contributed to a group.

    Either `entity`, or `group_key` and `actor`. A group without the actor counts less, shows the next actor and names
    that one at the beginning of its title, if the actor's name stood there; with its last contribution it is retracted.
    """
    call = await api.call(request, await api.publisher(request))
    entity, group_key, actor = ENTITY.of(request), GROUP.of(request), request.query_params.get("actor")
    if actor and ("\0" in actor or "\ufffd" in actor):
        raise InvalidRequest("actor has a character that is broken or no text")
    if entity and group_key is None and actor is None:
        return Json(await api.services.notifications.retract_entity(call, entity))
    if group_key and actor and entity is None:
        return Json(await api.services.notifications.retract_contribution(call, group_key=group_key, actor=actor))
    raise InvalidRequest("say which: ?entity=post/9, or ?group_key=like:post/9&actor=7")


def _let_go(drafts: list[Draft]) -> None:
    """Free them one by one: all at once would be one step of the interpreter, of up to 0.2 s."""
    while drafts:
        drafts.pop()


OPERATIONS = (publish, publish_batch, update, retract, retract_many)
