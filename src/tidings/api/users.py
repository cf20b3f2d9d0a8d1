"""The publishing plane: users who are to be forgotten."""

from starlette.responses import Response

from tidings.api.context import ApiContext
from tidings.api.followers import USER
from tidings.api.http import ApiRequest, Json
from tidings.api.operation import Answer, operation
from tidings.domain.results import Forgotten
from tidings.domain.topics import parse_user

TAG = "Users"
ERASED = {
    "notifications": 12, "events": 40, "states": 3, "follows": 2, "mutes": 1, "tickets": 0, "answers": 5, "groups": 1,
    "exports": 0,
}  # fmt: skip


@operation(
    "DELETE",
    "/v1/users/{user}",
    id="forgetUser",
    tag=TAG,
    admin=True,
    parameters=(USER,),
    answers={200: Answer(description="How much was erased, by kind.", type=Forgotten, example=ERASED)},
)
async def forget(request: ApiRequest, api: ApiContext) -> Response:
    """Erase what is kept of a user, and refuse all credentials that the user was issued up to now.

    Streams of the user end on every process. It may take a while; one that was cut off goes on when it is asked again.
    """
    call = await api.call(request, await api.publisher(request))
    return Json(await api.services.forgetting.forget(call, parse_user(request.path_params["user"])))


OPERATIONS = (forget,)
