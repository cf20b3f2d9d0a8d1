"""Topics and users: parsed once at the border, compared whole ever after (law 5)."""

import re
from typing import NewType

from tidings.domain.errors import InvalidTopic, InvalidUser

Topic = NewType("Topic", str)
User = NewType("User", str)

TOPIC_MAX = 255  # characters; a topic is a key in two indexes of the store
USER_MAX = 200  # characters; leaves room for "user/" in a topic

ALL = Topic("all")
_OWN = "user/"

# A segment is any run of visible characters but "/". C0, DEL, C1, white space (U+2028 too), surrogates
# and the invisible marks that make two different topics look alike are left out; so is U+FFFD, which is what
# every name that was no UTF-8 in a URL has become.
_SEGMENT = r"[^\s/\x00-\x20\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufffd]+"
_TOPIC = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
_USER = re.compile(_SEGMENT)


def parse_topic(text: str) -> Topic:
    """A topic: 1 to 255 visible characters in segments parted by `/`. Raises `InvalidTopic`."""
    if len(text) > TOPIC_MAX or not _TOPIC.fullmatch(text):
        raise InvalidTopic(f"not a topic: {text[:80]!r} (1 to {TOPIC_MAX} visible characters, segments parted by /)")
    if text == "user":
        raise InvalidTopic("'user' alone is not a topic; a person's own topic is user/<id>")
    if text.startswith(_OWN):
        parse_user(text[len(_OWN) :])
    return Topic(text)


def parse_user(text: str) -> User:
    """A user id, e-mail addresses included: 1 to 200 visible characters without `/`. Raises `InvalidUser`."""
    if len(text) > USER_MAX or not _USER.fullmatch(text):
        raise InvalidUser(f"not a user id: {text[:80]!r} (1 to {USER_MAX} visible characters without /)")
    return User(text)


def own_topic(user: User) -> Topic:
    """The topic that is this person's own."""
    return Topic(_OWN + user)


def owner(topic: Topic) -> User | None:
    """Whose own topic this is; None for `all` and for what is followed."""
    return User(topic[len(_OWN) :]) if topic.startswith(_OWN) else None
