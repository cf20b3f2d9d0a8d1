"""The answer of `/` where there are no pages: the program's name, and the place of its API's description."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

import tidings
from tidings.api.assets import ClientModules
from tidings.api.http import route

_TEXT = """\
Tidings {version}: real-time in-app notifications.

API         {root}/openapi.json
Problems    {root}/problems
Health      {root}/healthz, {root}/readyz
Browsers    {root}/js/define.js, {root}/js/stream.js
"""


def about(client: ClientModules) -> list[Route]:
    """The route of that page."""
    return [route("/", _answer, "GET")]


async def _answer(request: Request) -> Response:
    return PlainTextResponse(_TEXT.format(version=tidings.__version__, root=request.scope.get("root_path", "")))
