"""From the caller's Python values to the JSON of the contract: user ids, recipients, times, text."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

_RECIPIENTS = "to is {'user': 'alice'}, {'users': ['alice', 'bob']}, {'topic': 'author/42'} or {'all': True}"


def user_id(value: object) -> str:
    """A user id as the server knows it: 42 and "42" are the same user. Raises TypeError, ValueError."""
    if isinstance(value, str):
        return identifier(value, what="a user id")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"a user id is a string or a whole number, not {value!r:.80}")


def user_ids(values: object) -> list[str]:
    """Several user ids. Raises TypeError, ValueError."""
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise TypeError(f"a list of user ids, not {values!r:.80}")
    return [user_id(value) for value in values]


def recipients(to: object) -> dict[str, Any]:
    """`to` with its user ids as strings. Raises TypeError, ValueError; which names it may have the server knows."""
    if not isinstance(to, Mapping):
        raise TypeError(f"{_RECIPIENTS}, not {to!r:.80}")
    encoded = dict(to)
    if "user" in encoded:
        encoded["user"] = user_id(encoded["user"])
    if "users" in encoded:
        encoded["users"] = user_ids(encoded["users"])
    if isinstance(encoded.get("topic"), str):
        encoded["topic"] = identifier(encoded["topic"], what="a topic")
    return encoded


def content(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a notification, its identifiers checked. Raises ValueError."""
    for name in ("type", "entity", "group_key"):
        if isinstance(fields.get(name), str):
            identifier(fields[name], what=name)
    actor = fields.get("actor")
    if isinstance(actor, Mapping) and isinstance(actor.get("id"), str):
        identifier(actor["id"], what="actor.id")
    return dict(fields)


def identifier(text: str, *, what: str) -> str:
    """A name that stands for one thing. Raises ValueError for half a surrogate pair: replaced, two broken names
    would become one.
    """
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"{what} has half a surrogate pair in it (was it cut inside an emoji?): {text!a:.80}")
    return text


def json_bytes(value: object) -> bytes:
    """JSON in UTF-8. Half a surrogate pair in text becomes U+FFFD, as it would in a browser; two halves become one
    character. Raises ValueError, TypeError for what JSON cannot hold.
    """
    # Not as \uXXXX: the server's limit counts bytes.
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, default=json_default)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def json_default(value: object) -> str:
    """A time as RFC 3339 in UTC. Raises ValueError for one without a zone, TypeError for what else JSON cannot hold."""
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value).__name__} has no form in JSON")
    if value.utcoffset() is None:
        raise ValueError(f"{value!r} has no zone: datetime.now(UTC), or .replace(tzinfo=...)")
    try:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError as error:
        raise ValueError(f"{value!r} is not in the years 1 to 9999 of UTC") from error
