"""The verb of revocation: a user's credentials, or one token, are refused from now on, on every process."""

from collections.abc import Callable
from typing import Any

import msgspec

from tidings.auth.grants import Grant
from tidings.auth.revocations import Revocations
from tidings.domain.errors import InvalidRequest
from tidings.domain.model import Event
from tidings.domain.results import Revoked
from tidings.domain.topics import User
from tidings.hub.hub import Hub
from tidings.services.call import Call
from tidings.services.commands import Commands
from tidings.services.store_gateway import StoreGateway
from tidings.store.transactions.revocations import revocations, revoke_token, revoke_user
from tidings.store.transactions.transaction import Job

_decode = msgspec.json.Decoder(dict[str, Any]).decode

_LEEWAY = 60_000  # milliseconds by which the clocks of those who issue tokens may differ from ours


def revocation(user: User | None, token_id: str | None, *, now: float, max_age: float) -> Job[int]:
    """The job that refuses all that a user was issued up to this second, or one token; the seq of its event.

    `now`: seconds since 1970. `max_age`: seconds that a token can still be good for. Raises `InvalidRequest` unless
    it is told exactly one of them.
    """
    if (user is None) == (not token_id):
        raise InvalidRequest("say either `user` or `jti`")
    keep = int(max_age * 1000) + _LEEWAY
    if user is None:
        return revoke_token(str(token_id), keep=keep)
    # A token of this second may be older than this call, so it counts as older.
    return revoke_user(user, issued_before=int(now) + 1, keep=keep)


class RevocationService:
    """Revokes credentials, and ends the streams that they opened."""

    def __init__(
        self,
        commands: Commands,
        gateway: StoreGateway,
        hub: Hub,
        *,
        revoked: Revocations,
        clock: Callable[[], float],
        max_age: float,
    ) -> None:
        """`max_age`: seconds that a token can still be good for. `clock` gives seconds since 1970."""
        self._commands = commands
        self._gateway = gateway
        self._hub = hub
        self._revoked = revoked
        self._clock = clock
        self._max_age = max_age

    async def load(self) -> None:
        """Learn what was revoked before this process started."""
        for one in await self._gateway.query(revocations(after=0)):
            self._revoked.add(user=one.user, issued_before=one.issued_before, token_id=one.jti)

    def of_user(self, user: User) -> Job[int]:
        """The job that refuses all that a user was issued up to this second."""
        return revocation(user, None, now=self._clock(), max_age=self._max_age)

    async def revoke(self, call: Call, *, user: User | None, token_id: str | None) -> Revoked:
        """Revoke everything that a user was issued up to this second, or one token. Raises `PublishForbidden`."""
        call.grant.may_publish_everywhere()
        job = revocation(user, token_id, now=self._clock(), max_age=self._max_age)
        return await self._commands.run(call, job, lambda seq: Revoked(cursor=str(self._gateway.cursor(seq))), Revoked)

    def told(self, event: Event) -> None:
        """Apply a revocation as it passes in the log, and end the streams that it is about."""
        said = _decode(event.data)
        user, token_id = said.get("user"), said.get("jti")
        self._revoked.add(user=user, issued_before=said.get("issued_before"), token_id=token_id)
        liveness = self._hub.liveness
        for reader in self._hub.readers_of(user) if user is not None else liveness.readers():
            if isinstance(reader.credential, Grant) and self._revoked.refuses(reader.credential):
                liveness.end_expired(reader)
