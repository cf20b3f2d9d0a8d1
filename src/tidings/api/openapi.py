"""The description of the API (OpenAPI 3.1), made from the declarations that make the routes.

It is read by generators of other languages: patterns stay in what RE2, Java and .NET read alike, a value or null is
`type: [X, "null"]`, every object has its properties, and what is closed says so by `propertyNames`, since
generators take `additionalProperties: false` of 3.1 for a schema. Nothing stands beside a `$ref`, which makes an
untyped object of a body in some of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tidings.api.operation import Answer, Body, Operation
from tidings.api.parameters import Parameter
from tidings.api.schemas import USER_SCHEMA
from tidings.auth.credentials import COOKIE
from tidings.domain.problems import Problem

KEY = Parameter(
    "Idempotency-Key",
    "Repeats of a request with the same key get the first answer, for 24 hours.",
    place="header",
    schema={"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
)
MEANT_USER = Parameter(
    "Tidings-User",
    "The user whom the request is meant for, percent-encoded; if the credential is another user's, the answer is 409.",
    place="header",
    schema={"type": "string"},
)
DEV_USER = Parameter("user", "In `tidings dev`: who is calling.", schema=USER_SCHEMA)

HEADER_DESCRIPTIONS = {
    "ETag": {"description": "Changes when the answer does.", "schema": {"type": "string"}},
    "Tidings-Heartbeat": {
        "description": "Seconds between two heartbeats, at most.",
        "schema": {"type": "number"},
    },
    "X-Poll-Interval": {"description": "Seconds after which to poll again.", "schema": {"type": "integer"}},
    "Retry-After": {"description": "Seconds after which to try again.", "schema": {"type": "integer"}},
    "Idempotent-Replayed": {
        "description": "`true` if this is the answer to an earlier request with the same key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}

TAGS = {
    "Receiving": "The caller's feed after a cursor, by server-sent events, WebSocket or polling, with the same events.",
    "Publishing": "Send, change and retract notifications. For back ends, with an API key or a token that may publish.",
    "Followers": "Who follows a topic, and who is connected. For back ends.",
    "Users": "Forget a person, and export what is kept of one. For back ends.",
    "Inbox": "The caller's notifications, counters and reading state, the same on every device.",
    "Preferences": "What the caller follows and mutes.",
    "Tickets": "One connection's credential, for browsers that cannot send headers.",
    "Sessions": "Logging in to a cookie, logging out, and revoking what was issued.",
    "Operations": "Health, metrics, problems and this document. For operators and machines.",
    "Seed": "The two endpoints of the article that Tidings began with.",
}

_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}
_REF = "#/components/schemas/{name}"


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """The document of these operations."""
    described = _Schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path.replace(":path}", "}"), {})[operation.method.lower()] = _operation(
            operation, described
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tidings",
            "version": "1",
            "description": "Real-time in-app notifications.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag, "description": TAGS[tag]} for tag in dict.fromkeys(one.tag for one in operations)],
        "paths": paths,
        "components": {
            "schemas": described.components,
            "securitySchemes": _SCHEMES,
            "responses": {
                "Problem": {
                    "description": "A problem (RFC 9457) with a stable code.",
                    "headers": {"Retry-After": HEADER_DESCRIPTIONS["Retry-After"]},
                    "content": {"application/problem+json": {"schema": described.of(Problem)}},
                }
            },
        },
    }


class _Schemas:
    """The JSON Schemas of everything that is sent."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        bodies = [operation.body.type for operation in operations if operation.body is not None]
        answers = [answer.type for operation in operations for answer in operation.answers.values()]
        types = [Problem, *bodies, *(type for type in answers if type is not None)]
        schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
        self._of = {id(type): _plain(schema) for type, schema in zip(types, schemas, strict=True)}
        self.components = {name: _plain(schema) for name, schema in components.items()}
        for schema in [*self._of.values(), *self.components.values()]:
            self._move_what_stands_beside_references(schema)

    def of(self, type: Any) -> Any:
        """The schema of one of the types."""
        return self._of[id(type)]

    def _move_what_stands_beside_references(self, schema: Any) -> None:
        """A rule for a value goes into the schema that is referred to: each is referred to under one rule."""
        if isinstance(schema, list):
            for part in schema:
                self._move_what_stands_beside_references(part)
        elif isinstance(schema, dict):
            if "$ref" in schema:
                rule = {name: schema.pop(name) for name in list(schema) if name != "$ref"}
                self.components[schema["$ref"].rpartition("/")[2]] |= rule
            else:
                for part in schema.values():
                    self._move_what_stands_beside_references(part)


def _plain(schema: Any) -> Any:
    """A schema as generators read it."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    plain = {name: _plain(value) for name, value in schema.items()}
    if plain.get("default", ...) is None:  # then it is absent, not null
        del plain["default"]
        parts = [part for part in plain.get("anyOf", ()) if part != {"type": "null"}]
        if len(parts) == 1:
            del plain["anyOf"]
            plain |= parts[0]
    parts = plain.get("anyOf", ())
    if len(parts) == 2 and {"type": "null"} in parts:
        (part,) = [part for part in parts if part != {"type": "null"}]
        del plain["anyOf"]
        if "enum" in part:
            part = {**part, "enum": [*part["enum"], None]}
        plain = {**part, "type": [part["type"], "null"], **plain} if "type" in part else {"anyOf": list(parts)}
    if plain.get("additionalProperties") is False:
        del plain["additionalProperties"]
        plain["propertyNames"] = {"enum": list(plain["properties"])}
    if "enum" in plain and "type" not in plain and all(isinstance(word, str) for word in plain["enum"]):
        plain["type"] = "string"
    return plain


def _operation(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    parameters = list(operation.parameters)
    if not operation.public:
        parameters += [DEV_USER, MEANT_USER]
    if operation.idempotent:
        parameters.append(KEY)
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "security": [] if operation.public else [{"token": []}, {"cookie": []}, {}],
        "parameters": [parameter.described() for parameter in parameters],
        "responses": {
            **{str(status): _answer(answer, operation, schemas) for status, answer in operation.answers.items()},
            "4XX": {"$ref": "#/components/responses/Problem"},
            "5XX": {"$ref": "#/components/responses/Problem"},
        },
    }
    if not operation.description:
        del described["description"]
    if operation.body is not None:
        described["requestBody"] = _body(operation.body, schemas)
    return described


def _body(body: Body, schemas: _Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": schemas.of(body.type), "example": body.example}}
    content |= {media: {"schema": schema} for media, schema in body.also.items()}
    return {"required": body.required, "content": content}


def _answer(answer: Answer, operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.description}
    names = [*answer.headers, *(["Idempotent-Replayed"] if operation.idempotent else [])]
    if names:
        described["headers"] = {name: HEADER_DESCRIPTIONS[name] for name in names}
    schema = answer.schema if answer.type is None else schemas.of(answer.type)
    if schema is not None:
        content: dict[str, Any] = {"schema": schema}
        if answer.example is not None:
            content["example"] = answer.example
        described["content"] = {answer.media: content}
    return described
