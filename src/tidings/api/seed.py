"""The seed's two endpoints, as the original meant them, and the files that the second one makes."""

from typing import Annotated
from urllib.parse import urlencode

import msgspec
from msgspec import Meta
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from tidings.api import schemas
from tidings.api.context import ApiContext
from tidings.api.http import Json, Request, body_of, route
from tidings.api.stream import open_stream
from tidings.auth.grants import Grant
from tidings.auth.identity import Purpose
from tidings.domain.errors import TopicForbidden
from tidings.domain.topics import parse_user
from tidings.services.exports import Exporter
from tidings.services.workbook import require_writer
from tidings.transports.seed import SeedEncoding
from tidings.transports.stream import Stream
from tidings.transports.timer import Timer

BODY = 16 * 1024  # bytes
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Connect(msgspec.Struct, frozen=True, kw_only=True):
    """What `socket-connection` takes, in the query or as a JSON body. Fields it does not know are passed over."""

    user_email: str
    trace_id: Annotated[str, Meta(max_length=200)] = ""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What `export-excel` takes."""

    user_email: str
    message_body: Annotated[str, Meta(max_length=4000)] = "Your Excel export is ready"
    action_type: schemas.Word = "EXPORT_EXCEL"


_connect = msgspec.json.Decoder(Connect)
_ask = msgspec.json.Decoder(Ask)


def routes(context: ApiContext, timer: Timer, exporter: Exporter) -> list[Route]:
    """The routes of the seed."""

    async def connect(request: Request) -> Stream:
        caller = await _caller(context, request, Purpose.LISTEN)
        grant = _as(caller, (await _asked(request, _connect)).user_email)
        encoding = SeedEncoding(context.gateway.store.epoch, user=grant.me())
        return await open_stream(context, timer, request, grant, encoding=encoding, extra=())

    async def export(request: Request) -> Response:
        context.origins.check_not_cross_site(request.headers)
        caller = await _caller(context, request, Purpose.CALL)
        asked = await _asked(request, _ask)
        user = _as(caller, asked.user_email).me()
        if request.method == "HEAD":  # it only asks
            require_writer()
            return Response(status_code=202)

        def link(id: str) -> str:
            return f"/v1/exports/{id}.xlsx" + (f"?{urlencode({'user': user})}" if context.dev_mode else "")

        id = await exporter.begin(user, message=asked.message_body, type=asked.action_type, link=link)
        return Json({"id": id, "file": link(id)}, status_code=202)

    async def download(request: Request) -> Response:
        path = exporter.file((await context.grant(request)).me(), request.path_params["id"])
        private = {"cache-control": "private, no-store"}
        return FileResponse(path, media_type=XLSX, filename="notifications.xlsx", headers=private)

    async def cancel(request: Request) -> Response:
        await exporter.cancel((await context.grant(request)).me(), request.path_params["id"])
        return Response(status_code=204)

    return [
        route("/notification/socket-connection", connect, "GET"),
        route("/notification/export-excel", export, "GET"),
        route("/v1/exports/{id}.xlsx", download, "GET"),
        route("/v1/exports/{id}", cancel, "DELETE"),
    ]


async def _asked(request: Request, decoder: "msgspec.json.Decoder[schemas.T]") -> schemas.T:
    """The parameters: from a JSON body if there is one, as the original's clients sent, else from the query."""
    body = await body_of(request, limit=BODY)
    if not body.strip():
        body = msgspec.json.encode(dict(request.query_params))
    return schemas.parse(decoder, body)


async def _caller(context: ApiContext, request: Request, purpose: Purpose) -> Grant | None:
    """The caller, known before a body is read; None where everyone is who they say they are."""
    return None if context.dev_mode else await context.grant(request, purpose=purpose)


def _as(caller: Grant | None, text: str) -> Grant:
    """The grant of the user whose stream or export it is. Raises `TopicForbidden` if the caller is somebody else."""
    user = parse_user(text)
    if caller is None:
        return Grant(user=user)
    if caller.me() != user:
        raise TopicForbidden("this token is somebody else's")
    return caller
