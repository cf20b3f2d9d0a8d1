"""From the caller's Python values to the JSON of the contract: user ids, recipients, times."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

_RECIPIENTS = "to is {'user': 'alice'}, {'users': ['alice', 'bob']}, {'topic': 'author/42'} or {'all': True}"


def user_id(value: object) -> str:
    """A user id as the server knows it: 42 and "42" are the same user. Raises TypeError."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"a user id is a string or a whole number, not {value!r:.80}")


def user_ids(values: object) -> list[str]:
    """Several user ids. Raises TypeError."""
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise TypeError(f"a list of user ids, not {values!r:.80}")
    return [user_id(value) for value in values]


def recipients(to: object) -> dict[str, Any]:
    """`to` with its user ids as strings. Raises TypeError; which names it may have the server knows."""
    if not isinstance(to, Mapping):
        raise TypeError(f"{_RECIPIENTS}, not {to!r:.80}")
    encoded = dict(to)
    if "user" in encoded:
        encoded["user"] = user_id(encoded["user"])
    if "users" in encoded:
        encoded["users"] = user_ids(encoded["users"])
    return encoded


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
