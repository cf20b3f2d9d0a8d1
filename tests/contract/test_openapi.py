"""The description of the API is true: what it allows is taken, and what is answered is what it says."""

import json
import re
from typing import Any
from urllib.parse import unquote

import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.described import described_api
from tests.servers import Server
from tidings.domain.visible_text import UNSEEN_BEYOND

ENDLESS = {"stream", "webSocket", "seedStream"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    positive_data_acceptance,
]
EITHER = {"retractNotifications"}  # takes one of two kinds of parameters, which OpenAPI cannot say
STATEFUL = {"invalid_cursor", "already_expired"}  # no schema says which log this is, or what time

_unseen_beyond = re.compile(f"[{UNSEEN_BEYOND}]")  # no pattern for every language can say that these are refused

_schema = schemathesis.openapi.from_dict(described_api())
_operations = {
    found.ok().definition.raw["operationId"]: found.ok()
    for found in _schema.get_all_operations()
    if isinstance(found, Ok)
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("id", sorted(set(_operations) - ENDLESS - EITHER))
def test_requests_that_the_document_allows_are_taken_and_answered_as_it_says(server: Server, id: str) -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_operations[id].as_strategy(generation_mode=GenerationMode.POSITIVE))
    def ask(case: Any) -> None:
        case.query = {**(case.query or {}), "user": "alice"}
        if "wait" in case.query:
            case.query["wait"] = 0
        for name in ("Tidings-User", "Idempotency-Key"):  # they may be refused for what happened before
            (case.headers or {}).pop(name, None)
        said = json.dumps([case.path_parameters, case.query, case.body], ensure_ascii=False, default=str)
        assume(not _unseen_beyond.search(unquote(said)))
        response = case.call(base_url=server.url)
        refused = response.status_code == 400 and response.json()["code"] in STATEFUL
        case.validate_response(response, checks=CHECKS[:-1] if refused else CHECKS)

    ask()
