"""The description of the API (OpenAPI 3.1), made from the schemas that check what comes in."""

from functools import cache
from typing import Any, NamedTuple

import msgspec

from tidings.api import schemas
from tidings.api.seed import XLSX, Ask, Connect
from tidings.domain.notification import Notification
from tidings.store.transactions.follows import Preferred
from tidings.store.transactions.publish import Published
from tidings.store.transactions.reading import Marked

_REF = "#/components/schemas/{name}"


class Problem(msgspec.Struct, kw_only=True):
    """RFC 9457."""

    type: str
    title: str
    status: int
    code: str
    detail: str


class Counters(msgspec.Struct, kw_only=True):
    """What the badge shows; exact up to a cap, above which `more` is true; true at `cursor`."""

    unread: int
    unseen: int
    by_type: dict[str, int]
    more: bool
    cursor: str


class InboxPage(msgspec.Struct, kw_only=True):
    """A page of an inbox, newest place first; true at `cursor`."""

    data: list[Notification]
    next: str | None
    cursor: str
    counters: Counters


class StreamEvent(msgspec.Struct, kw_only=True):
    """One event: the same three fields on every transport."""

    id: str
    type: str
    data: Any


class PollAnswer(msgspec.Struct, kw_only=True):
    """The answer to a poll; `cursor` is where the next one goes on."""

    events: list[StreamEvent]
    cursor: str
    more: bool


class Results(msgspec.Struct, kw_only=True):
    """The answer to a batch: one result a notification, in order."""

    results: list[Published]


class Begun(msgspec.Struct, kw_only=True):
    """An export that is being made, and where its file will be."""

    id: str
    file: str


class Operation(NamedTuple):
    """One method of one path."""

    method: str
    path: str
    summary: str
    body: Any = None
    answer: Any = None
    status: int = 200
    query: tuple[str, ...] = ()
    asked: Any = None  # the schema of more of the query
    headers: tuple[str, ...] = ()
    media: str = "application/json"


_STREAM = ("user", "ticket", "cursor", "topic*")
_LAST = "Last-Event-ID"
_KEY = "Idempotency-Key"
_MARKS = "Mark items; an event tells every device of the user"
OPERATIONS = (
    Operation("post", "/v1/notifications", "Publish one", schemas.NewNotification, Published, 201),
    Operation("post", "/v1/notifications:batch", "Publish many at once", list[schemas.NewNotification], Results),
    Operation("delete", "/v1/notifications", "Retract all about it", query=("entity!",), answer=dict[str, int]),
    Operation("patch", "/v1/notifications/{id}", "Change content in place", schemas.Change, Published),
    Operation("delete", "/v1/notifications/{id}", "Retract one", status=204),
    Operation("get", "/v1/topics/{topic}/followers", "Who follows a topic", answer=dict[str, Any],
              query=("after", "limit")),
    Operation("post", "/v1/topics/{topic}/followers", "Many follow a topic", schemas.Users, dict[str, int]),
    Operation("put", "/v1/topics/{topic}/followers/{user}", "A user follows a topic", status=204),
    Operation("delete", "/v1/topics/{topic}/followers/{user}", "A user follows a topic no more", status=204),
    Operation("get", "/v1/users/{user}/presence", "Is a user connected here?", answer=dict[str, Any]),
    Operation("get", "/v1/stream", "Server-sent events", query=_STREAM, headers=(_LAST,), media="text/event-stream"),
    Operation("get", "/v1/ws", "The same events over a WebSocket", query=_STREAM, status=101),
    Operation("get", "/v1/poll", "The same events, asked for", answer=PollAnswer,
              query=(*_STREAM, "wait", "limit")),
    Operation("get", "/v1/inbox", "A page of the inbox", answer=InboxPage,
              query=("user", "status", "type", "topic", "limit", "after")),
    Operation("get", "/v1/inbox/counters", "What the badge shows", answer=Counters, query=("user",)),
    *(
        Operation("post", f"/v1/inbox/{verb}", _MARKS, schemas.Marking, Marked, query=("user",))
        for verb in ("read", "unread", "seen", "unseen", "archive", "unarchive")
    ),
    Operation("get", "/v1/follows", "What I follow", answer=dict[str, Any], query=("user",)),
    Operation("put", "/v1/follows/{topic}", "I follow a topic", status=204, query=("user",)),
    Operation("delete", "/v1/follows/{topic}", "I follow a topic no more", status=204, query=("user",)),
    Operation("get", "/v1/preferences", "What I mute", answer=schemas.Preferences, query=("user",)),
    Operation("put", "/v1/preferences", "Mute exactly this", schemas.Preferences, Preferred, query=("user",)),
    Operation("post", "/v1/tickets", "A single-use ticket", answer=dict[str, Any], status=201, query=("user",)),
    Operation("get", "/healthz", "Is the process alive?", answer=dict[str, Any]),
    Operation("get", "/readyz", "Can it serve?", answer=dict[str, Any]),
    Operation("get", "/metrics", "Prometheus metrics", media="text/plain"),
    Operation("get", "/openapi.json", "This document", answer=dict[str, Any]),
)  # fmt: skip
SEED = (
    Operation("get", "/notification/socket-connection", "The seed's stream; it takes the same as a JSON body, too",
              asked=Connect, query=("ticket", "cursor"), headers=(_LAST,), media="text/event-stream"),
    Operation("get", "/notification/export-excel", "Begin an export; it takes the same as a JSON body, too",
              asked=Ask, query=("ticket",), answer=Begun, status=202),
    Operation("get", "/v1/exports/{id}.xlsx", "Download a workbook", query=("user", "ticket"), media=XLSX),
    Operation("delete", "/v1/exports/{id}", "Stop making it", status=204, query=("user", "ticket")),
)  # fmt: skip


