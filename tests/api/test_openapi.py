"""The description of the API: made from what makes the routes, and in words that other languages read."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from tidings.api.openapi import document
from tidings.api.routes import OPERATIONS, described
from tidings.domain.visible_text import VISIBLE_PATTERN
from tidings.seed.routes import OPERATIONS as SEED_OPERATIONS

EVERY = [*OPERATIONS, *SEED_OPERATIONS]


@pytest.fixture(scope="module")
def described_api() -> Any:
    return json.loads(json.dumps(document([*EVERY, described(EVERY)])))


def operations(api: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def parts(value: Any) -> Iterator[Any]:
    """Every object in a document."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from parts(inner)


def test_each_operation_has_an_id_a_tag_and_a_summary(described_api: Any) -> None:
    found = [operation for _, _, operation in operations(described_api)]
    ids = [operation["operationId"] for operation in found]
    assert len(set(ids)) == len(ids) == len(EVERY) + 1
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", id) for id in ids)
    tags = {tag["name"] for tag in described_api["tags"]}
    assert [operation for operation in found if not operation["summary"] or set(operation["tags"]) - tags] == []


def test_path_parameters_are_those_of_the_path(described_api: Any) -> None:
    for _, path, operation in operations(described_api):
        named = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path)), path


def test_tags_say_what_they_are_for(described_api: Any) -> None:
    assert [tag["name"] for tag in described_api["tags"] if len(tag.get("description", "")) < 20] == []


def test_bodies_and_answers_have_examples(described_api: Any) -> None:
    missing = []
    for _, _, operation in operations(described_api):
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for part in [*bodies, *operation["responses"].values()]:
            content = part.get("content", {}).get("application/json")
            if content is not None and "example" not in content:
                missing.append(operation["operationId"])
    assert missing == ["openapi"]  # which is the document itself


def test_nothing_stands_beside_a_reference(described_api: Any) -> None:
    """openapi-generator makes an untyped object of it."""
    assert [part for part in parts(described_api) if "$ref" in part and len(part) > 1] == []


def test_bodies_are_one_named_schema(described_api: Any) -> None:
    """Else generators name it themselves, or leave it untyped."""
    bodies = [
        operation["requestBody"]["content"]["application/json"]["schema"]
        for _, _, operation in operations(described_api)
        if "requestBody" in operation
    ]
    assert [body for body in bodies if "$ref" not in body.get("items", body)] == []


def test_patterns_are_of_the_subset_that_every_language_reads(described_api: Any) -> None:
    """JSON Schema 6.4, and RE2: no look-around, no back-reference, no escape."""
    patterns = [part["pattern"] for part in parts(described_api) if isinstance(part.get("pattern"), str)]
    assert patterns
    assert [pattern for pattern in patterns if "\\" in pattern or "(?" in pattern] == []
    assert all(pattern.startswith("^") and pattern.endswith("$") for pattern in patterns if pattern != VISIBLE_PATTERN)
    assert all(ord(letter) <= 0xFFFF for pattern in patterns for letter in pattern)  # UTF-16 engines take them whole


def test_a_value_or_null_is_a_list_of_types(described_api: Any) -> None:
    assert [part for part in parts(described_api) if {"type": "null"} in part.get("anyOf", ())] == []


def test_no_object_is_closed_by_additional_properties(described_api: Any) -> None:
    assert [part for part in parts(described_api) if part.get("additionalProperties") is False] == []


def test_every_object_says_what_is_in_it(described_api: Any) -> None:
    bare = [
        part for part in parts(described_api)
        if part.get("type") == "object" and not {"properties", "additionalProperties", "propertyNames"} & set(part)
    ]  # fmt: skip
    itself = described_api["paths"]["/openapi.json"]["get"]["responses"]["200"]
    assert bare == [itself["content"]["application/json"]["schema"]]


def test_an_enum_has_a_type(described_api: Any) -> None:
    enums = [part for part in parts(described_api) if isinstance(part.get("enum"), list)]
    assert [part for part in enums if "type" not in part and set(part) != {"enum"}] == []


def test_bounds_and_words_of_the_query_are_described(described_api: Any) -> None:
    def schema(path: str, name: str) -> Any:
        (found,) = [one["schema"] for one in described_api["paths"][path]["get"]["parameters"] if one["name"] == name]
        return found

    assert schema("/v1/inbox", "limit") == {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    assert schema("/v1/poll", "wait") == {"type": "integer", "minimum": 0, "maximum": 60, "default": 0}
    assert schema("/v1/inbox", "status") == {"type": "string", "enum": ["unread", "read", "archived"]}


def test_conditional_answers_headers_and_credentials_are_described(described_api: Any) -> None:
    poll = described_api["paths"]["/v1/poll"]["get"]
    assert {"200", "304"} <= set(poll["responses"])
    assert set(poll["responses"]["200"]["headers"]) == {"ETag", "X-Poll-Interval"}
    assert described_api["components"]["securitySchemes"]["cookie"]["in"] == "cookie"
    assert described_api["paths"]["/healthz"]["get"]["security"] == []


def test_times_are_date_times(described_api: Any) -> None:
    item = described_api["components"]["schemas"]["Notification"]["properties"]
    assert {name for name, schema in item.items() if schema.get("format") == "date-time"} == {
        name for name in item if name.endswith("_time")
    }


def test_a_key_or_a_last_event_id_is_described_where_it_is_taken(described_api: Any) -> None:
    found = {
        name: {
            (method, path)
            for method, path, operation in operations(described_api)
            if any(parameter["in"] == "header" and parameter["name"] == name for parameter in operation["parameters"])
        }
        for name in ("Idempotency-Key", "Last-Event-ID")
    }
    assert ("patch", "/v1/notifications/{id}") in found["Idempotency-Key"]
    posts = {(method, path) for method, path, _ in operations(described_api) if method == "post"}
    assert posts - found["Idempotency-Key"] == {("post", "/v1/tickets"), ("post", "/v1/session")}
    receiving = {"/v1/stream", "/v1/ws", "/v1/poll", "/notification/socket-connection"}
    assert found["Last-Event-ID"] == {("get", path) for path in receiving}


def test_examples_are_what_their_schemas_say(described_api: Any) -> None:
    components = {"components": described_api["components"]}
    for _, path, operation in operations(described_api):
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for part in [*bodies, *operation["responses"].values()]:
            for content in part.get("content", {}).values():
                if "example" in content:
                    validator = jsonschema_rs.Draft202012Validator({**content["schema"], **components})
                    assert [str(error) for error in validator.iter_errors(content["example"])] == [], path
