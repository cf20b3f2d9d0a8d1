"""The publishing plane: notifications in, changed and withdrawn; followers; who is here."""

from datetime import datetime
from functools import partial

from starlette.responses import Response
from starlette.routing import Route

from tidings.api import schemas
from tidings.api.context import ApiContext
from tidings.api.http import Json, Request, body_of, in_thread_if_large, number, route
from tidings.domain.errors import InvalidRequest, InvalidTopic
from tidings.domain.model import Draft
from tidings.domain.notification import milliseconds
from tidings.domain.topics import ALL, Topic, User, owner, parse_topic, parse_user
from tidings.store.transactions.follows import follow, followers, unfollow
from tidings.store.transactions.publish import Published, publish, retract, retract_entity, update

FOLLOWERS = 1000  # user ids in one answer


def routes(context: ApiContext) -> list[Route]:
    """The routes of this plane."""
    gateway = context.gateway
    settings = gateway.settings
    window = int(settings.group_window * 1000)

    batch_limits = {
        "most": settings.max_batch, "limit": settings.max_notification, "recipients": settings.max_recipients,
    }  # fmt: skip

    async def post(request: Request) -> Response:
        grant = await context.publisher(request)
        body = await body_of(request, limit=settings.max_notification)
        draft = schemas.draft(body, limit=settings.max_notification, recipients=settings.max_recipients)
        live = gateway.hub.audience(draft.topics)
        job = publish([draft], group_window=window, live=[live])
        return await context.write(request, body, job, lambda done: done[0], status=201, grant=grant)

    async def post_batch(request: Request) -> Response:
        grant = await context.publisher(request)
        body = await body_of(request, limit=settings.max_batch_bytes)
        drafts = await in_thread_if_large(body, partial(schemas.drafts, body, **batch_limits))
        live = [gateway.hub.audience(draft.topics) for draft in drafts]

        def render(done: list[Published]) -> dict[str, list[Published]]:
            return {"results": done}

        job = publish(drafts, group_window=window, live=live)
        answer = await context.write(request, body, job, render, status=200, grant=grant)
        await in_thread_if_large(body, lambda: _let_go(drafts))
        return answer

    async def patch(request: Request) -> Response:
        grant = await context.publisher(request)
        body = await body_of(request, limit=settings.max_notification)
        change = schemas.parse_change(body)
        expire = change.expire_time
        job = update(
            request.path_params["id"],
            change.fields(),
            expire_at=milliseconds(expire) if isinstance(expire, datetime) else expire,
            limit=settings.max_notification,
        )
        return await context.write(request, body, job, lambda done: done, status=200, grant=grant)

    async def delete(request: Request) -> Response:
        await context.publisher(request)
        await gateway.write(retract(request.path_params["id"]))
        return Response(status_code=204)

    async def delete_entity(request: Request) -> Response:
        await context.publisher(request)
        entity = request.query_params.get("entity")
        if not entity:
            raise InvalidRequest("say which: DELETE /v1/notifications?entity=post/9")
        return Json({"deleted": await gateway.write(retract_entity(entity))})

    async def put_follower(request: Request) -> Response:
        await context.publisher(request)
        await gateway.write(follow([(_user(request), _followed(request))]))
        return Response(status_code=204)

    async def delete_follower(request: Request) -> Response:
        await context.publisher(request)
        await gateway.write(unfollow([(_user(request), _followed(request))]))
        return Response(status_code=204)

    async def post_followers(request: Request) -> Response:
        grant = await context.publisher(request)
        topic = _followed(request)
        body = await body_of(request, limit=settings.max_batch_bytes)
        named = await in_thread_if_large(body, partial(schemas.parse_users, body))
        users = dict.fromkeys(map(parse_user, named.users))
        job = follow([(user, topic) for user in users])
        return await context.write(request, body, job, lambda added: {"added": added}, status=200, grant=grant)

    async def get_followers(request: Request) -> Response:
        await context.publisher(request)
        topic = _followed(request)
        after = request.query_params.get("after", "")
        limit = number(request, "limit", default=FOLLOWERS, least=1, most=FOLLOWERS)
        users = await gateway.ask(lambda floor, head: followers(topic, after=after, limit=limit))
        return Json({"data": users, "next": users[-1] if len(users) == limit else None})

    async def presence(request: Request) -> Response:
        await context.publisher(request)
        user = _user(request)
        connections = gateway.hub.connections(user)
        return Json({"user": user, "online": connections > 0, "connections": connections})

    return [
        route("/v1/notifications", post, "POST"),
        route("/v1/notifications:batch", post_batch, "POST"),
        route("/v1/notifications", delete_entity, "DELETE"),
        route("/v1/notifications/{id}", patch, "PATCH"),
        route("/v1/notifications/{id}", delete, "DELETE"),
        route("/v1/topics/{topic:path}/followers", get_followers, "GET"),
        route("/v1/topics/{topic:path}/followers", post_followers, "POST"),
        route("/v1/topics/{topic:path}/followers/{user}", put_follower, "PUT"),
        route("/v1/topics/{topic:path}/followers/{user}", delete_follower, "DELETE"),
        route("/v1/users/{user}/presence", presence, "GET"),
    ]


def _let_go(drafts: list[Draft]) -> None:
    """Free them one by one: all at once would be one step of the interpreter, of up to 0.2 s."""
    while drafts:
        drafts.pop()


def _user(request: Request) -> User:
    return parse_user(request.path_params["user"])


def _followed(request: Request) -> Topic:
    return followable(request.path_params["topic"])


def followable(text: str) -> Topic:
    """A topic that can be followed. Raises `InvalidTopic`."""
    topic = parse_topic(text)
    if topic == ALL or owner(topic) is not None:
        raise InvalidTopic(f"{topic!r} is not followed: it reaches whom it is for by itself")
    return topic