@cache
def document(*, seed: bool) -> dict[str, Any]:
    """The document, with the seed's endpoints or without."""
    operations = OPERATIONS + SEED if seed else OPERATIONS
    types = [type for operation in operations for type in (operation.body, operation.answer) if type is not None]
    described, components = msgspec.json.schema_components([*types, Problem], ref_template=_REF)
    schema = dict(zip(map(id, [*types, Problem]), described, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, schema)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tidings", "version": "1", "description": "Real-time in-app notifications."},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
        "security": [{}, {"token": []}],
    }


def _operation(operation: Operation, schema: dict[int, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": operation.summary}
    if operation.answer is not None:
        answer["content"] = {operation.media: {"schema": schema[id(operation.answer)]}}
    elif operation.media.startswith("text/"):
        answer["content"] = {operation.media: {"schema": {"type": "string"}}}
    elif operation.media != "application/json":
        answer["content"] = {operation.media: {}}
    problem = {
        "description": "A problem (RFC 9457) with a stable code",
        "content": {"application/problem+json": {"schema": schema[id(Problem)]}},
    }
    described: dict[str, Any] = {
        "summary": operation.summary,
        "parameters": [
            *_path_parameters(operation.path),
            *_asked_parameters(operation.asked),
            *map(_query_parameter, operation.query),
            *map(_header, operation.headers),
        ],
        "responses": {str(operation.status): answer, "4XX": problem, "5XX": problem},
    }
    if operation.method in {"post", "patch"}:
        described["parameters"].append(_header(_KEY))
    if operation.body is not None:
        content = {"application/json": {"schema": schema[id(operation.body)]}}
        if operation.path.endswith(":batch"):
            content["application/x-ndjson"] = {"schema": {"type": "string"}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = [part.split("}")[0] for part in path.split("{")[1:]]
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _asked_parameters(asked: Any) -> list[dict[str, Any]]:
    if asked is None:
        return []
    (described,) = msgspec.json.schema(asked)["$defs"].values()
    return [
        {"name": name, "in": "query", "required": name in described["required"], "schema": schema}
        for name, schema in described["properties"].items()
    ]


def _header(name: str) -> dict[str, Any]:
    schema = {"type": "string", **({"minLength": 1, "maxLength": 255} if name == _KEY else {})}
    return {"name": name, "in": "header", "required": False, "schema": schema}


def _query_parameter(name: str) -> dict[str, Any]:
    schema = {"type": "integer"} if name in {"wait", "limit"} else {"type": "string"}
    described = {"name": name.rstrip("*!"), "in": "query", "required": name.endswith("!"), "schema": schema}
    if name.endswith("*"):
        described["schema"] = {"type": "array", "items": schema}
    return described
