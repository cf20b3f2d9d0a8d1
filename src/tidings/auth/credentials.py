"""The credential that a request carries: found in one pass over the raw head, before anything is decoded."""

import re
from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from tidings.auth.hosts import host_name, is_loopback
from tidings.domain.errors import InvalidToken

TOKEN_MAX = 8 * 1024  # bytes
COOKIE = "tidings_token"  # over plain http on this machine
HOST_COOKIE = "__Host-tidings_token"  # over https, which alone can set it: no other host does, nor a subdomain

_TOKEN68 = re.compile(rb"[A-Za-z0-9._~+/-]+=*")  # RFC 9110, section 11.2
_TICKET = b"ticket"


class Kind(Enum):
    """The kinds of credentials."""

    TICKET = "ticket"
    BEARER = "bearer"
    COOKIE = "cookie"


class Credential(NamedTuple):
    """One credential, well-formed and not yet checked."""

    kind: Kind
    value: str


def find_credential(headers: Iterable[tuple[bytes, bytes]], query: bytes) -> Credential | None:
    """The credential that decides who is calling; None if the request carries none.

    A ticket goes before `Authorization`, which goes before the cookie. One that is empty, malformed or of another
    scheme is refused: it never makes way for the next (with an empty `?ticket=` a foreign page could else be taken
    for a caller that names itself, and be answered by the cookie). Raises `InvalidToken`.
    """
    if _TICKET in query:
        tickets = [value for name, _, value in (part.partition(b"=") for part in query.split(b"&")) if name == _TICKET]
        if tickets:
            return Credential(Kind.TICKET, _one(tickets, "?ticket="))
    authorizations, cookies, host = [], [], b""
    for name, value in headers:
        if name == b"authorization":
            authorizations.append(value)
        elif name == b"cookie":
            cookies.append(value)
        elif name == b"host":
            host = value
    if authorizations:
        scheme, _, token = _single(authorizations, "Authorization").strip().partition(b" ")
        if scheme.lower() != b"bearer":
            raise InvalidToken("the Authorization header takes the form: Bearer <token>")
        return Credential(Kind.BEARER, _one([token.strip()], "Authorization"))
    if cookies:
        names = [name.encode() for name in cookie_names(host.decode("latin-1"))]
        values = [value for header in cookies for name in names for value in own_cookies(header, name)]
        if values:
            return Credential(Kind.COOKIE, _one(values, "the cookie"))
    return None


def cookie_names(host: str) -> tuple[str, ...]:
    """The names that our cookie has where this host is asked, the one that is set first."""
    name = host_name(host)
    return (COOKIE, HOST_COOKIE) if name is not None and is_loopback(name) else (HOST_COOKIE,)


def own_cookies(header: bytes, name: bytes) -> list[bytes]:
    """The values of a cookie in a `Cookie` header, in one linear scan.

    (The standard library's parser is quadratic before 3.11.10 and 3.12.6: 40 KB of it held the loop for 9 s.)
    """
    if name not in header:
        return []
    pairs = (pair.partition(b"=") for pair in header.split(b";"))
    return [value.strip() for found, equals, value in pairs if equals and found.strip() == name]


def _one(values: list[bytes], place: str) -> str:
    value = _single(values, place)
    if len(value) > TOKEN_MAX:
        raise InvalidToken(f"a token has at most {TOKEN_MAX} bytes")
    if not _TOKEN68.fullmatch(value):
        raise InvalidToken(f"{place} carries no token")
    return value.decode("ascii")


def _single(values: list[bytes], place: str) -> bytes:
    if len(set(values)) != 1:  # a neighbour's subdomain can set a second cookie: it is not to choose the caller
        raise InvalidToken(f"{place} was sent more than once")
    return values[0]
