"""The programs of single requests: a call, and a list that comes in pages. Pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlencode

from tidings.client._backoff import Backoff
from tidings.client._commands import Emit, GetToken, Open, Program, Request, Response, Send, Sleep, execute
from tidings.client._encoding import json_bytes, user_id
from tidings.client._endpoints import ApiCall, PagedCall
from tidings.client._exceptions import ConnectionLost, TokenUnavailable
from tidings.client._responses import BUSY_STATUSES, MAX_REDIRECTS, REFUSED, redirected, retry_after
from tidings.client.errors import Unreachable
from tidings.client.types import Page

T = TypeVar("T")

USER_AGENT = "tidings-python"
RATE_LIMITED = 429  # refused before anything was done, so that any request may be repeated


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """The server, the user, and the sources of time and chance."""

    url: str  # without a slash at the end
    user: str | None
    refreshable: bool  # the token comes from a function, so a refused one can be replaced
    timeout: float  # seconds without a byte of a response
    retries: int  # for what is safe to repeat
    clock: Callable[[], float]  # monotonic seconds
    now: Callable[[], datetime]  # with a zone
    chance: Callable[[], float]  # 0 to 1


def headers_with(token: str | None, **more: str) -> dict[str, str]:
    """The headers of every request. Raises ValueError for a token that cannot be in one."""
    headers = {"user-agent": USER_AGENT, "accept": "application/json", **more}
    if token is not None:
        if not re.fullmatch("[!-~]+", token):
            raise ValueError("this token is nothing that a header can hold (is there a line break at its end?)")
        headers["authorization"] = f"Bearer {token}"
    return headers


def url_of(config: ClientConfig, path: str, params: list[tuple[str, str]]) -> str:
    """The whole URL."""
    return f"{config.url}{path}" + (f"?{urlencode(params)}" if params else "")


def send(command: Send | Open) -> Program[Response]:
    """Send a request or start a stream, and follow redirects."""
    response: Response = yield from execute(command)
    for _ in range(MAX_REDIRECTS):
        following = redirected(command.request, response)
        if following is None:
            break
        command = replace(command, request=following)
        response = yield from execute(command)
    return response


def make_call(config: ClientConfig, call: ApiCall[T]) -> Program[T]:
    """Make a call.

    A refused token that comes from a function is replaced once. Operations that are safe to repeat are repeated a few
    times while the server is away or busy, and all while it limits the rate or while there is no token to send.
    Raises TidingsProblem, Unreachable, NotTidings.
    """
    backoff = Backoff(base=0.2, cap=2.0)  # seconds; short, since the caller waits for the answer
    refreshed = False
    stale: str | None = None
    left = config.retries
    while True:
        pause: float | None = None
        try:
            token = yield from execute(GetToken(stale))
            stale = None
            response = yield from send(Send(_request(config, call, token), config.timeout))
        except TokenUnavailable as lost:
            if left == 0:
                raise Unreachable(config.url, lost.reason) from lost
        except ConnectionLost as lost:
            if left == 0 or not call.repeatable:
                raise Unreachable(config.url, lost.reason) from lost
        else:
            if response.status in REFUSED and config.refreshable and not refreshed:
                refreshed, stale = True, token
                continue
            if left == 0 or not _repeatable(call, response):
                return call.read(response)
            pause = retry_after(response.headers, now=config.now())
            if pause is not None and pause > config.timeout:
                return call.read(response)
        left -= 1
        yield from execute(Sleep(backoff.next(chance=config.chance(), retry_after=pause)))


def make_calls(config: ClientConfig, calls: Sequence[ApiCall[list[T]]]) -> Program[list[T]]:
    """Make calls one after the other, and join their lists."""
    joined: list[T] = []
    for call in calls:
        joined += yield from make_call(config, call)
    return joined


def pages(config: ClientConfig, listing: PagedCall[T]) -> Program[None]:
    """Emit every page of a list."""
    call: ApiCall[Page[T]] | None = listing.first
    while call is not None:
        page = yield from make_call(config, call)
        yield from execute(Emit(page))
        call = _after(listing.first, page)


def items(config: ClientConfig, listing: PagedCall[T]) -> Program[None]:
    """Emit every item of every page of a list."""
    call: ApiCall[Page[T]] | None = listing.first
    while call is not None:
        page = yield from make_call(config, call)
        for item in page.data:
            yield from execute(Emit(item))
        call = _after(listing.first, page)


def _after(first: ApiCall[Page[T]], page: Page[T]) -> ApiCall[Page[T]] | None:
    if page.next is None:
        return None
    return replace(first, params=(*first.params, ("after", page.next)))


def _repeatable(call: ApiCall[T], response: Response) -> bool:
    if response.status == RATE_LIMITED:
        return True
    return call.repeatable and (response.status in BUSY_STATUSES or _in_flight(response))


def _in_flight(response: Response) -> bool:
    """True while our own first attempt, whose connection was lost, is still being worked on."""
    return response.status == 409 and b'"idempotency_key_in_flight"' in response.body


def _request(config: ClientConfig, call: ApiCall[T], token: str | None) -> Request:
    params = list(call.params)
    user = config.user if call.user is None else user_id(call.user)
    if call.personal and user is not None:
        params.append(("user", user))
    more: dict[str, str] = {}
    if call.key is not None:
        if not re.fullmatch("[!-~]([ -~]*[!-~])?", call.key):
            raise ValueError("this idempotency key is nothing that a header can hold (is there a line break in it?)")
        more["idempotency-key"] = call.key
    body = None
    if call.body is not None:
        body = json_bytes(call.body)
        more["content-type"] = "application/json"
    return Request(
        method=call.method,
        url=url_of(config, call.path, params),
        headers=headers_with(token, **more),
        body=body,
    )
