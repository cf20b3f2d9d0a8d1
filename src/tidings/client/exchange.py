"""The programs of single requests: a call, and a list that comes in pages."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlencode

from tidings.client.answers import BUSY, REFUSED, retry_after
from tidings.client.backoff import Backoff
from tidings.client.calls import Call, Listing
from tidings.client.commands import Answer, Emit, Program, Request, Send, Sleep, Token, ask
from tidings.client.encoding import json_default, user_id
from tidings.client.errors import Unreachable
from tidings.client.facts import Page
from tidings.client.lost import Lost, NoToken

T = TypeVar("T")

AGENT = "tidings-python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Whom a client talks to, as whom, and where its time and chance come from."""

    url: str  # without a slash at the end
    user: str | None
    refreshable: bool  # the token comes from a function, so a refused one can be replaced
    timeout: float  # seconds without a byte of an answer
    retries: int  # for what is safe to repeat
    clock: Callable[[], float]  # monotonic seconds
    now: Callable[[], datetime]  # with a zone
    chance: Callable[[], float]  # 0 to 1


def headers_with(token: str | None, **more: str) -> dict[str, str]:
    """The headers of every request. Raises ValueError for a token that cannot be in one."""
    headers = {"user-agent": AGENT, "accept": "application/json", **more}
    if token is not None:
        if not re.fullmatch("[!-~]+", token):
            raise ValueError("this token is nothing that a header can hold (is there a line break at its end?)")
        headers["authorization"] = f"Bearer {token}"
    return headers


def url_of(server: Server, path: str, params: list[tuple[str, str]]) -> str:
    """The whole URL."""
    return f"{server.url}{path}" + (f"?{urlencode(params)}" if params else "")


def exchange(server: Server, call: Call[T]) -> Program[T]:
    """Make a call.

    A refused token that comes from a function is replaced once. What is safe to repeat is
    repeated a few times while the server is away or busy, and everything while there is no token
    to send it with. Raises TidingsProblem, Unreachable, NotTidings.
    """
    backoff = Backoff(base=0.2, cap=2.0)  # somebody waits for the answer
    refreshed = False
    stale: str | None = None
    left = server.retries
    while True:
        told: float | None = None
        try:
            token = yield from ask(Token(stale))
            stale = None
            answer: Answer = yield from ask(Send(_request(server, call, token), server.timeout))
        except Lost as lost:
            if left == 0 or not (call.repeatable or isinstance(lost, NoToken)):
                raise Unreachable(server.url, lost.reason) from lost
        else:
            if answer.status in REFUSED and server.refreshable and not refreshed:
                refreshed, stale = True, token
                continue
            if left == 0 or not call.repeatable or not (answer.status in BUSY or _in_flight(answer)):
                return call.read(answer)
            told = retry_after(answer.headers, now=server.now())
            if told is not None and told > server.timeout:
                return call.read(answer)
        left -= 1
        yield from ask(Sleep(backoff.next(chance=server.chance(), told=told)))


def pages(server: Server, listing: Listing[T]) -> Program[None]:
    """Emit every page of a list."""
    call: Call[Page[T]] | None = listing.first
    while call is not None:
        page = yield from exchange(server, call)
        yield from ask(Emit(page))
        call = _after(listing.first, page)


def items(server: Server, listing: Listing[T]) -> Program[None]:
    """Emit every item of every page of a list."""
    call: Call[Page[T]] | None = listing.first
    while call is not None:
        page = yield from exchange(server, call)
        for item in page.data:
            yield from ask(Emit(item))
        call = _after(listing.first, page)


def _after(first: Call[Page[T]], page: Page[T]) -> Call[Page[T]] | None:
    if page.next is None:
        return None
    return replace(first, params=(*first.params, ("after", page.next)))


def _in_flight(answer: Answer) -> bool:
    """Our own first attempt, whose connection was lost, is still being worked on."""
    return answer.status == 409 and b'"idempotency_key_in_flight"' in answer.body


def _request(server: Server, call: Call[T], token: str | None) -> Request:
    params = list(call.params)
    user = server.user if call.user is None else user_id(call.user)
    if call.personal and user is not None:
        params.append(("user", user))
    more: dict[str, str] = {}
    if call.key is not None:
        if not re.fullmatch("[!-~]([ -~]*[!-~])?", call.key):
            raise ValueError("this idempotency key is nothing that a header can hold (is there a line break in it?)")
        more["idempotency-key"] = call.key
    body = None
    if call.body is not None:
        # Not as \uXXXX: the server's limit counts bytes.
        body = json.dumps(call.body, allow_nan=False, ensure_ascii=False, default=json_default).encode()
        more["content-type"] = "application/json"
    return Request(
        method=call.method,
        url=url_of(server, call.path, params),
        headers=headers_with(token, **more),
        body=body,
    )
