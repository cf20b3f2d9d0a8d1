"""Tokens: JSON Web Tokens (RFC 7519) signed with the server's secret (HS256)."""

from collections.abc import Sequence

import jwt

from tidings.auth.grants import Grant
from tidings.domain.errors import InvalidToken, TidingsError
from tidings.domain.topics import Topic, User, parse_topic, parse_user

_ALGORITHM = "HS256"
_LAST = 253_402_300_799  # seconds since 1970: the end of the year 9999, the last that a time on the wire can say


def issue(secret: str, *, user: User | None, publish: bool, topics: Sequence[Topic], now: int, lifetime: int) -> str:
    """A token. Times in seconds."""
    claims: dict[str, object] = {"iat": now, "exp": now + lifetime}
    if user is not None:
        claims["sub"] = user
    if publish:
        claims["publish"] = True
    if topics:
        claims["topics"] = list(topics)
    return jwt.encode(claims, secret, algorithm=_ALGORITHM)


def check(token: str, secret: str) -> Grant:
    """What a token grants. Raises `InvalidToken`."""
    try:
        claims = jwt.decode(token, secret, algorithms=[_ALGORITHM], options={"require": ["exp"]})
        subject, topics = claims.get("sub"), claims.get("topics", [])
        if not isinstance(topics, list):
            raise InvalidToken("topics is a list of topics")
        expires = int(claims["exp"])
        if expires > _LAST:
            raise InvalidToken("it ends after the year 9999")
        return Grant(
            user=None if subject is None else parse_user(subject),
            publish=claims.get("publish") is True,
            topics=frozenset(map(parse_topic, topics)),
            expires=expires,
        )
    except (jwt.InvalidTokenError, TidingsError, TypeError, OverflowError) as error:
        raise InvalidToken(f"the token is not valid: {error}") from error
