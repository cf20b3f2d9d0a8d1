"""The questions of operators and machines: is it alive, is it ready, how is it, what does it speak?"""

import msgspec
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import HTMLResponse, Response

from tidings.api.context import ApiContext
from tidings.api.http import ApiRequest, Json
from tidings.api.operation import Answer, by_operator, operation
from tidings.domain.errors import problems
from tidings.domain.problems import PROBLEMS_PATH
from tidings.services.status import Ready

TAG = "Operations"


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers."""

    status: str = "ok"


@operation(
    "GET",
    "/healthz",
    id="health",
    tag=TAG,
    answers={200: Answer(description="The process is alive.", type=Alive, example={"status": "ok"})},
    public=True,
)
async def health(request: ApiRequest, api: ApiContext) -> Response:
    """Check that the process is alive."""
    return Json(Alive())


@operation(
    "GET",
    "/readyz",
    id="readiness",
    tag=TAG,
    answers={
        200: Answer(
            description="The process can serve.",
            type=Ready,
            example={"status": "ready", "epoch": "4kq7x2mf", "head": 17, "floor": 0},
        )
    },
    public=True,
)
async def readiness(request: ApiRequest, api: ApiContext) -> Response:
    """Check that the process can serve.

    Where operators have an address of their own, the details are there alone.
    """
    ready = await api.services.status.ready()
    detailed = by_operator(request) or not api.settings.admin_address
    return Json(ready if detailed else Ready(status=ready.status))


@operation(
    "GET",
    "/metrics",
    id="metrics",
    tag=TAG,
    admin=True,
    answers={200: Answer(description="Prometheus metrics.", media="text/plain", schema={"type": "string"})},
    public=True,
)
async def metrics(request: ApiRequest, api: ApiContext) -> Response:
    """Get the metrics of every worker."""
    return Response(await api.metrics.of_all_workers(), headers={"content-type": CONTENT_TYPE_LATEST})


@operation(
    "GET",
    PROBLEMS_PATH,
    id="problems",
    tag=TAG,
    answers={200: Answer(description="A page.", media="text/html", schema={"type": "string"})},
    public=True,
)
async def problem_types(request: ApiRequest, api: ApiContext) -> Response:
    """List the problems that an answer can have: the `type` of each leads here."""
    rows = "".join(f'<h2 id="{kind.code}">{kind.code}</h2><p>{kind.status}: {kind.title()}</p>' for kind in problems())
    return HTMLResponse(f'<!doctype html><html lang="en"><title>Problems</title><h1>Problems</h1>{rows}</html>')


OPERATIONS = (health, readiness, metrics, problem_types)
