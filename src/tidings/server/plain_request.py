"""The head of a plain GET, as most clients send it to open a stream, parsed without a parser's callbacks.

Other requests go to the HTTP parser: another method or version, a body, an escaped path, an expectation, a field
about the connection that is not the usual one, folded lines, a head in two packets or with a request behind it.
"""

import re
from typing import Any

from tidings.domain.errors import InvalidHttp
from tidings.server.refusals import check_host

LONGEST = 4096  # bytes of a head; the HTTP parser takes more
MOST_FIELDS = 64

_HEAD = re.compile(
    rb"GET (/[A-Za-z0-9/_-]*)(?:\?([A-Za-z0-9._~!$&'()*+,;=:@/%-]*))? HTTP/1\.1\r\n"
    rb"((?:[A-Za-z0-9-]+: [!-~](?:[ -~]*[!-~])?\r\n)+)\r\n"
)
# Those that say how HTTP goes on, and those that uvicorn or the parser act on.
_OF_HTTP = frozenset(
    {b"content-length", b"transfer-encoding", b"expect", b"proxy-connection", b"http2-settings", b"keep-alive"}
)
_CONNECTION = frozenset({b"keep-alive", b"upgrade", b"keep-alive, upgrade"})


def plain_request(data: bytes) -> dict[str, Any] | None:
    """The ASGI scope of a request whose head is all of `data`, if that is plain."""
    match = _HEAD.fullmatch(data) if len(data) <= LONGEST else None
    if match is None:
        return None
    path, query, lines = match.groups()
    headers = []
    for line in lines.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b": ")
        name = name.lower()
        if name in _OF_HTTP:
            return None
        if name == b"connection" and value.lower() not in _CONNECTION:
            return None
        if name == b"upgrade" and value.lower() != b"websocket":
            return None
        headers.append((name, value))
    try:
        check_host("1.1", headers)
    except InvalidHttp:
        return None
    if len(headers) > MOST_FIELDS:
        return None
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": path.decode("ascii"),
        "root_path": "",
        "query_string": query or b"",
        "headers": headers,
    }
