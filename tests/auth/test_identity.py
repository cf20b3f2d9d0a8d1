"""Identification of a caller by the credentials in a request."""

import time
from collections.abc import Collection
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from tidings.auth.api_keys import ApiKeys
from tidings.auth.checked_tokens import CheckedTokens
from tidings.auth.credentials import COOKIE
from tidings.auth.grants import Grant
from tidings.auth.identity import DevIdentity, Purpose, TokenIdentity
from tidings.auth.keys import secret_keys
from tidings.auth.origins import OriginPolicy
from tidings.auth.revocations import Revocations
from tidings.auth.tokens import TokenChecker, TokenRules, issue
from tidings.domain.errors import InvalidToken, InvalidUser, NotIdentified, OriginForbidden, UnsupportedMediaType
from tidings.domain.topics import User

SECRET = "s" * 32
ORIGINS = OriginPolicy((), credentials=False, loopback=False)


class FakeTickets:
    """Tickets that are good once, for any origin."""

    def __init__(self) -> None:
        self.waiting: dict[str, Grant] = {}

    async def make(self, grant: Grant, *, origin: str) -> str:
        self.waiting["the-ticket"] = grant
        return "the-ticket"

    async def use(self, ticket: str, *, origins: Collection[str]) -> Grant:
        if ticket not in self.waiting:
            raise InvalidToken("used")
        return self.waiting.pop(ticket)


def request(query: str = "", *, method: str = "GET", **headers: str) -> HTTPConnection:
    named = {"host": "localhost", **headers}
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items()]
    scope: dict[str, Any] = {"type": "http", "method": method, "query_string": query.encode(), "headers": fields}
    return HTTPConnection(scope)


def token(user: str, *, secret: str = SECRET, publish: bool = False) -> str:
    return issue(secret, user=User(user), publish=publish, topics=[], now=int(time.time()), lifetime=60)


@pytest.fixture
def tickets() -> FakeTickets:
    return FakeTickets()


@pytest.fixture
def serve(tickets: FakeTickets) -> TokenIdentity:
    checker = TokenChecker(secret_keys(SECRET), rules=TokenRules(), clock=time.time)
    tokens = CheckedTokens(checker, revoked=Revocations(), clock=time.time)
    return TokenIdentity(tickets, check=tokens, keys=ApiKeys(), origins=ORIGINS)


async def test_dev_mode_takes_the_user_without_proof(tickets: FakeTickets) -> None:
    dev = DevIdentity(tickets, origins=ORIGINS)
    assert await dev.of(request("user=a%40x.io")) == Grant(user=User("a@x.io"), publish=True, topics=None)
    assert (await dev.of(request())).user is None
    for user in ("a%2Fb", ""):
        with pytest.raises(InvalidUser):
            await dev.of(request(f"user={user}"))
    for ticket in ("", "x", "%41"):
        with pytest.raises(InvalidToken):
            await dev.of(request(f"user=a&ticket={ticket}"), purpose=Purpose.LISTEN)


async def test_token_comes_in_a_header_or_a_cookie(serve: TokenIdentity) -> None:
    alice, bob = token("alice"), token("bob")
    for scheme in ("Bearer ", "bearer ", "BEARER  "):
        assert (await serve.of(request(authorization=scheme + alice))).user == "alice"
    assert (await serve.of(request(cookie=f"{COOKIE}={alice}"))).user == "alice"
    assert (await serve.of(request(authorization=f"Bearer {alice}", cookie=f"{COOKIE}={bob}"))).user == "alice"


@pytest.mark.parametrize("given", [request(), request("user=alice"), request(cookie="token=x")])
async def test_caller_without_a_credential_is_anonymous(serve: TokenIdentity, given: HTTPConnection) -> None:
    with pytest.raises(NotIdentified):
        await serve.of(given)


@pytest.mark.parametrize("bad", ["x", token("alice", secret="t" * 32)], ids=["no token", "another's secret"])
async def test_bad_token_is_not_anonymous(serve: TokenIdentity, bad: str) -> None:
    for given in (request(authorization=f"Bearer {bad}"), request(cookie=f"{COOKIE}={bad}"), request("ticket=")):
        with pytest.raises(InvalidToken):
            await serve.of(given)


@pytest.mark.parametrize("purpose", [Purpose.LISTEN, Purpose.SOCKET])
async def test_ticket_goes_before_everything_and_once(
    serve: TokenIdentity, tickets: FakeTickets, purpose: Purpose
) -> None:
    ticket = await tickets.make(Grant(user=User("bob")), origin="")
    given = request(f"ticket={ticket}", authorization=f"Bearer {token('alice')}")
    with pytest.raises(InvalidToken):
        await serve.of(given)
    assert (await serve.of(given, purpose=purpose)).user == "bob"
    with pytest.raises(InvalidToken):
        await serve.of(given, purpose=purpose)


async def test_cookie_never_publishes(serve: TokenIdentity) -> None:
    publisher = token("alice", publish=True)
    assert (await serve.of(request(authorization=f"Bearer {publisher}"))).publish
    assert not (await serve.of(request(cookie=f"{COOKIE}={publisher}"))).publish


async def test_change_by_cookie_is_by_a_page_of_ours_and_json(serve: TokenIdentity) -> None:
    cookie = f"{COOKIE}={token('alice')}"
    for method in ("POST", "PUT", "PATCH", "DELETE", "QUERY"):
        with pytest.raises(OriginForbidden):
            await serve.of(request(method=method, cookie=cookie))
        with pytest.raises(UnsupportedMediaType):
            await serve.of(request(method=method, cookie=cookie, origin="https://localhost", content_length="2"))
        ours = request(method=method, cookie=cookie, origin="https://localhost")
        assert (await serve.of(ours)).user == "alice"
    with pytest.raises(OriginForbidden):
        await serve.of(request(cookie=cookie), purpose=Purpose.SOCKET)
