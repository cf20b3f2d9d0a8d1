"""Refusals of the HTTP layer itself, in the form of every other (RFC 9457)."""

import re
from http import HTTPStatus

import httptools

from tidings.domain.errors import InvalidHttp, InvalidRequestTarget, MethodUnknown, TidingsError
from tidings.domain.problems import SECURITY, problem_json

METHODS = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})

_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) \S+ HTTP/1\.[01]\r?\n")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)([^#]*)", re.IGNORECASE)  # a target: its authority, its path and query
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(:\d*)?")


def refusal(error: TidingsError, default_fields: list[tuple[bytes, bytes]]) -> bytes:
    """The whole response; it ends the connection."""
    body = problem_json(error)
    fields = [
        *default_fields,
        *((name.encode(), value.encode()) for name, value in error.headers.items() if name != "connection"),
        (b"content-type", b"application/problem+json"),
        (b"cache-control", b"private, no-store"),
        *SECURITY,
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]
    head = b"HTTP/1.1 %d %b\r\n" % (error.status, HTTPStatus(error.status).phrase.encode())
    return head + b"".join(b"%b: %b\r\n" % field for field in fields) + b"\r\n" + body


def refusal_of(error: httptools.HttpParserError, data: bytes) -> TidingsError:
    """The reason for which the parser stopped. `data` begins where a request may."""
    cause = error.__context__
    if isinstance(cause, TidingsError):
        return cause
    if isinstance(error, httptools.HttpParserInvalidMethodError):
        line = _REQUEST_LINE.match(data)
        if line is not None and line[1] not in METHODS:  # else it is what follows a whole request
            return unknown_method(line[1])
    if isinstance(error, httptools.HttpParserInvalidURLError) or isinstance(
        cause, httptools.HttpParserInvalidURLError | UnicodeDecodeError
    ):
        return InvalidRequestTarget("a request target is ASCII: percent-encode everything else")
    return InvalidHttp("not a request of HTTP/1.1")


def unknown_method(method: bytes) -> MethodUnknown:
    """The refusal of a method that no resource has (RFC 9110, section 9.1)."""
    return MethodUnknown(f"{method[:40].decode('latin-1')!r} is not a method of this server")


def check_host(version: str, headers: list[tuple[bytes, bytes]]) -> None:
    """Check the Host of a request (RFC 9112, section 3.2). Raises `InvalidHttp`."""
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) != 1 and (hosts or version != "1.0"):
        raise InvalidHttp(f"a request has one Host field, not {len(hosts) or 'none'}")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise InvalidHttp("the Host field is not a host and a port")


def origin_form(target: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    """The path and query of a request's target.

    The authority of an absolute target replaces Host (RFC 9112, section 3.2.2). Else a request could name
    one host to a proxy before us, and another to the list of allowed ones. Raises `InvalidHttp`.
    """
    if target.startswith((b"/", b"*")):
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or not _HOST.fullmatch(absolute[1]):
        raise InvalidHttp("the target of this request is neither a path nor the URL of a host")
    headers[:] = [(b"host", absolute[1]), *(field for field in headers if field[0] != b"host")]
    return absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2]
