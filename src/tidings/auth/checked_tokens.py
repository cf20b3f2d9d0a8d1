"""Tokens that were checked: a signature costs more than the rest of a publish, and clients send the same one again."""

import hashlib
from collections.abc import Awaitable, Callable

from tidings.auth.grants import Grant
from tidings.auth.revocations import Revocations
from tidings.domain.errors import InvalidToken

TOKENS_MAX = 10_000  # tokens
TOKEN_SIZE_MAX = 2048  # bytes; a longer one may grant so much that keeping it costs more than checking it again


class CheckedTokens:
    """A bounded table of valid tokens, least recently used first. Expiry and revocation are checked each time."""

    def __init__(
        self,
        check: Callable[[str], Awaitable[Grant]],
        *,
        revoked: Revocations,
        clock: Callable[[], float],
        most: int = TOKENS_MAX,
    ) -> None:
        """`check` raises `InvalidToken`; `clock` gives seconds since 1970."""
        self._revoked = revoked
        self._check = check
        self._clock = clock
        self._most = most
        self._known: dict[bytes, Grant] = {}

    async def __call__(self, token: str) -> Grant:
        """The grant of a token. Raises `InvalidToken`."""
        grant = self.known(token)
        if grant is None:
            grant = await self._check(token)
            while len(self._known) >= self._most:
                del self._known[next(iter(self._known))]
            if len(token) <= TOKEN_SIZE_MAX:
                self._known[_digest(token)] = grant
            self._check_revoked(grant)
        return grant

    def known(self, token: str) -> Grant | None:
        """The grant of a token that was checked before; None for any other. Raises `InvalidToken`."""
        digest = _digest(token)
        grant = self._known.pop(digest, None)
        if grant is None:
            return None
        if 0 < grant.expires <= self._clock():
            raise InvalidToken("the token is not valid: its time is over")
        self._known[digest] = grant  # as the newest
        self._check_revoked(grant)
        return grant

    def _check_revoked(self, grant: Grant) -> None:
        if self._revoked.refuses(grant):
            raise InvalidToken("the token is revoked")


def _digest(token: str) -> bytes:
    """The key of a token: what a client holds is not kept in memory, and the table's size does not depend on it."""
    return hashlib.blake2b(token.encode(), digest_size=16).digest()
