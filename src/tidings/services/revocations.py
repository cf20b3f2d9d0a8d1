"""The verb of revocation: a user's credentials, or one token, are refused from now on, on every process."""

from collections.abc import Callable
from typing import Any

import msgspec

from tidings.auth.checked_tokens import CheckedTokens
from tidings.auth.revocations import Revocations, users_of
from tidings.domain.errors import InvalidRequest
from tidings.domain.model import Event
from tidings.domain.results import Revoked
from tidings.domain.topics import User
from tidings.hub.hub import Hub
from tidings.services.call import Call
from tidings.services.commands import Commands
from tidings.services.store_gateway import StoreGateway
from tidings.store.transactions.revocations import revocations, revoke_token, revoke_user

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class RevocationService:
    """Revokes credentials, and ends the streams that they opened."""

    def __init__(
        self,
        commands: Commands,
        gateway: StoreGateway,
        hub: Hub,
        *,
        revoked: Revocations,
        tokens: CheckedTokens,
        clock: Callable[[], float],
        max_age: float,
    ) -> None:
        """`max_age`: seconds that a token can still be good for. `clock` gives seconds since 1970."""
        self._commands = commands
        self._gateway = gateway
        self._hub = hub
        self._revoked = revoked
        self._tokens = tokens
        self._clock = clock
        self._keep = int(max_age * 1000) + 60_000

    async def load(self) -> None:
        """Learn what was revoked before this process started."""
        for one in await self._gateway.query(revocations(after=0)):
            self._revoked.add(user=one.user, issued_before=one.issued_before, token_id=one.jti)

    async def revoke(self, call: Call, *, user: User | None, token_id: str | None) -> Revoked:
        """Revoke everything that a user was issued up to this second, or one token. Raises `PublishForbidden`."""
        call.grant.may_publish_everywhere()
        if (user is None) == (not token_id):
            raise InvalidRequest("say either `user` or `jti`")
        if user is not None:
            # A token of this second may be older than this call, so it counts as older.
            job = revoke_user(user, issued_before=int(self._clock()) + 1, keep=self._keep)
        else:
            job = revoke_token(str(token_id), keep=self._keep)
        return await self._commands.run(call, job, lambda seq: Revoked(cursor=str(self._gateway.cursor(seq))), Revoked)

    def told(self, event: Event) -> None:
        """Apply a revocation as it passes in the log, and end the streams that it is about."""
        said = _decode(event.data)
        user, token_id = said.get("user"), said.get("jti")
        self._revoked.add(user=user, issued_before=said.get("issued_before"), token_id=token_id)
        users = {user} if user is not None else users_of(self._tokens.grants(), token_id or "")
        for one in users:
            for reader in self._hub.readers_of(one):
                self._hub.liveness.end_expired(reader)
