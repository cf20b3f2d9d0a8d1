"""The two endpoints, and the files that the second one makes."""

import time
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta
from starlette.responses import FileResponse, Response

from tidings.api import schemas
from tidings.api.context import ApiContext
from tidings.api.http import ApiRequest, Json
from tidings.api.operation import NO_CONTENT_ANSWER, Answer, operation
from tidings.api.parameters import Parameter
from tidings.api.resume_token import start_of
from tidings.api.stream import CURSOR, HEARTBEAT, LAST_EVENT_ID, LAST_EVENT_ID_QUERY, TICKET
from tidings.auth.grants import Grant
from tidings.auth.identity import Purpose
from tidings.domain.errors import TopicForbidden
from tidings.domain.identifiers import check_name
from tidings.domain.topics import parse_user
from tidings.seed.encoding import SeedEncoding
from tidings.seed.workbook import require_writer
from tidings.services.call import Call
from tidings.services.exports import LINK
from tidings.transports import sse
from tidings.transports.stream import EventStream

EXPORT_BODY_MAX = 16 * 1024  # bytes
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TAG = "Seed"

T = TypeVar("T", "ConnectParameters", "ExportParameters")


class ConnectParameters(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of the stream. Unknown ones are passed over."""

    user_email: schemas.UserText
    trace_id: Annotated[str, Meta(max_length=200)] = ""


class ExportParameters(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of an export. Unknown ones are passed over."""

    user_email: schemas.UserText
    message_body: Annotated[str, Meta(max_length=4000)] = "Your Excel export is ready"
    action_type: schemas.Word = "EXPORT_EXCEL"

    def __post_init__(self) -> None:
        check_name("action_type", self.action_type, schemas.TYPE_MAX)


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """An export that is being made, and where its file will be."""

    id: str
    file: str


_connect = msgspec.json.Decoder(ConnectParameters)
_ask = msgspec.json.Decoder(ExportParameters)


def _parameters(type: Any) -> tuple[Parameter, ...]:
    """The fields of a struct as parameters of the query."""
    (described,) = msgspec.json.schema(type)["$defs"].values()
    return tuple(
        Parameter(name, f"{name}, as the original has it.", schema=schema, required=name in described["required"])
        for name, schema in described["properties"].items()
    )


EXPIRES = Parameter("expires", "Of a signed link.", schema={"type": "integer"})
SIGNATURE = Parameter("signature", "Of a signed link.")
EXPORT = Parameter("id", "The export's id.", place="path", schema={"type": "string", "maxLength": 64})


@operation(
    "GET",
    "/notification/socket-connection",
    id="seedStream",
    tag=TAG,
    parameters=(*_parameters(ConnectParameters), CURSOR, LAST_EVENT_ID, LAST_EVENT_ID_QUERY, HEARTBEAT, TICKET),
    answers={
        200: Answer(description="An endless response.", media="text/event-stream", schema={"type": "string"}),
    },
)
async def connect(request: ApiRequest, api: ApiContext) -> EventStream:
    """Receive a user's notifications as unnamed server-sent events.

    The parameters may be a JSON body, too.
    """
    caller = await _caller(api, request, Purpose.LISTEN)
    grant = _as(caller, (await _asked(request, api, caller, _connect)).user_email)
    encoding = SeedEncoding(api.services.streams.cursor, user=grant.me())
    opened = await api.services.streams.open(
        grant, start_of(request), encoding=encoding, heartbeat=HEARTBEAT.of(request)
    )
    return EventStream(api.streaming, opened, headers=sse.SSE_HEADERS)


@operation(
    "GET",
    "/notification/export-excel",
    id="seedExport",
    tag=TAG,
    parameters=_parameters(ExportParameters),
    answers={
        202: Answer(
            description="The export has begun.",
            type=Begun,
            example={
                "id": "Zk3x",
                "file": "http://127.0.0.1:8000/v1/exports/Zk3x.xlsx?user=alice&expires=1&signature=..",
            },
        )
    },
)
async def export(request: ApiRequest, api: ApiContext) -> Response:
    """Begin an export of a user's notifications as a workbook.

    The parameters may be a JSON body, too. A notification shows the progress, and another one brings the link.
    """
    api.origins.check_not_cross_site(request.headers)
    caller = await _caller(api, request, Purpose.CALL)
    asked = await _asked(request, api, caller, _ask)
    grant = _as(caller, asked.user_email)
    if request.method == "HEAD":  # it only asks
        require_writer()
        return Response(status_code=202)

    user, expires = grant.me(), int(time.time()) + LINK
    base = api.settings.public_url or f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"

    def link(id: str) -> str:
        path = f"/v1/exports/{id}.xlsx"
        return f"{base}{path}?{api.links.query(path, user, expires=expires)}"

    id = await api.services.exports.begin(Call(grant), message=asked.message_body, type=asked.action_type, link=link)
    return Json(Begun(id=id, file=link(id)), status_code=202)


@operation(
    "GET",
    "/v1/exports/{id}.xlsx",
    id="downloadExport",
    tag=TAG,
    parameters=(EXPORT, EXPIRES, SIGNATURE),
    answers={200: Answer(description="The workbook.", media=XLSX, schema={})},
)
async def download(request: ApiRequest, api: ApiContext) -> Response:
    """Download a workbook of the caller.

    The link in the notification is signed: for a day it needs no credential.
    """
    id = request.path_params["id"]
    if "signature" in request.query_params:
        user = api.links.user(f"/v1/exports/{id}.xlsx", request.query_params, now=time.time())
        call = Call(Grant(user=user))
    else:
        call = Call(await api.grant(request))
    path = api.services.exports.file(call, id)
    private = {"cache-control": "private, no-store"}
    return FileResponse(path, media_type=XLSX, filename="notifications.xlsx", headers=private)


@operation("DELETE", "/v1/exports/{id}", id="cancelExport", tag=TAG, parameters=(EXPORT,), answers=NO_CONTENT_ANSWER)
async def cancel(request: ApiRequest, api: ApiContext) -> Response:
    """Stop an export of the caller that is being made."""
    await api.services.exports.cancel(Call(await api.grant(request)), request.path_params["id"])
    return Response(status_code=204)


async def _asked(request: ApiRequest, api: ApiContext, caller: Grant | None, decoder: "msgspec.json.Decoder[T]") -> T:
    """The parameters: from a JSON body if there is one, as the original's clients sent, else from the query."""
    body = await api.body(request, caller or Grant(), limit=EXPORT_BODY_MAX)
    if not body.strip():
        body = msgspec.json.encode(dict(request.query_params))
    return schemas.parse(decoder, body)


async def _caller(api: ApiContext, request: ApiRequest, purpose: Purpose) -> Grant | None:
    """The caller, known before a body is read; None in development mode."""
    return None if api.dev_mode else await api.grant(request, purpose=purpose)


def _as(caller: Grant | None, text: str) -> Grant:
    """The grant of the user whose stream or export it is. Raises `TopicForbidden` if the caller is somebody else."""
    user = parse_user(text)
    if caller is None:
        return Grant(user=user)
    if caller.me() != user:
        raise TopicForbidden("this credential is somebody else's")
    return caller


OPERATIONS = (connect, export, download, cancel)
