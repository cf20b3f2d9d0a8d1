"""The receiving plane: the topics that the caller follows, and the caller's preferences."""

from starlette.responses import Response

from tidings.api import schemas
from tidings.api.context import ApiContext
from tidings.api.http import ApiRequest, Json
from tidings.api.operation import NO_CONTENT_ANSWER, Answer, Body, operation
from tidings.api.parameters import Parameter
from tidings.domain.results import FollowListing, Mutes, MutesAt
from tidings.domain.topics import parse_topic

MUTES_BODY_MAX = 512 * 1024  # bytes; a thousand mutes fit

TAG = "Preferences"
TOPIC = Parameter("topic", "The topic; `/` may be raw or `%2F`.", place="path", schema=schemas.TOPIC_SCHEMA)
MUTE = Parameter("mute", "What to mute; `/` may be raw or `%2F`.", place="path", schema=schemas.MUTE_SCHEMA)

_MUTED = {"mutes": ["type:like"], "cursor": "4kq7x2mf-17"}


@operation(
    "GET",
    "/v1/follows",
    id="listFollows",
    tag=TAG,
    answers={
        200: Answer(
            description="The topics, each with the cursor after which it is followed.",
            type=FollowListing,
            example={"data": [{"topic": "author/42", "since": "4kq7x2mf-17"}], "next": None},
        )
    },
)
async def listing(request: ApiRequest, api: ApiContext) -> Response:
    """List the topics that the caller follows."""
    return Json(await api.services.follows.listing(await api.call(request, await api.grant(request))))


@operation("PUT", "/v1/follows/{topic:path}", id="follow", tag=TAG, parameters=(TOPIC,), answers=NO_CONTENT_ANSWER)
async def follow(request: ApiRequest, api: ApiContext) -> Response:
    """Follow a topic from now on."""
    call = await api.call(request, await api.grant(request))
    await api.services.follows.follow(call, parse_topic(request.path_params["topic"]))
    return Response(status_code=204)


@operation("DELETE", "/v1/follows/{topic:path}", id="unfollow", tag=TAG, parameters=(TOPIC,), answers=NO_CONTENT_ANSWER)
async def unfollow(request: ApiRequest, api: ApiContext) -> Response:
    """Follow a topic no more."""
    call = await api.call(request, await api.grant(request))
    await api.services.follows.unfollow(call, parse_topic(request.path_params["topic"]))
    return Response(status_code=204)


@operation(
    "GET",
    "/v1/preferences",
    id="getPreferences",
    tag=TAG,
    answers={200: Answer(description="What is muted.", type=Mutes, example={"mutes": ["type:like"]})},
)
async def get_preferences(request: ApiRequest, api: ApiContext) -> Response:
    """Get what the caller mutes."""
    return Json(await api.services.preferences.get(await api.call(request, await api.grant(request))))


@operation(
    "PUT",
    "/v1/preferences",
    id="putPreferences",
    tag=TAG,
    body=Body(type=schemas.Preferences, example={"mutes": ["type:like", "topic:author/42"]}),
    answers={200: Answer(description="What is muted now.", type=MutesAt, example=_MUTED)},
)
async def put_preferences(request: ApiRequest, api: ApiContext) -> Response:
    """Mute exactly these.

    Two devices that do this at once overwrite each other; `PUT /v1/preferences/mutes/{mute}` adds one.
    """
    grant = await api.grant(request)
    grant.me()
    mutes = schemas.parse_preferences(await api.body(request, grant, limit=MUTES_BODY_MAX))
    return Json(await api.services.preferences.replace(await api.call(request, grant), mutes))


@operation(
    "PUT",
    "/v1/preferences/mutes/{mute:path}",
    id="mute",
    tag=TAG,
    parameters=(MUTE,),
    answers={200: Answer(description="What is muted now.", type=MutesAt, example=_MUTED)},
)
async def mute(request: ApiRequest, api: ApiContext) -> Response:
    """Mute one more."""
    call = await api.call(request, await api.grant(request))
    return Json(await api.services.preferences.mute(call, schemas.parse_mute(request.path_params["mute"])))


@operation(
    "DELETE",
    "/v1/preferences/mutes/{mute:path}",
    id="unmute",
    tag=TAG,
    parameters=(MUTE,),
    answers={200: Answer(description="What is muted now.", type=MutesAt, example=_MUTED)},
)
async def unmute(request: ApiRequest, api: ApiContext) -> Response:
    """Mute one no more."""
    call = await api.call(request, await api.grant(request))
    return Json(await api.services.preferences.unmute(call, schemas.parse_mute(request.path_params["mute"])))


OPERATIONS = (listing, follow, unfollow, get_preferences, put_preferences, mute, unmute)
