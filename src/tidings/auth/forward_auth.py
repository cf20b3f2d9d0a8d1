"""Forward authentication: the application says whose its own session is.

The Cookie and Authorization of a caller are passed on, and nothing else of the request. An answer counts for a few
seconds; a stream that it opened is asked about again while it lasts.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple
from urllib.parse import unquote

from tidings.auth.grants import Grant
from tidings.auth.revocations import Revocations
from tidings.domain.errors import (
    HeadersTooLarge,
    InvalidUser,
    NotIdentified,
    Overloaded,
    SessionForbidden,
    SessionUnavailable,
)
from tidings.domain.topics import User, parse_user

SESSION_FRESH = 10.0  # seconds that an answer counts
SESSIONS_MAX = 2_000  # sessions whose answer is kept
QUESTIONS_MAX = 100  # questions to the application
CREDENTIALS_MAX = 8 * 1024  # bytes that are passed on: an open stream keeps them
TICKET_AGE = 60  # seconds after which a stream that a ticket opened ends: a ticket carries no session to ask about

_log = logging.getLogger("tidings.auth")


class Session(NamedTuple):
    """The fields that the application knows a caller by, as they came."""

    cookie: str
    authorization: str


class SessionAnswer(NamedTuple):
    """The answer of the application: its status, and the `Tidings-User` that it names."""

    status: int
    user: str | None


class SessionGrant(Grant, frozen=True, kw_only=True):
    """The grant of a session, with what it takes to ask about it again."""

    session: Session

    def for_ticket(self, *, now: float) -> Grant:
        """Without the session, which is kept in no database; so it ends soon."""
        return Grant(user=self.user, topics=self.topics, issued=self.issued, expires=int(now) + TICKET_AGE)


def session_of(headers: Iterable[tuple[bytes, bytes]]) -> Session | None:
    """The credentials of a request for the application; None for none. Raises `HeadersTooLarge`."""
    found: dict[bytes, list[bytes]] = {b"cookie": [], b"authorization": []}
    for name, value in headers:
        if name in found:
            found[name].append(value)
    cookie, authorization = b"; ".join(found[b"cookie"]), b", ".join(found[b"authorization"])
    if len(cookie) + len(authorization) > CREDENTIALS_MAX:
        raise HeadersTooLarge(f"cookies and Authorization have at most {CREDENTIALS_MAX} bytes together")
    if not cookie and not authorization:
        return None
    return Session(cookie.decode("latin-1"), authorization.decode("latin-1"))


class ForwardAuth:
    """Asks the application, once for all who ask the same at the same time."""

    def __init__(
        self, ask: Callable[[Session], Awaitable[SessionAnswer]], *, revoked: Revocations, clock: Callable[[], float]
    ) -> None:
        """`ask` raises anything where there is no answer; `clock` gives seconds since 1970."""
        self._ask = ask
        self._revoked = revoked
        self._clock = clock
        self._known: dict[bytes, tuple[float, SessionGrant]] = {}
        self._asking: dict[bytes, asyncio.Task[SessionGrant]] = {}

    async def grant(self, session: Session) -> SessionGrant:
        """The grant of a session. Raises `NotIdentified`, `SessionForbidden`, `SessionUnavailable`, `Overloaded`."""
        digest = _digest(session)
        known = self._known.get(digest)
        if known is not None and self._clock() < known[0] and not self._revoked.refuses(known[1]):
            return known[1]
        return await self.ask_again(session)

    async def ask_again(self, session: Session) -> SessionGrant:
        """The same, whatever the last answer was."""
        digest = _digest(session)
        task = self._asking.get(digest)
        if task is None:
            if len(self._asking) >= QUESTIONS_MAX:
                raise Overloaded("the application is being asked about as many sessions as may be; try again")
            task = self._asking[digest] = asyncio.create_task(self._answer(session, digest))
        return await asyncio.shield(task)  # others wait for it too

    async def close(self) -> None:
        """Give up the questions that are open."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _answer(self, session: Session, digest: bytes) -> SessionGrant:
        self._known.pop(digest, None)
        try:
            user = self._user(await self._asked(session))
        finally:
            del self._asking[digest]
        grant = SessionGrant(user=user, issued=int(self._clock()), session=session)
        while len(self._known) >= SESSIONS_MAX:
            del self._known[next(iter(self._known))]
        self._known[digest] = (self._clock() + SESSION_FRESH, grant)
        return grant

    async def _asked(self, session: Session) -> SessionAnswer:
        try:
            return await self._ask(session)
        except Exception as error:
            raise self._no_answer(str(error)[:200] or type(error).__name__) from error

    def _user(self, answer: SessionAnswer) -> User:
        if answer.status == 401:
            raise NotIdentified("the application knows nobody by this session")
        if answer.status == 403:
            raise SessionForbidden("the application does not let this session in")
        if not 200 <= answer.status < 300:
            raise self._no_answer(f"the application answers {answer.status}")
        if answer.user is None:
            raise self._no_answer("the application's answer has no Tidings-User")
        try:
            return parse_user(unquote(answer.user, errors="strict"))
        except (InvalidUser, UnicodeDecodeError):
            raise self._no_answer("the Tidings-User of the application's answer is no user id") from None

    def _no_answer(self, detail: str) -> SessionUnavailable:
        _log.warning("session_not_known", extra={"detail": detail})
        return SessionUnavailable("the application does not say whose this session is; try again in a moment")


def _digest(session: Session) -> bytes:
    text = f"{len(session.cookie)} {session.cookie}{session.authorization}"
    return hashlib.blake2b(text.encode("latin-1"), digest_size=16).digest()
