"""Who is calling, from what a request carries."""

import time
from dataclasses import dataclass, field

import pytest

from tidings.auth.grants import Grant
from tidings.auth.identity import COOKIE, DevIdentity, TokenIdentity
from tidings.auth.tickets import Tickets
from tidings.auth.tokens import issue
from tidings.domain.errors import InvalidToken, InvalidUser, NotIdentified
from tidings.domain.topics import User

SECRET = "s" * 32


@dataclass
class Request:
    query_params: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)


def token(user: str, *, secret: str = SECRET) -> str:
    return issue(secret, user=User(user), publish=False, topics=[], now=int(time.time()), lifetime=60)


@pytest.fixture
def tickets() -> Tickets:
    return Tickets(make=lambda: "the-ticket", clock=lambda: 0.0)


@pytest.fixture
def serve(tickets: Tickets) -> TokenIdentity:
    return TokenIdentity(tickets, secret=SECRET)


def test_in_dev_everyone_is_who_they_say(tickets: Tickets) -> None:
    dev = DevIdentity(tickets)
    assert dev.of(Request({"user": "a@x.io"})) == Grant(user=User("a@x.io"), publish=True, topics=None)
    assert dev.of(Request()).user is None
    with pytest.raises(InvalidUser):
        dev.of(Request({"user": "a/b"}))
    with pytest.raises(InvalidUser):
        dev.of(Request({"user": ""}))


def test_a_token_comes_in_a_header_or_a_cookie(serve: TokenIdentity) -> None:
    alice, bob = token("alice"), token("bob")
    for scheme in ("Bearer ", "bearer ", "BEARER  "):
        assert serve.of(Request(headers={"authorization": scheme + alice})).user == "alice"
    assert serve.of(Request(cookies={COOKIE: alice})).user == "alice"
    assert serve.of(Request(headers={"authorization": f"Bearer {alice}"}, cookies={COOKIE: bob})).user == "alice"


@pytest.mark.parametrize(
    "request_",
    [
        Request(),
        Request({"user": "alice"}),
        Request({"ticket": ""}),
        Request(headers={"authorization": "Bearer"}),
        Request(headers={"authorization": "Bearer "}),
        Request(headers={"authorization": "Basic YTpi"}),
        Request(cookies={"token": "x", COOKIE: ""}),
    ],
)
def test_who_says_nothing_that_counts_is_nobody(serve: TokenIdentity, request_: Request) -> None:
    with pytest.raises(NotIdentified):
        serve.of(request_)


@pytest.mark.parametrize("bad", ["x", token("alice", secret="t" * 32)], ids=["no token", "another's secret"])
def test_a_bad_token_is_not_nobody(serve: TokenIdentity, bad: str) -> None:
    with pytest.raises(InvalidToken):
        serve.of(Request(headers={"authorization": f"Bearer {bad}"}))
    with pytest.raises(InvalidToken):
        serve.of(Request(cookies={COOKIE: bad}))


def test_a_ticket_in_the_url_goes_before_everything_and_once(serve: TokenIdentity, tickets: Tickets) -> None:
    ticket = tickets.give(Grant(user=User("bob")))
    request = Request({"ticket": ticket}, headers={"authorization": f"Bearer {token('alice')}"})
    assert serve.of(request).user == "bob"
    with pytest.raises(InvalidToken):
        serve.of(request)
