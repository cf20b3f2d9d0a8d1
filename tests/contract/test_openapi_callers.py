"""The description of the API is true for every kind of caller: a refusal is one that it names, never a 500."""

import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from schemathesis.generation import GenerationMode

from tests.contract.test_openapi import CHECKS, ENDLESS, _operations
from tests.servers import SECRET, Server

UNLIMITED = {"user_writes": 0, "publisher_writes": 0, "user_replay_bytes": 0}
FEW = 6  # requests an operation: there are many operations and callers


def token(**claims: Any) -> str:
    return jwt.encode({"iat": int(time.time()), "exp": int(time.time()) + 3600, **claims}, SECRET, algorithm="HS256")


CALLERS = {
    "nobody": {},
    "user": {"Authorization": f"Bearer {token(sub='alice', topics=['author/4'])}"},
    "publisher": {"Authorization": f"Bearer {token(publish=True)}"},
    "cookie of a page of ours": {"Cookie": f"tidings_token={token(sub='alice')}"},
    "cookie of a foreign page": {"Cookie": f"tidings_token={token(sub='alice')}", "Origin": "https://evil.example"},
    "expired token": {"Authorization": f"Bearer {token(sub='alice', exp=1)}"},
}
REFUSED = {"nobody": {401}, "expired token": {401}}  # what every operation that needs a credential answers
PUBLIC = {
    "health",
    "readiness",
    "metrics",
    "openapi",
    "problems",
    "logOut",
    "downloadExport",
}  # a link is its own proof


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("callers")
    server = Server(db=folder / "tidings.db", mode="serve", settings={**UNLIMITED, "seed": True}).start()
    yield server
    server.kill()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("caller", CALLERS)
def test_every_operation_answers_every_caller_as_the_document_says(serving: Server, caller: str) -> None:
    headers = dict(CALLERS[caller])
    if caller == "cookie of a page of ours":
        headers["Origin"] = serving.url

    def ask(id: str) -> None:
        @settings(max_examples=FEW, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(_operations[id].as_strategy(generation_mode=GenerationMode.POSITIVE))
        def asked(case: Any) -> None:
            case.query = {name: value for name, value in (case.query or {}).items() if name not in ("ticket", "wait")}
            for name in ("Tidings-User", "Idempotency-Key"):
                (case.headers or {}).pop(name, None)
            response = case.call(base_url=serving.url, headers=headers)
            case.validate_response(response, checks=CHECKS[:-1])
            if caller in REFUSED and id not in PUBLIC:
                assert response.status_code in REFUSED[caller], (id, response.status_code)

        asked()

    for id in sorted(set(_operations) - ENDLESS):
        ask(id)
