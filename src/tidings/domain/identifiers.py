"""The characters of user ids, topics and names, as rules that are published (docs/identifiers.md).

Each rule is a regular expression that Python, JavaScript, Java, .NET and RE2 read alike: literal characters and ranges
of the basic plane, no escapes, no look-around. A text is matched whole; JSON Schema says so with `^` and `$`.
"""

import re

from tidings.domain.visible_text import UNSEEN, UNSEEN_BEYOND

# In no id at all: what cannot be seen, and what broken text has become (U+FFFD).
_UNSEEN = f"{UNSEEN}\ufffc\ufffd"

# A subset of PRECIS's IdentifierClass (RFC 8264, section 4.2): ASCII but "/", and letters, digits and marks of living
# scripts. Left out is what looks like something else or like nothing: symbols and punctuation that are not ASCII,
# compatibility forms, combining marks of Latin, Greek and Cyrillic, conjoining Hangul, the planes beyond the first.
_USER = (
    "!-.0-~\xc0-\xd6\xd8-\xf6\xf8-\u0131\u0134-\u013e\u0141-\u0148\u014a-\u017e\u0180-\u01c3\u01cd-\u01f0"
    "\u01f4-\u02af\u0370-\u0373\u0376-\u0377\u037b-\u037d\u037f\u0386\u0388-\u03cf\u03d7-\u03ef"
    "\u03f3\u03f7-\u03f8\u03fa-\u0481\u048a-\u0559\u0560-\u0586\u0588\u0591-\u05bd\u05bf"
    "\u05c1-\u05c2\u05c4-\u05c5\u05c7-\u05f2\u0620-\u063f\u0641-\u0652\u0656-\u0669\u066e-\u0674\u0679-\u06d3"
    "\u06d5-\u06dc\u06df-\u06e8\u06ea-\u06fc\u06ff\u0900-\u0957\u0960-\u0963\u0966-\u096f\u0971-\u09db\u09e0-\u09f1"
    "\u09fc\u09fe-\u0a32\u0a35\u0a38-\u0a58\u0a5c-\u0a5d\u0a66-\u0a75\u0a81-\u0aef\u0af9-\u0b5b"
    "\u0b5f-\u0b6f\u0b71\u0b82-\u0bef\u0c00-\u0c76\u0c80-\u0c83\u0c85-\u0d4e\u0d54-\u0d57\u0d5f-\u0d6f"
    "\u0d7a-\u0df3\u0e01-\u0e32\u0e34-\u0e3e\u0e40-\u0e4e\u0e50-\u0e59\u0e81-\u0eb2\u0eb4-\u0edb"
    "\u0ede-\u0f00\u1000-\u1049\u1050-\u109d\u10a0-\u10fa\u10fd-\u10ff\u1200-\u135f\u1380-\u138f"
    "\u1780-\u17b3\u17b6-\u17d3\u17d7\u17dc-\u17ef\u1e00-\u1e99\u1e9c-\u1eff\u3005-\u3006\u3041-\u3096\u309d-\u309e"
    "\u30a1-\u30fa\u30fc-\u30fe\u3105-\u3130\u31a0-\u31bf\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
)

NAME_PATTERN = f"[^{_UNSEEN}]+"
TOPIC_PATTERN = f"[^/{_UNSEEN}]+(/[^/{_UNSEEN}]+)*"
USER_PATTERN = f"[{_USER}]+"

# The texts of JSON may hold surrogates without their other half, which no id may: it could not be stored or sent.
_NO_PART = re.compile(f"[\ud800-\udfff{UNSEEN_BEYOND}]")
_name, _topic, _user = map(re.compile, (NAME_PATTERN, TOPIC_PATTERN, USER_PATTERN))


def is_name(text: str) -> bool:
    """Is this visible text, such as a type, an entity or a group key can be?"""
    return _name.fullmatch(text) is not None and not _NO_PART.search(text)


def check_name(field: str, text: str | None, most: int) -> None:
    """Raises `ValueError` for a text that is not a name of so many characters."""
    if text is not None and not (len(text) <= most and is_name(text)):
        raise ValueError(f"{field} has 1 to {most} visible characters, no white space and no U+FFFD")


def is_topic(text: str) -> bool:
    """Is this visible text in segments parted by `/`?"""
    return _topic.fullmatch(text) is not None and not _NO_PART.search(text)


def is_user(text: str) -> bool:
    """Is this made of the characters of user ids?"""
    return _user.fullmatch(text) is not None
