"""Topics and users are parsed once, and compared whole ever after (law 5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.domain.errors import InvalidTopic, InvalidUser
from tidings.domain.topics import ALL, TOPIC_MAX, USER_MAX, Topic, own_topic, owner, parse_topic, parse_user

GOOD = [
    "all",
    "author/42",
    "post/7",
    "a",
    "a/b/c",
    "user/a@x.io",
    "users",
    "user1/x",
    "ä/ö",
    "論文/7",
    "a:b?c=d#e",
    "%2F",
    ".",
]
BAD = [
    "", "/", "a/", "/a", "a//b", "user", "user/", "user/a/b", " ", "a b", "a\tb", "a\nb", "a\n", "\u2028", "a\u2029b",
    "a\x00b", "a\x7f", "a\x85", "a\xa0b", "a\u200bb", "a\u202eb", "a\u2060b", "\ufeffa", "a\xadb", "\ud800", "a\ufffdb",
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_a_topic_is_visible_characters_in_segments(text: str) -> None:
    assert parse_topic(text) == text


@pytest.mark.parametrize("text", BAD, ids=ascii)
def test_text_that_is_no_topic_is_refused(text: str) -> None:
    with pytest.raises(InvalidTopic if text != "user/a/b" else InvalidUser):
        parse_topic(text)


@pytest.mark.parametrize("text", ["a@x.io", "aa@x.io", "1", "user", "all", "ä", "a:b"])
def test_a_user_id_may_be_an_address(text: str) -> None:
    assert parse_user(text) == text


@pytest.mark.parametrize("text", [*[bad for bad in BAD if bad != "user"], "a/b"], ids=ascii)
def test_text_that_is_no_user_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidUser):
        parse_user(text)


def test_lengths_are_bounded_and_every_user_has_a_topic_of_their_own() -> None:
    assert parse_topic("t" * TOPIC_MAX)
    assert parse_topic(own_topic(parse_user("u" * USER_MAX)))
    with pytest.raises(InvalidTopic):
        parse_topic("t" * (TOPIC_MAX + 1))
    with pytest.raises(InvalidUser):
        parse_user("u" * (USER_MAX + 1))


@given(st.text(max_size=12))
def test_a_topic_is_personal_or_has_no_owner(text: str) -> None:
    try:
        user = parse_user(text)
    except InvalidUser:
        with pytest.raises((InvalidUser, InvalidTopic)):
            parse_topic(f"user/{text}")
        return
    assert owner(parse_topic(f"user/{text}")) == user
    assert owner(own_topic(user)) == user
    for other in (ALL, Topic("author/42"), Topic(f"users/{text}"), Topic(f"x/user/{text}")):
        assert owner(other) is None
    assert own_topic(user) != own_topic(parse_user(f"a{text}"[:USER_MAX]))
