"""Tokens for servers in the mode "serve", who are started with `SECRET`."""

import time

from tests.servers import SECRET
from tidings.auth.tokens import issue
from tidings.domain.topics import User


def bearer(user: str | None, *, publish: bool = False) -> dict[str, str]:
    """The header field with a token for ten minutes."""
    named = None if user is None else User(user)
    made = issue(SECRET, user=named, publish=publish, topics=[], now=int(time.time()), lifetime=600)
    return {"Authorization": f"Bearer {made}"}
