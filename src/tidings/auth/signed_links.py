"""Links that carry their own proof: a path for one user, until a time, signed with a key of the server (HMAC-SHA256).

A click sends no Authorization header, and a page of another origin no cookie: what a link leads to must be in it.
"""

import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256
from urllib.parse import urlencode

from tidings.domain.errors import LinkExpired
from tidings.domain.topics import User


class SignedLinks:
    """Signs and checks links."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """The first secret signs, all of them check."""
        # A key of its own: what a link says is no token, and what a token says no link.
        self._keys = [hmac.digest(secret.encode(), b"tidings link", "sha256") for secret in secrets]

    def query(self, path: str, user: User, *, expires: int) -> str:
        """The query of a link to a path. `expires` in seconds since 1970."""
        signature = _sign(self._keys[0], path, user, str(expires))
        return urlencode({"user": user, "expires": expires, "signature": signature})

    def user(self, path: str, query: Mapping[str, str], *, now: float) -> User:
        """The user whose link this is. Raises `LinkExpired`, also for a link that was never signed here."""
        user, expires = query.get("user", ""), query.get("expires", "")
        said = query.get("signature", "").encode()
        if not any(hmac.compare_digest(_sign(key, path, user, expires).encode(), said) for key in self._keys):
            raise LinkExpired("the link is not whole; take it from the notification again")
        if int(expires) <= now:
            raise LinkExpired("the link was good for a day; export again")
        return User(user)


def _sign(key: bytes, path: str, user: str, expires: str) -> str:
    return hmac.new(key, "\n".join((path, user, expires)).encode(), sha256).hexdigest()
