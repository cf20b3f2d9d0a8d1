"""The application's own session: it is asked, its answer is kept for a moment, and what it does not say is a 503."""

import asyncio
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from tests.auth.test_identity import FakeTickets
from tidings.auth.api_keys import KEY_PREFIX, ApiKeys
from tidings.auth.forward_auth import (
    CREDENTIALS_MAX,
    QUESTIONS_MAX,
    SESSION_FRESH,
    SESSIONS_MAX,
    TICKET_AGE,
    ForwardAuth,
    Session,
    SessionAnswer,
    SessionGrant,
    session_of,
)
from tidings.auth.identity import ForwardIdentity, Purpose
from tidings.auth.origins import OriginPolicy
from tidings.auth.revocations import Revocations
from tidings.domain.errors import (
    HeadersTooLarge,
    InvalidToken,
    NotIdentified,
    OriginForbidden,
    Overloaded,
    SessionForbidden,
    SessionUnavailable,
    UnsupportedMediaType,
)
from tidings.domain.topics import User

ALICE = Session("sid=a", "")
YES = SessionAnswer(200, "alice")


class Application:
    """An application with sessions, a clock, and how often it was asked."""

    def __init__(self, answer: SessionAnswer | Exception = YES) -> None:
        self.answer, self.asked, self.now = answer, list[Session](), 1000.0
        self.revoked = Revocations()
        self.answering = asyncio.Event()
        self.answering.set()
        self.auth = ForwardAuth(self.ask, revoked=self.revoked, clock=lambda: self.now)

    async def ask(self, session: Session) -> SessionAnswer:
        self.asked.append(session)
        await self.answering.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_session_is_the_users_that_the_application_names() -> None:
    for named, user in (("alice", "alice"), ("a%40x.io", "a@x.io"), ("%C3%A9ve", "éve")):
        grant = await Application(SessionAnswer(204, named)).auth.grant(ALICE)
        assert (grant.user, grant.publish, grant.topics, grant.expires) == (user, False, frozenset(), 0)


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (SessionAnswer(401, None), NotIdentified),
        (SessionAnswer(401, "alice"), NotIdentified),
        (SessionAnswer(403, None), SessionForbidden),
        (SessionAnswer(200, None), SessionUnavailable),
        (SessionAnswer(200, ""), SessionUnavailable),
        (SessionAnswer(200, "a/b"), SessionUnavailable),
        (SessionAnswer(200, "%FF"), SessionUnavailable),
        (SessionAnswer(302, "alice"), SessionUnavailable),
        (SessionAnswer(404, None), SessionUnavailable),
        (SessionAnswer(500, "alice"), SessionUnavailable),
        (TimeoutError(), SessionUnavailable),
        (OSError("refused"), SessionUnavailable),
    ],
)
async def test_session_is_refused_by_401_and_403_and_unknown_by_all_else(
    answer: SessionAnswer | Exception, refusal: type[Exception]
) -> None:
    application = Application(answer)
    for _ in range(2):
        with pytest.raises(refusal):
            await application.auth.grant(ALICE)
    assert len(application.asked) == 2  # a refusal is not kept: the next request may be that of the one who signed in
    application.answer = SessionAnswer(200, "alice")
    assert (await application.auth.grant(ALICE)).user == "alice"


async def test_answer_counts_for_a_moment() -> None:
    application = Application()
    for _ in range(3):
        await application.auth.grant(ALICE)
    assert len(application.asked) == 1
    application.now += SESSION_FRESH
    application.answer = SessionAnswer(401, None)
    with pytest.raises(NotIdentified):
        await application.auth.grant(ALICE)


async def test_refusal_of_an_open_stream_counts_for_the_next_request() -> None:
    application = Application()
    await application.auth.grant(ALICE)
    application.answer = SessionAnswer(401, None)
    for ask in (application.auth.ask_again, application.auth.grant):
        with pytest.raises(NotIdentified):
            await ask(ALICE)


async def test_answer_that_is_revoked_is_asked_for_again() -> None:
    application = Application()
    await application.auth.grant(ALICE)
    application.revoked.add(user=User("alice"), issued_before=1001)
    application.now = 1001.0
    for _ in range(2):
        await application.auth.grant(ALICE)
    assert len(application.asked) == 2


