"""The publishing plane: a topic's followers, and who is connected."""

from functools import partial

from starlette.responses import Response

from tidings.api import schemas
from tidings.api.context import ApiContext, answer
from tidings.api.follows import TOPIC
from tidings.api.http import ApiRequest, Json, in_thread_if_large
from tidings.api.operation import NO_CONTENT_ANSWER, Answer, Body, operation
from tidings.api.parameters import Integer, Parameter
from tidings.domain.results import Added, FollowerListing, Presence
from tidings.domain.topics import parse_topic, parse_user

TAG = "Followers"
USER = Parameter("user", "The user's id.", place="path", schema=schemas.USER_SCHEMA)
FOLLOWERS_AFTER = Parameter("after", "The `next` of the page before.")
FOLLOWERS_LIMIT = Integer("limit", "User ids in one page.", default=1000, least=1, most=1000)


@operation(
    "GET",
    "/v1/topics/{topic:path}/followers",
    id="listFollowers",
    tag=TAG,
    parameters=(TOPIC, FOLLOWERS_AFTER, FOLLOWERS_LIMIT),
    answers={
        200: Answer(description="A page.", type=FollowerListing, example={"data": ["alice", "bob"], "next": None})
    },
)
async def listing(request: ApiRequest, api: ApiContext) -> Response:
    """List the followers of a topic, in the order of their ids."""
    call = await api.call(request, await api.publisher(request))
    topic = parse_topic(request.path_params["topic"])
    after = request.query_params.get("after", "")
    return Json(await api.services.follows.followers(call, topic, after=after, limit=FOLLOWERS_LIMIT.of(request)))


@operation(
    "POST",
    "/v1/topics/{topic:path}/followers",
    id="addFollowers",
    tag=TAG,
    parameters=(TOPIC,),
    body=Body(type=schemas.Users, example={"users": ["alice", "bob"]}),
    answers={200: Answer(description="How many are new.", type=Added, example={"added": 2})},
    idempotent=True,
)
async def add_many(request: ApiRequest, api: ApiContext) -> Response:
    """Let users follow a topic from now on: up to 1 000 in one request."""
    grant = await api.publisher(request)
    topic = parse_topic(request.path_params["topic"])
    body = await api.body(request, grant, limit=api.settings.max_batch_bytes)
    users = await in_thread_if_large(body, partial(schemas.parse_users, body))
    call = await api.call(request, grant, body)
    return answer(call, await api.services.follows.add(call, topic, users))


@operation(
    "PUT",
    "/v1/topics/{topic:path}/followers/{user}",
    id="addFollower",
    tag=TAG,
    parameters=(TOPIC, USER),
    answers=NO_CONTENT_ANSWER,
)
async def add(request: ApiRequest, api: ApiContext) -> Response:
    """Let a user follow a topic from now on."""
    call = await api.call(request, await api.publisher(request))
    user, topic = parse_user(request.path_params["user"]), parse_topic(request.path_params["topic"])
    await api.services.follows.add(call, topic, [user])
    return Response(status_code=204)


@operation(
    "DELETE",
    "/v1/topics/{topic:path}/followers/{user}",
    id="removeFollower",
    tag=TAG,
    parameters=(TOPIC, USER),
    answers=NO_CONTENT_ANSWER,
)
async def remove(request: ApiRequest, api: ApiContext) -> Response:
    """Let a user follow a topic no more."""
    call = await api.call(request, await api.publisher(request))
    user, topic = parse_user(request.path_params["user"]), parse_topic(request.path_params["topic"])
    await api.services.follows.remove(call, topic, user)
    return Response(status_code=204)


@operation(
    "GET",
    "/v1/users/{user}/presence",
    id="getPresence",
    tag=TAG,
    parameters=(USER,),
    answers={
        200: Answer(
            description="The user's connections.",
            type=Presence,
            example={"user": "alice", "online": True, "connections": 2},
        )
    },
)
async def presence(request: ApiRequest, api: ApiContext) -> Response:
    """Is a user connected?"""
    call = await api.call(request, await api.publisher(request))
    return Json(await api.services.presence.of(call, parse_user(request.path_params["user"])))


OPERATIONS = (listing, add_many, add, remove, presence)
