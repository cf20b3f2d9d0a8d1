"""Grants: a call without one is refused before any work."""

import pytest

from tidings.auth.grants import Grant
from tidings.domain.errors import NotIdentified, PublishForbidden, TopicForbidden
from tidings.domain.topics import Topic, User

ALICE = User("a@x.io")


@pytest.mark.parametrize(
    ("topics", "topic", "may"),
    [
        (frozenset(), "user/a@x.io", True),
        (frozenset(), "user/aa@x.io", False),
        (frozenset(), "user/a@x.iox", False),
        (frozenset(), "all", True),
        (frozenset(), "author/4", False),
        ({"author/4"}, "author/4", True),
        ({"author/4"}, "author/42", False),
        ({"author/4"}, "author/4/posts", False),
        ({"user/aa@x.io"}, "user/aa@x.io", False),
        (None, "author/4", True),
        (None, "user/a@x.io", True),
        (None, "user/aa@x.io", False),
    ],
)
def test_whose_topics_one_may_read(topics: set[str] | None, topic: str, may: bool) -> None:
    grant = Grant(user=ALICE, topics=None if topics is None else frozenset(map(Topic, topics)))
    if may:
        assert grant.may_read(Topic(topic)) == topic
    else:
        with pytest.raises(TopicForbidden):
            grant.may_read(Topic(topic))


def test_personal_topic_is_not_readable_without_its_user() -> None:
    with pytest.raises(TopicForbidden):
        Grant(topics=None).may_read(Topic("user/a@x.io"))


def test_a_grant_is_as_little_as_was_said() -> None:
    nothing = Grant()
    with pytest.raises(NotIdentified):
        nothing.me()
    with pytest.raises(PublishForbidden):
        nothing.may_publish()
    Grant(publish=True).may_publish()
    assert Grant(user=ALICE).me() == ALICE


@pytest.mark.parametrize(
    ("grants", "topic", "may"),
    [
        (("*",), "all", True),
        (("*",), "user/a", True),
        (("author/*",), "author/4", True),
        (("author/*",), "author/4/posts", True),
        (("author/*",), "author", False),
        (("author/*",), "author2/4", False),
        (("author/4",), "author/4", True),
        (("author/4",), "author/42", False),
        (("author/4",), "author/4/posts", False),
        (("user/*",), "user/a@x.io", True),
        (("user/a@x.io",), "user/aa@x.io", False),
        (("author/*", "all"), "all", True),
        (("author/*",), "all", False),
        ((), "author/4", False),
    ],
)
def test_key_publishes_where_its_grants_say(grants: tuple[str, ...], topic: str, may: bool) -> None:
    grant = Grant(publish=True, publish_to=grants, key="k")
    if may:
        grant.may_publish_to([Topic(topic)])
    else:
        with pytest.raises(PublishForbidden):
            grant.may_publish_to([Topic(topic)])
    if "*" not in grants:
        with pytest.raises(PublishForbidden):
            grant.may_publish_everywhere()
