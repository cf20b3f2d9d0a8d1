"""The description of the API and the API are about the same things."""

from pathlib import Path
from typing import Any

import pytest
from starlette.routing import BaseRoute, Route, WebSocketRoute

from tests.servers import Server
from tidings.api.openapi import document
from tidings.app import open_services
from tidings.settings import Settings


def methods(route: BaseRoute) -> set[str]:
    """What a route does; a WebSocket is described as the GET that opens it. HEAD is part of every GET."""
    if isinstance(route, WebSocketRoute):
        return {"get"}
    assert isinstance(route, Route), f"is {route} described?"
    return {method.lower() for method in route.methods or set()} - {"head"}


@pytest.mark.parametrize("seed", [True, False])
async def test_every_route_is_described_and_every_description_has_a_route(tmp_path: Path, seed: bool) -> None:
    settings = Settings(mode="serve", secret="x" * 32, db=tmp_path / "tidings.db", seed=seed)
    served: dict[tuple[str, str], set[str]] = {}
    async with open_services(settings, on_fatal=lambda: None) as (_, routes):
        for route in routes:
            assert isinstance(route, Route | WebSocketRoute)
            for method in methods(route):
                served[method, route.path.replace(":path}", "}")] = set(route.param_convertors)
    assert served == {
        (method, path): {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"}
        for path, operations in document(seed=seed)["paths"].items()
        for method, operation in operations.items()
    }


def test_what_may_be_sent_is_described_by_the_schema_that_checks_it() -> None:
    described = document(seed=False)
    body = described["paths"]["/v1/notifications"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/NewNotification"}
    notification = described["components"]["schemas"]["NewNotification"]
    assert notification["required"] == ["to"]
    assert notification["additionalProperties"] is False


def test_the_seeds_endpoints_are_described_as_they_are(server: Server) -> None:
    paths = server.request("GET", "/openapi.json").json["paths"]

    def asked(operation: Any) -> dict[str, bool]:
        return {parameter["name"]: parameter["required"] for parameter in operation["parameters"]}

    stream = paths["/notification/socket-connection"]["get"]
    assert asked(stream) == {
        "user_email": True, "trace_id": False, "ticket": False, "cursor": False, "Last-Event-ID": False,
    }  # fmt: skip
    assert set(stream["responses"]["200"]["content"]) == {"text/event-stream"}

    export = paths["/notification/export-excel"]["get"]
    assert asked(export) == {"user_email": True, "message_body": False, "action_type": False, "ticket": False}
    lengths = {parameter["name"]: parameter["schema"].get("maxLength") for parameter in export["parameters"]}
    assert (lengths["message_body"], lengths["action_type"]) == (4000, 64)
    assert set(export["responses"]) == {"202", "4XX", "5XX"}
    assert export["responses"]["202"]["content"]["application/json"]["schema"]["$ref"].endswith("/Begun")

    download, cancel = paths["/v1/exports/{id}.xlsx"]["get"], paths["/v1/exports/{id}"]["delete"]
    assert asked(download) == asked(cancel) == {"id": True, "user": False, "ticket": False}
    media = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert download["responses"]["200"]["content"] == {media: {}}
    assert set(cancel["responses"]) == {"204", "4XX", "5XX"}


def test_what_takes_an_idempotency_key_or_a_last_event_id_says_so() -> None:
    found = {
        name: {
            (method, path)
            for path, operations in document(seed=True)["paths"].items()
            for method, operation in operations.items()
            if any(parameter["in"] == "header" and parameter["name"] == name for parameter in operation["parameters"])
        }
        for name in ("Idempotency-Key", "Last-Event-ID")
    }
    assert ("patch", "/v1/notifications/{id}") in found["Idempotency-Key"]
    assert found["Last-Event-ID"] == {("get", "/v1/stream"), ("get", "/notification/socket-connection")}
