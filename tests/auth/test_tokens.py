"""A token is ours, in time, and grants what it says, or it is refused."""

import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.auth.grants import Grant
from tidings.auth.tokens import check, issue
from tidings.domain.errors import InvalidToken
from tidings.domain.topics import Topic, User

SECRET = "s" * 32
PAST, FUTURE = 1_700_000_000, 4_000_000_000  # seconds since 1970; no run of these tests is so old or so late


def signed(claims: dict[str, Any], *, secret: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, secret, algorithm=algorithm)


def test_it_grants_what_was_issued() -> None:
    token = issue(
        SECRET, user=User("a@x.io"), publish=True, topics=[Topic("author/4")], now=PAST, lifetime=FUTURE - PAST
    )  # fmt: skip
    assert check(token, SECRET) == Grant(
        user=User("a@x.io"), publish=True, topics=frozenset({Topic("author/4")}), expires=FUTURE
    )


def test_what_it_does_not_say_it_does_not_grant() -> None:
    token = issue(SECRET, user=None, publish=False, topics=[], now=PAST, lifetime=FUTURE - PAST)
    assert check(token, SECRET) == Grant(expires=FUTURE)


BAD: dict[str, str] = {
    "nothing": "",
    "not a token": "a.b.c",
    "another secret": signed({"sub": "a", "exp": FUTURE}, secret="t" * 32),
    "its time is over": signed({"sub": "a", "exp": PAST}),
    "no end": signed({"sub": "a"}),
    "not yet": signed({"sub": "a", "exp": FUTURE, "nbf": FUTURE - 1}),
    "another algorithm": signed({"sub": "a", "exp": FUTURE}, secret="s" * 64, algorithm="HS512"),
    "no algorithm": signed({"sub": "a", "exp": FUTURE}, secret="", algorithm="none"),
    "no user": signed({"sub": "", "exp": FUTURE}),
    "not a user": signed({"sub": "a/b", "exp": FUTURE}),
    "a topic that is none": signed({"sub": "a", "exp": FUTURE, "topics": ["a b"]}),
    "topics as a text": signed({"sub": "a", "exp": FUTURE, "topics": "ab"}),
    "topics as an object": signed({"sub": "a", "exp": FUTURE, "topics": {"ab": 1}}),
    "topics as numbers": signed({"sub": "a", "exp": FUTURE, "topics": [1]}),
    "an end that is none": signed({"sub": "a", "exp": "soon"}),
    "an end at infinity": signed({"sub": "a", "exp": float("inf")}),
    "an end that no clock can say": signed({"sub": "a", "exp": 10**400}),
    "an end after the year 9999": signed({"sub": "a", "exp": 253_402_300_800}),
}


@pytest.mark.parametrize("token", BAD.values(), ids=BAD)
def test_what_is_wrong_with_it_is_an_invalid_token_and_no_more(token: str) -> None:
    with pytest.raises(InvalidToken):
        check(token, SECRET)


@pytest.mark.parametrize("claim", ["true", 1, "yes", [True], None])
def test_only_true_lets_publish(claim: Any) -> None:
    assert not check(signed({"exp": FUTURE, "publish": claim}), SECRET).publish


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
    )
)
def test_whatever_the_claims_are_it_is_a_grant_or_an_invalid_token(value: Any) -> None:
    for name in ("sub", "topics", "exp", "publish"):
        try:
            token = signed({"exp": FUTURE, name: value})
        except TypeError:
            token = jwt.api_jws.encode(json.dumps({"exp": FUTURE, name: value}).encode(), SECRET, algorithm="HS256")
        try:
            grant = check(token, SECRET)
        except InvalidToken:
            continue
        assert grant.publish is (name == "publish" and value is True)


@given(st.text(max_size=30) | st.binary(max_size=30).map(lambda data: data.decode("latin-1")))
def test_whatever_is_sent_as_a_token_never_raises_anything_else(text: str) -> None:
    with pytest.raises(InvalidToken):
        check(text, SECRET)
