"""Credentials that are refused before their time is over."""

from tidings.auth.grants import Grant
from tidings.domain.topics import User


class Revocations:
    """The revocations that this process knows: loaded when it starts, then followed in the log."""

    def __init__(self) -> None:
        self._before: dict[User, int] = {}
        self._tokens: set[str] = set()

    def add(self, *, user: User | None = None, issued_before: int | None = None, token_id: str | None = None) -> None:
        """Refuse a user's credentials that were issued before a second, or the token of one `jti`."""
        if user is not None and issued_before is not None:
            self._before[user] = max(issued_before, self._before.get(user, 0))
        if token_id is not None:
            self._tokens.add(token_id)

    def refuses(self, grant: Grant) -> bool:
        """Is this grant of a credential that is revoked? One that does not say when it was issued counts as older."""
        if not self._before and not self._tokens:
            return False
        if grant.token_id and grant.token_id in self._tokens:
            return True
        return grant.user is not None and grant.issued < self._before.get(grant.user, 0)
