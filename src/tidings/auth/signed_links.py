"""Links that carry their own proof: a path for one user, until a time, signed with a key of the server (HMAC-SHA256).

A click sends no Authorization header, and a page of another origin no cookie: what a link leads to must be in it.
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import urlencode

from tidings.domain.errors import LinkExpired
from tidings.domain.topics import User


class SignedLinks:
    """Signs and checks links."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def query(self, path: str, user: User, *, expires: int) -> str:
        """The query of a link to a path. `expires` in seconds since 1970."""
        return urlencode({"user": user, "expires": expires, "signature": self._sign(path, user, str(expires))})

    def user(self, path: str, query: Mapping[str, str], *, now: float) -> User:
        """The user whose link this is. Raises `LinkExpired`, also for a link that was never signed here."""
        user, expires = query.get("user", ""), query.get("expires", "")
        right = self._sign(path, user, expires)
        if not hmac.compare_digest(right.encode(), query.get("signature", "").encode()):
            raise LinkExpired("the link is not whole; take it from the notification again")
        if int(expires) <= now:
            raise LinkExpired("the link was good for a day; export again")
        return User(user)

    def _sign(self, path: str, user: str, expires: str) -> str:
        return hmac.new(self._secret, "\n".join((path, user, expires)).encode(), sha256).hexdigest()
