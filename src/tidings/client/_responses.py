"""Reading responses. Pure; anything may come, since a proxy may have answered."""

import json
import math
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from tidings.client._commands import Request, Response
from tidings.client.errors import NotTidings, TidingsProblem
from tidings.client.types import JsonObject

# The consequence of a status is docs/close-codes.md, the same for every client.
# The server, or a proxy before it, is busy or being replaced: the same request may work soon.
BUSY_STATUSES = frozenset({408, 425, 429, *range(500, 600)} - {501})
REFUSED = frozenset({401, 403})
NO_CONTENT = 204  # in place of a stream: a proxy's, for a while (docs/close-codes.md)
# Not here, or not in this way: another transport may be.
ABSENT = frozenset({404, 405, 406, 410, 426, 501})

MISSED_HEARTBEATS = 2.5  # heartbeats of silence that end a connection; one may be late and one may be lost
MAX_REDIRECTS = 5  # of one request
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEP_METHOD = frozenset({307, 308})  # the others turn a POST into a GET (RFC 9110, 15.4)


def decode(text: str | bytes, *, what: str) -> Any:
    """JSON to a value. Raises NotTidings."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotTidings(f"{what} is not JSON ({type(error).__name__})") from error


def json_object(response: Response, *, what: str) -> JsonObject:
    """The object in a 2xx response. Raises TidingsProblem for a refusal, NotTidings otherwise."""
    checked(response, what=what)
    value = decode(response.body, what=what)
    if not isinstance(value, dict):
        raise NotTidings(f"{what} is not a JSON object")
    return value


def checked(response: Response, *, what: str) -> None:
    """Raise unless the response is a 2xx."""
    if not 200 <= response.status < 300:
        raise refusal(response, what=what)


def refusal(response: Response, *, what: str) -> TidingsProblem | NotTidings:
    """The exception for a response that is not the expected one."""
    if 300 <= response.status < 400:
        return NotTidings(f"{what}: the server is at {response.headers.get('location', 'another place')}")
    if media_type(response) != "application/problem+json":
        return NotTidings(f"{what}: HTTP {response.status} with {media_type(response) or 'no content type'}")
    try:
        problem = decode(response.body, what=what)
    except NotTidings as error:
        return error
    return TidingsProblem(status=response.status, problem=problem if isinstance(problem, dict) else {})


def redirected(request: Request, response: Response) -> Request | None:
    """The request that a redirect asks for, or None where it is not followed.

    A token goes to the server that it was sent to and to its https, nowhere else; a request that a redirect would turn
    into a GET is not followed.
    """
    location = response.headers.get("location")
    if response.status not in _REDIRECTS or not location:
        return None
    if request.method != "GET" and response.status not in _KEEP_METHOD:
        return None
    try:
        url = urljoin(request.url, location)
        scheme = urlsplit(url).scheme
        if scheme not in ("http", "https"):
            return None
        if "authorization" in request.headers and not _same_server(request.url, url):
            return None
    except ValueError:
        return None
    return Request(method=request.method, url=url, headers=request.headers, body=request.body)


def _same_server(old: str, new: str) -> bool:
    before, after = urlsplit(old), urlsplit(new)
    if before.hostname != after.hostname:
        return False
    if before.scheme == after.scheme:
        return before.port == after.port
    return (before.scheme, before.port or 80, after.scheme, after.port or 443) == ("http", 80, "https", 443)


def media_type(response: Response) -> str:
    """`Text/HTML; charset=utf-8` -> `text/html`. Of several fields the last that is a media type counts (WHATWG Fetch,
    3.5): a proxy may add its own, or the same again.
    """
    fields = response.headers.get("content-type", "").split(",")
    types = [field.partition(";")[0].strip().lower() for field in fields]
    return next((one for one in reversed(types) if "/" in one), "")


def heartbeat_of(response: Response) -> float | None:
    """The seconds between two heartbeats by the head of a stream (`Tidings-Heartbeat`), or None."""
    return decimal(response.headers.get("tidings-heartbeat", "")) or None


def retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds in a Retry-After, as a number or a date (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    seconds = decimal(value)
    if seconds is not None:
        return seconds
    try:
        return max((parsedate_to_datetime(value) - now).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):  # no date, or one without a zone
        return None


def decimal(text: str) -> float | None:
    """The number in a header field: `7`, `0.5`; or None."""
    try:
        return number(float(text)) if text.isascii() else None
    except ValueError:
        return None


def number(value: object) -> float | None:
    """A finite number, zero or more; or None."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            value = float(value)
        except OverflowError:
            return None
        if math.isfinite(value) and value >= 0:
            return value
    return None
