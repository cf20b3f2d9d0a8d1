"""Reading what a server answered. Pure; anything may come, since a proxy may have answered."""

import json
import math
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from tidings.client.commands import Answer
from tidings.client.errors import NotTidings, TidingsProblem
from tidings.client.facts import JsonObject

# What follows from a status is docs/close-codes.md, the same for every client.
# The server, or a proxy before it, is busy or being replaced: the same request may work soon.
BUSY = frozenset({408, 425, 429, *range(500, 600)} - {501})
REFUSED = frozenset({401, 403})
# Not here, or not in this way: another transport may be.
ABSENT = frozenset({404, 405, 406, 410, 426, 501})


def decode(text: str | bytes, *, what: str) -> Any:
    """JSON to a value. Raises NotTidings."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotTidings(f"{what} is not JSON ({type(error).__name__})") from error


def json_object(answer: Answer, *, what: str) -> JsonObject:
    """The object in a good answer. Raises TidingsProblem for a refusal, NotTidings otherwise."""
    checked(answer, what=what)
    value = decode(answer.body, what=what)
    if not isinstance(value, dict):
        raise NotTidings(f"{what} is not a JSON object")
    return value


def checked(answer: Answer, *, what: str) -> None:
    """Raise unless the answer is a good one (2xx)."""
    if not 200 <= answer.status < 300:
        raise refusal(answer, what=what)


def refusal(answer: Answer, *, what: str) -> TidingsProblem | NotTidings:
    """The exception for an answer that is not a good one."""
    if 300 <= answer.status < 400:
        return NotTidings(f"{what}: the server is at {answer.headers.get('location', 'another place')}")
    if media_type(answer) != "application/problem+json":
        return NotTidings(f"{what}: HTTP {answer.status} with {media_type(answer) or 'no content type'}")
    try:
        problem = decode(answer.body, what=what)
    except NotTidings as error:
        return error
    return TidingsProblem(status=answer.status, problem=problem if isinstance(problem, dict) else {})


def media_type(answer: Answer) -> str:
    """`text/html; charset=utf-8` -> `text/html`."""
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()


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
