"""Topics and users: parsed once at the border, compared whole ever after (law 5)."""

from typing import NewType

from tidings.domain.errors import InvalidTopic, InvalidUser
from tidings.domain.identifiers import is_topic, is_user

Topic = NewType("Topic", str)
User = NewType("User", str)

TOPIC_MAX = 255  # characters; a topic is a key in two indexes of the store
USER_MAX = 200  # characters; leaves room for "user/" in a topic

ALL = Topic("all")
_OWN = "user/"


def parse_topic(text: str) -> Topic:
    """A topic: 1 to 255 visible characters in segments parted by `/`. Raises `InvalidTopic`."""
    if len(text) > TOPIC_MAX or not is_topic(text):
        raise InvalidTopic(f"not a topic: {text[:80]!r} (1 to {TOPIC_MAX} visible characters, segments parted by /)")
    if text == "user":
        raise InvalidTopic("'user' alone is not a topic; a person's own topic is user/<id>")
    if text.startswith(_OWN):
        parse_user(text[len(_OWN) :])
    return Topic(text)


def parse_user(text: str) -> User:
    """A user id, e-mail addresses included: 1 to 200 characters of `identifiers.USER`. Raises `InvalidUser`."""
    if len(text) > USER_MAX or not is_user(text):
        raise InvalidUser(
            f"not a user id: {text[:80]!r} (1 to {USER_MAX} letters, digits and ASCII signs without /; no white space, "
            "no symbols, no characters that look like others)"
        )
    return User(text)


def followable(topic: Topic) -> Topic:
    """A topic that can be followed. Raises `InvalidTopic` for one that reaches people by itself."""
    if topic == ALL or topic.startswith(_OWN):
        raise InvalidTopic(f"{topic!r} is not followed: it reaches whom it is for by itself")
    return topic


def own_topic(user: User) -> Topic:
    """The topic that is this person's own."""
    return Topic(_OWN + user)


def owner(topic: Topic) -> User | None:
    """The user of a personal topic; None for `all` and for topics that are followed."""
    return User(topic[len(_OWN) :]) if topic.startswith(_OWN) else None
