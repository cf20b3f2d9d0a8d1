"""API keys: what an application publishes with. A key has a name and grants on topics; of it only a digest is kept."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tidings.auth.grants import Grant
from tidings.domain.errors import InvalidRequest, InvalidToken
from tidings.domain.topics import parse_topic

KEY_PREFIX = "tdk_"  # of every key, so that one is known for what it is, by us and by scanners of repositories
KEY_NAME_MAX = 64  # characters
EVERYTHING = "*"
BELOW = "/*"


class ApiKey(NamedTuple):
    """One secret of a key. Two of one name are valid at once, for rotation."""

    digest: str
    name: str
    grants: tuple[str, ...]


def digest_of(secret: str) -> str:
    """The digest that is stored in place of a key. Its 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def parse_grants(grants: Iterable[str]) -> tuple[str, ...]:
    """Topics, exact or all below one (`author/*`), or `*` for everything. Raises `InvalidRequest`, `InvalidTopic`."""
    parsed = []
    for grant in grants:
        if grant not in (EVERYTHING, "user/*"):
            parse_topic(grant.removesuffix(BELOW))
        parsed.append(grant)
    if not parsed:
        raise InvalidRequest("say what the key is for: a topic, `author/*`, `user/*`, or `*` for everything")
    return tuple(dict.fromkeys(parsed))


def parse_name(name: str) -> str:
    """A key's name: 1 to 64 visible characters. Raises `InvalidRequest`."""
    if not name or len(name) > KEY_NAME_MAX or not name.isprintable() or name != name.strip():
        raise InvalidRequest(f"a key's name has 1 to {KEY_NAME_MAX} visible characters")
    return name


class ApiKeys:
    """The keys that are valid, as this process knows them."""

    def __init__(self) -> None:
        self._keys: Mapping[str, ApiKey] = {}

    def replace(self, keys: Iterable[ApiKey]) -> None:
        """These and no others are valid."""
        self._keys = {key.digest: key for key in keys}

    def check(self, secret: str) -> Grant:
        """The grant of a key. Raises `InvalidToken`."""
        digest = digest_of(secret)
        key = self._keys.get(digest)
        # The look-up compares digests, which an attacker cannot choose; equal ones are compared in constant time.
        if key is None or not hmac.compare_digest(key.digest, digest):
            raise InvalidToken("the key is not valid, or is revoked")
        return Grant(publish=True, publish_to=key.grants, key=key.name)