async def test_sessions_are_told_apart_and_few_are_kept() -> None:
    application = Application()
    for session in (Session("sid=a", ""), Session("", "sid=a"), Session("sid=", "a")):
        await application.auth.grant(session)
    assert len(application.asked) == 3
    for n in range(SESSIONS_MAX):
        await application.auth.grant(Session(f"sid={n}", ""))
    await application.auth.grant(Session("sid=a", ""))
    assert len(application.asked) == 3 + SESSIONS_MAX + 1


async def test_application_is_asked_once_for_all_who_wait_and_about_few_at_once() -> None:
    application = Application()
    application.answering.clear()
    same = [asyncio.ensure_future(application.auth.grant(ALICE)) for _ in range(10)]
    others = [asyncio.ensure_future(application.auth.grant(Session(f"sid={n}", ""))) for n in range(QUESTIONS_MAX)]
    results = asyncio.gather(*same, *others, return_exceptions=True)
    same[0].cancel()  # one who leaves takes the answer from nobody
    await asyncio.sleep(0)
    application.answering.set()
    done = await results
    assert [type(one) for one in done[1:10]] == [SessionGrant] * 9
    assert [type(one) for one in done[10:]].count(Overloaded) == 1
    assert len(application.asked) == QUESTIONS_MAX


def test_session_is_what_the_request_carries() -> None:
    assert session_of([(b"host", b"x")]) is None
    assert session_of([(b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"authorization", b"Basic x")]) == Session(
        "a=1; b=2", "Basic x"
    )
    with pytest.raises(HeadersTooLarge):
        session_of([(b"cookie", b"a" * CREDENTIALS_MAX), (b"authorization", b"b")])


def test_ticket_carries_no_session_and_ends_soon() -> None:
    grant = SessionGrant(user=None, session=ALICE).for_ticket(now=1000.5)
    assert (type(grant).__name__, grant.expires) == ("Grant", 1000 + TICKET_AGE)


# The callers of a server that asks the application


def request(query: str = "", *, method: str = "GET", **headers: str) -> HTTPConnection:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope: dict[str, Any] = {
        "type": "http", "method": method, "query_string": query.encode(), "headers": [(b"host", b"localhost"), *fields]
    }  # fmt: skip
    return HTTPConnection(scope)


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def identity(application: Application) -> ForwardIdentity:
    origins = OriginPolicy((), credentials=False, loopback=False)
    return ForwardIdentity(FakeTickets(), sessions=application.auth, keys=ApiKeys(), origins=origins)


async def test_keys_and_tickets_are_ours_and_the_application_is_not_asked(
    identity: ForwardIdentity, application: Application
) -> None:
    for given in (
        request("ticket="),
        request("ticket=x", cookie="sid=a"),
        request(authorization=f"Bearer {KEY_PREFIX}x"),
    ):
        with pytest.raises(InvalidToken):
            await identity.of(given, purpose=Purpose.LISTEN)
    with pytest.raises(NotIdentified):
        await identity.of(request())
    assert application.asked == []


async def test_changes_by_a_session_are_by_pages_of_ours(identity: ForwardIdentity, application: Application) -> None:
    carried = ({"cookie": "sid=a"}, {"authorization": "Basic eDp5"}, {"cookie": "sid=a", "authorization": "Bearer x"})
    for headers in carried:
        assert (await identity.of(request(**headers))).user == "alice"
        with pytest.raises(OriginForbidden):
            await identity.of(request(**headers), purpose=Purpose.SOCKET)
        with pytest.raises(OriginForbidden):
            await identity.of(request(method="POST", origin="https://evil.example", **headers))
        ours = {"origin": "https://localhost", **headers}
        with pytest.raises(UnsupportedMediaType):
            await identity.of(request(method="POST", content_length="2", **ours))
        assert (await identity.of(request(method="POST", **ours))).user == "alice"
    # A header that a page cannot send unless it is asked about it (CORS) proves as much as an Origin.
    assert (await identity.of(request(method="POST", authorization="Bearer x"))).user == "alice"
