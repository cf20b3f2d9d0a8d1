"""The sweep that asks the application again about the sessions of open streams, and ends those that are over."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from tidings.auth.forward_auth import ForwardAuth, Session, SessionGrant
from tidings.domain.errors import NotIdentified, SessionForbidden, TidingsError
from tidings.domain.topics import User
from tidings.hub.liveness import HEARTBEAT_SLOTS, Liveness
from tidings.hub.readers import Reader

EVERY = 60.0  # seconds between two questions about a stream
CONCURRENT_CHECKS = 8  # questions


class SessionCheck:
    """Visits every slot of readers once a minute. While the application does not answer, streams stay open."""

    def __init__(
        self,
        liveness: Liveness,
        sessions: ForwardAuth,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`clock` in seconds, never going back."""
        self._liveness = liveness
        self._sessions = sessions
        self._clock = clock
        self._sleep = sleep
        self._free = asyncio.Semaphore(CONCURRENT_CHECKS)

    async def run(self) -> None:
        """Visit slot after slot, for ever."""
        slot, due = 0, self._clock()
        while True:
            due = max(due + EVERY / HEARTBEAT_SLOTS, self._clock())  # the time that the answers took is not added
            await self._sleep(due - self._clock())
            slot = (slot + 1) % HEARTBEAT_SLOTS
            await self.check(self._liveness.readers_of_slot(slot))

    async def check(self, readers: Iterable[Reader]) -> None:
        """Ask about the sessions of these readers, once for each; end the readers of those that are over."""
        by_session: dict[Session, list[Reader]] = {}
        for reader in readers:
            if isinstance(reader.credential, SessionGrant):
                by_session.setdefault(reader.credential.session, []).append(reader)
        users = await asyncio.gather(*map(self._user, by_session))
        for known, its_readers in zip(users, by_session.values(), strict=True):
            for reader in its_readers:
                if known is not None and known != reader.membership.user:
                    self._liveness.end_expired(reader)

    async def _user(self, session: Session) -> User | str | None:
        """The user of a session; "" if it is over, None while that is not known."""
        async with self._free:
            try:
                return (await self._sessions.ask_again(session)).user
            except (NotIdentified, SessionForbidden):
                return ""
            except TidingsError:
                return None
