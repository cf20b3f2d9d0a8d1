"""Visibility of texts and notifications (docs/identifiers.md)."""

import re
from collections.abc import Iterable

# Controls, white space, what Unicode ignores by default, blanks with another name (U+2800, U+3164), noncharacters.
# Of the basic plane, as literal ranges: the regular expressions of every language read them alike.
UNSEEN = (
    "\x00- \x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
    "\u205f-\u206f\u2800\u3000\u3164\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe-\uffff"
)
# The same of the planes beyond: a published pattern leaves them out, because .NET and JavaScript without its flag `u`
# read such a character as two.
UNSEEN_BEYOND = (
    "\U00013430-\U0001343f\U00013441\U00013442\U00016fe4\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
) + "".join(f"{chr(plane + 0xFFFE)}-{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000))

VISIBLE_PATTERN = f"[^{UNSEEN}]"
SHOWING = ("title", "body", "type", "actor", "action_url", "entity", "progress", "data")  # one of these, or it is blank
DEFAULT_TYPE = "message"  # of a notification that says none
NOTHING_TO_SHOW = "there is nothing to show: say a title or a body, or a type or data for those who show it"

_visible = re.compile(f"[^{UNSEEN}{UNSEEN_BEYOND}]")


def is_visible(text: str) -> bool:
    """Can anything of this text be seen?"""
    return _visible.search(text) is not None


def shows_something(fields: Iterable[tuple[str, object]]) -> bool:
    """Is one of these fields of a notification more than a blank row?"""
    return any(_shows(name, value) for name, value in fields)


def _shows(name: str, value: object) -> bool:
    if value is None or name not in SHOWING:
        return False
    if name == "type":
        return value != DEFAULT_TYPE
    return name not in ("title", "body") or is_visible(str(value))
