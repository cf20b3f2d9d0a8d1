"""Requests to an ASGI application, by ASGI alone."""

import json
from dataclasses import dataclass
from typing import Any

from tidings.client._commands import Request
from tidings.embedding.exchange import AsgiExchange


@dataclass(frozen=True)
class HostAnswer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def _request(method: str, target: str, user: str | None, body: Any, headers: dict[str, str]) -> Request:
    fields = {"content-type": "application/json"} if body is not None else {}
    if user is not None:
        fields["x-user"] = user
    if method != "GET":
        fields["origin"] = "http://host.example"  # as browsers do
    content = None if body is None else json.dumps(body).encode()
    return Request(method=method, url=f"http://host.example{target}", headers={**fields, **headers}, body=content)


async def ask(
    app: Any,
    method: str,
    target: str,
    *,
    user: str | None = None,
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> HostAnswer:
    exchange = AsgiExchange(app, _request(method, target, user, body, headers or {}), {})
    response = await exchange.whole()
    await exchange.close()
    return HostAnswer(response.status, dict(response.headers), response.body)


async def stream_until(
    app: Any, target: str, end: str, *, user: str | None = None, headers: dict[str, str] | None = None
) -> str:
    """The text of a stream up to the given bytes; the client leaves then."""
    exchange = AsgiExchange(app, _request("GET", target, user, None, headers or {}), {})
    assert (await exchange.head()).status == 200
    text = ""
    while end not in text:
        text += (await exchange.read()).decode()
    await exchange.close()
    return text
