"""Every answer that a test gets is held against the description of the API."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from tidings.api.openapi import document
from tidings.api.routes import OPERATIONS, described
from tidings.seed.routes import OPERATIONS as SEED_OPERATIONS


@cache
def described_api() -> Any:
    """The whole description."""
    every = [*OPERATIONS, *SEED_OPERATIONS]
    return json.loads(json.dumps(document([*every, described(every)])))


def check_answer(method: str, target: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raise `AssertionError` if the description does not allow an answer. Undescribed paths are not checked."""
    operation = _operation(method.lower(), target.partition("?")[0])
    if operation is None:
        return
    responses = operation["responses"]
    answer = responses.get(str(status)) or responses.get(f"{status // 100}XX")
    assert answer is not None, f"{method} {target}: {status} is not described"
    if "$ref" in answer:
        answer = described_api()["components"]["responses"]["Problem"]
    content = answer.get("content")
    if not body or content is None:
        assert not body, f"{method} {target}: {status} has a body that is not described"
        return
    media = headers.get("content-type", "").partition(";")[0]
    assert media in content, f"{method} {target}: {status} is of {media}, described are {list(content)}"
    if media.endswith("json"):
        error = next(_validator(json.dumps(content[media]["schema"])).iter_errors(json.loads(body)), None)
        assert error is None, f"{method} {target}: {error}"


@cache
def _operation(method: str, path: str) -> Any:
    for template, methods in described_api()["paths"].items():
        pattern = re.sub(r"\\{(topic|mute)\\}", ".+", re.escape(template))
        if method in methods and re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", pattern), path):
            return methods[method]
    return None


@cache
def _validator(schema: str) -> Any:
    components = {"components": described_api()["components"]}
    return jsonschema_rs.Draft202012Validator({**json.loads(schema), **components}, validate_formats=True)
