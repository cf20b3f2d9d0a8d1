"""Tokens: JSON Web Tokens (RFC 7519) of the application, checked as RFC 8725 says."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from tidings.auth.grants import Grant
from tidings.auth.jwks import RemoteKeys
from tidings.auth.keys import VerificationKey, matching
from tidings.domain.errors import InvalidToken, TidingsError
from tidings.domain.topics import Topic, User, parse_topic, parse_user

LEEWAY = 30  # seconds that the application's clock may be ahead; a token's end has none
DAY = 24 * 3600
JTI_MAX = 200  # characters of a `jti`
_LAST = 253_402_300_799  # seconds since 1970: the end of the year 9999, the last that a time on the wire can say


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """The requirements on a token's claims and header, beside its signature."""

    audience: frozenset[str] = frozenset()  # one of them; none: a token that names an audience is for somebody else
    issuer: str = ""  # "": any
    type: str = "JWT"  # of the header, if it has one
    topics_claim: str = "topics"
    max_age: float = DAY  # seconds from now that a token may still be good for


def issue(secret: str, *, user: User | None, publish: bool, topics: Sequence[Topic], now: int, lifetime: int) -> str:
    """A token. Times in seconds."""
    claims: dict[str, object] = {"iat": now, "exp": now + lifetime}
    if user is not None:
        claims["sub"] = user
    if publish:
        claims["publish"] = True
    if topics:
        claims["topics"] = list(topics)
    return jwt.encode(claims, secret, algorithm="HS256")


class TokenChecker:
    """Checks tokens with the keys of the settings, and with those of a key set's URL."""

    def __init__(
        self,
        keys: Sequence[VerificationKey],
        *,
        remote: RemoteKeys | None = None,
        rules: TokenRules,
        clock: Callable[[], float],
    ) -> None:
        """`clock` gives seconds since 1970."""
        self._keys = keys
        self._remote = remote
        self._rules = rules
        self._clock = clock

    async def __call__(self, token: str) -> Grant:
        """The grant of a token. Raises `InvalidToken`, `KeysUnavailable`."""
        header = _header(token)
        keys = matching(self._keys, algorithm=header.get("alg"), kid=header.get("kid"))
        if self._remote is not None and header.get("alg") in {"RS256", "ES256", "EdDSA"}:
            remote = await self._remote.keys(kid=header.get("kid"))
            keys += matching(remote, algorithm=header.get("alg"), kid=header.get("kid"))
        _check_type(header, self._rules)
        return check(token, keys, rules=self._rules, now=self._clock())


def check(token: str, keys: Sequence[VerificationKey], *, rules: TokenRules, now: float) -> Grant:
    """The grant of a token that one of these keys has signed. Raises `InvalidToken`."""
    claims = _verified(token, keys)
    expires = _time(claims, "exp")
    if expires is None:
        raise InvalidToken("the token is not valid: it has no exp")
    if expires <= now:
        raise InvalidToken("the token is not valid: its time is over")
    if expires > min(now + rules.max_age + LEEWAY, _LAST):
        raise InvalidToken(f"the token is not valid: it is good for more than {rules.max_age:g} s from now")
    for name in ("nbf", "iat"):
        begins = _time(claims, name)
        if begins is not None and begins > now + LEEWAY:
            raise InvalidToken(f"the token is not valid: its {name} is in the future")
    if rules.issuer and claims.get("iss") != rules.issuer:
        raise InvalidToken("the token is not valid: it is of another issuer")
    _check_audience(claims, rules)
    subject, topics, name = claims.get("sub"), claims.get(rules.topics_claim, []), claims.get("jti", "")
    if not isinstance(topics, list) or not all(isinstance(topic, str) for topic in topics):
        raise InvalidToken(f"the token is not valid: {rules.topics_claim} is a list of topics")
    if not isinstance(subject, str | None) or not isinstance(name, str) or len(name) > JTI_MAX:
        raise InvalidToken(f"the token is not valid: sub and jti are text, jti of at most {JTI_MAX} characters")
    try:
        return Grant(
            user=None if subject is None else parse_user(subject),
            publish=claims.get("publish") is True,
            topics=frozenset(map(parse_topic, topics)),
            expires=int(expires),
            issued=int(_time(claims, "iat") or 0),
            token_id=name,
        )
    except TidingsError as error:
        raise InvalidToken(f"the token is not valid: {error}") from error


def _header(token: str) -> Mapping[str, Any]:
    """The unverified header of a token. It chooses among our keys, and names none of its own: `jku`, `x5u`, `jwk`
    and the like are not looked at.
    """
    try:
        header: Mapping[str, Any] = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
        raise InvalidToken(f"the token is not valid: {error}") from error
    if "crit" in header or header.get("b64") is False:
        raise InvalidToken("the token is not valid: it needs an extension that is not known here")
    return header


def _check_type(header: Mapping[str, Any], rules: TokenRules) -> None:
    """A token of another kind (a logout token, an ID token) is not taken for one of access (RFC 8725, section 3.11)."""
    type = header.get("typ")
    if type is None and rules.type.upper() == "JWT":
        return
    if not isinstance(type, str) or type.lower().removeprefix("application/") != rules.type.lower():
        raise InvalidToken(f"the token is not valid: its typ is not {rules.type}")


def _verified(token: str, keys: Sequence[VerificationKey]) -> Mapping[str, Any]:
    problem = "no key here is of its algorithm and name"
    for key in keys:
        try:
            payload = jwt.api_jws.decode(token, key.key, algorithms=[key.algorithm])
            claims = json.loads(payload)
        except (jwt.InvalidTokenError, jwt.InvalidKeyError, ValueError, TypeError, RecursionError) as error:
            problem = str(error)
            continue
        if isinstance(claims, dict):
            return claims
        problem = "its claims are no object"
    raise InvalidToken(f"the token is not valid: {problem}")


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LAST or math.isnan(value):
        raise InvalidToken(f"the token is not valid: its {name} is not a number of seconds since 1970")
    return value


def _check_audience(claims: Mapping[str, Any], rules: TokenRules) -> None:
    """A token that names its audience is for nobody else (RFC 7519, section 4.1.3)."""
    audience = claims.get("aud")
    if audience is None and not rules.audience:
        return
    named = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
    if not rules.audience.intersection(one for one in named if isinstance(one, str)):
        raise InvalidToken("the token is not valid: it is for another audience (see TIDINGS_TOKEN_AUDIENCE)")
