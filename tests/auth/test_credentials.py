"""The credential that counts is the one that was sent, and it is found in one pass."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.auth.credentials import TOKEN_MAX, Credential, Kind, find_credential, own_cookies
from tidings.domain.errors import InvalidToken


def headers(**fields: str) -> list[tuple[bytes, bytes]]:
    fields = {"host": "localhost:8000", **fields}
    return [(name.encode(), value.encode()) for name, value in fields.items()]


@pytest.mark.parametrize(
    ("fields", "query", "found"),
    [
        ({}, b"", None),
        ({}, b"user=alice&mytickets=x", None),
        ({"cookie": "a=b; c=d"}, b"", None),
        ({}, b"ticket=abc", Credential(Kind.TICKET, "abc")),
        ({"authorization": "Bearer t", "cookie": "tidings_token=c"}, b"ticket=abc", Credential(Kind.TICKET, "abc")),
        ({"authorization": "bearer  t.a-_b="}, b"", Credential(Kind.BEARER, "t.a-_b=")),
        ({"authorization": "Bearer t", "cookie": "tidings_token=c"}, b"", Credential(Kind.BEARER, "t")),
        ({"cookie": "a=b; tidings_token=c"}, b"", Credential(Kind.COOKIE, "c")),
        ({"cookie": "tidings_token = c ;tidings_token=c"}, b"", Credential(Kind.COOKIE, "c")),
        ({"cookie": "xtidings_token=c; tidings_token_=d"}, b"", None),
        ({}, b"ticket=" + b"a" * TOKEN_MAX, Credential(Kind.TICKET, "a" * TOKEN_MAX)),
    ],
)
def test_one_credential_is_found(fields: dict[str, str], query: bytes, found: Credential | None) -> None:
    assert find_credential(headers(**fields), query) == found


@pytest.mark.parametrize(
    ("fields", "query"),
    [
        ({}, b"ticket="),
        ({}, b"ticket"),
        ({}, b"ticket=a&ticket=b"),
        ({}, b"ticket=%41"),
        ({}, b"ticket=" + b"a" * (TOKEN_MAX + 1)),
        ({"authorization": ""}, b""),
        ({"authorization": "Bearer"}, b""),
        ({"authorization": "Bearer "}, b""),
        ({"authorization": "Bearer a b"}, b""),
        ({"authorization": "Basic YTpi"}, b""),
        ({"authorization": "Bearer " + "a" * (TOKEN_MAX + 1)}, b""),
        ({"cookie": "tidings_token="}, b""),
        ({"cookie": "tidings_token=a; tidings_token=b"}, b""),
        ({"cookie": "tidings_token=\u20ac"}, b""),
    ],
)
def test_one_that_is_none_makes_way_for_no_other(fields: dict[str, str], query: bytes) -> None:
    rest = [] if query else headers(cookie="tidings_token=good") if "cookie" not in fields else []
    with pytest.raises(InvalidToken):
        find_credential([*headers(**fields), *rest], query)


@pytest.mark.parametrize(
    ("host", "cookie", "found"),
    [
        ("localhost", "tidings_token=c", "c"),
        ("127.0.0.1:80", "__Host-tidings_token=c", "c"),
        ("app.example", "__Host-tidings_token=c", "c"),
        ("app.example", "tidings_token=evil; __Host-tidings_token=c", "c"),
        ("app.example", "tidings_token=c", None),
        ("localhost.evil.example", "tidings_token=c", None),
        ("", "tidings_token=c", None),
    ],
)
def test_cookie_that_others_can_set_counts_on_this_machine_only(host: str, cookie: str, found: str | None) -> None:
    credential = find_credential(headers(host=host, cookie=cookie), b"")
    assert (credential and credential.value) == found


def test_two_authorizations_are_none() -> None:
    with pytest.raises(InvalidToken):
        find_credential([(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")], b"")


@given(st.lists(st.tuples(st.sampled_from([b"authorization", b"cookie", b"x"]), st.binary(max_size=40))), st.binary())
def test_any_head_is_a_credential_none_or_invalid(fields: list[tuple[bytes, bytes]], query: bytes) -> None:
    try:
        found = find_credential(fields, query)
    except InvalidToken:
        return
    assert found is None or found.value.isascii()


@pytest.mark.parametrize("junk", [b"=;", b'"\\', b"tidings_token;", b"tidings_token=a;", b" ", b"a=\\073"])
def test_cookies_are_read_in_linear_time(junk: bytes) -> None:
    small, large = junk * (4_000 // len(junk)), junk * (400_000 // len(junk))

    def seconds(header: bytes) -> float:
        began = time.process_time()
        for _ in range(3):
            own_cookies(header, b"tidings_token")
        return time.process_time() - began

    assert seconds(large) < 1000 * max(seconds(small), 0.0005)  # a hundred times the bytes; quadratic: 10 000 x
