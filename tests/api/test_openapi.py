"""The description of the API and the API are about the same things."""

from pathlib import Path

from starlette.routing import Route

from tidings.api.openapi import document
from tidings.app import open_house
from tidings.settings import Settings


async def test_every_route_is_described_and_every_description_has_a_route(tmp_path: Path) -> None:
    settings = Settings(mode="serve", secret="x" * 32, db=tmp_path / "tidings.db")
    async with open_house(settings, on_fatal=lambda: None) as (_, routes):
        served = {
            (method.lower(), route.path.replace(":path}", "}"))
            for route in routes
            if isinstance(route, Route) and not route.path.startswith("/js")
            for method in (route.methods or set()) - {"HEAD"}
        }
    described = {(method, path) for path, methods in document()["paths"].items() for method in methods}
    # The WebSocket stands in the description as the GET that opens it.
    assert described - {("get", "/v1/ws")} == served - {("get", "/v1/ws")}


def test_what_may_be_sent_is_described_by_the_schema_that_checks_it() -> None:
    body = document()["paths"]["/v1/notifications"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/NewNotification"}
    described = document()["components"]["schemas"]["NewNotification"]
    assert described["required"] == ["to"]
    assert described["additionalProperties"] is False
