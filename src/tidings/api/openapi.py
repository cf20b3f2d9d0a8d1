"""The description of the API (OpenAPI 3.1), made from the schemas that check what comes in."""

from functools import cache
from typing import Any, NamedTuple

import msgspec

from tidings.api import schemas
from tidings.domain.notification import Notification
from tidings.store.ledger.publish import Published
from tidings.store.ledger.reading import Marked

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


class Operation(NamedTuple):
    """One method of one path."""

    method: str
    path: str
    summary: str
    body: Any = None
    answer: Any = None
    status: int = 200
    query: tuple[str, ...] = ()
    media: str = "application/json"


_STREAM = ("user", "ticket", "cursor", "topic*")
_MARKS = "Mark items; an event tells every device of the user"
OPERATIONS = (
    Operation("post", "/v1/notifications", "Publish one", schemas.NewNotification, Published, 201),
    Operation("post", "/v1/notifications:batch", "Publish many at once", list[schemas.NewNotification], Results),
    Operation("delete", "/v1/notifications", "Retract all about it", query=("entity!",), answer=dict[str, int]),
    Operation("patch", "/v1/notifications/{id}", "Change content in place", schemas.Change, Published),
    Operation("delete", "/v1/notifications/{id}", "Retract one", status=204),
    Operation("get", "/v1/topics/{topic}/followers", "Who follows a topic", answer=dict[str, Any], query=("after",)),
    Operation("post", "/v1/topics/{topic}/followers", "Many follow a topic", schemas.Users, dict[str, int]),
    Operation("put", "/v1/topics/{topic}/followers/{user}", "A user follows a topic", status=204),
    Operation("delete", "/v1/topics/{topic}/followers/{user}", "A user follows a topic no more", status=204),
    Operation("get", "/v1/users/{user}/presence", "Is a user connected here?", answer=dict[str, Any]),
    Operation("get", "/v1/stream", "Server-sent events", query=_STREAM, media="text/event-stream"),
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
    Operation("put", "/v1/preferences", "Mute exactly this", schemas.Preferences, schemas.Preferences, query=("user",)),
    Operation("post", "/v1/tickets", "A single-use ticket", answer=dict[str, Any], status=201, query=("user",)),
    Operation("get", "/healthz", "Is the process alive?", answer=dict[str, Any]),
    Operation("get", "/readyz", "Can it serve?", answer=dict[str, Any]),
    Operation("get", "/metrics", "Prometheus metrics", media="text/plain"),
    Operation("get", "/openapi.json", "This document", answer=dict[str, Any]),
)  # fmt: skip


@cache
def document() -> dict[str, Any]:
    """The document."""
    types = [type for operation in OPERATIONS for type in (operation.body, operation.answer) if type is not None]
    described, components = msgspec.json.schema_components([*types, Problem], ref_template=_REF)
    schema = dict(zip(map(id, [*types, Problem]), described, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
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
    elif operation.media != "application/json":
        answer["content"] = {operation.media: {"schema": {"type": "string"}}}
    problem = {
        "description": "A problem (RFC 9457) with a stable code",
        "content": {"application/problem+json": {"schema": schema[id(Problem)]}},
    }
    described: dict[str, Any] = {
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation.path), *map(_query_parameter, operation.query)],
        "responses": {str(operation.status): answer, "4XX": problem, "503": problem},
    }
    if operation.method == "post":
        described["parameters"].append(
            {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "minLength": 1, "maxLength": 255}}
        )
    if operation.body is not None:
        content = {"application/json": {"schema": schema[id(operation.body)]}}
        if operation.path.endswith(":batch"):
            content["application/x-ndjson"] = {"schema": {"type": "string"}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = [part.split("}")[0] for part in path.split("{")[1:]]
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameter(name: str) -> dict[str, Any]:
    schema = {"type": "integer"} if name in {"wait", "limit"} else {"type": "string"}
    described = {"name": name.rstrip("*!"), "in": "query", "required": name.endswith("!"), "schema": schema}
    if name.endswith("*"):
        described["schema"] = {"type": "array", "items": schema}
    return described
