"""A response has the bytes that uvicorn would send for it; what is no response ends as it does there."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tests.server.test_socket_detach import RecordingTransport
from tidings.server.http_protocol import HttpProtocol
from tidings.server.state import ServerState

Message = dict[str, Any]


def response(fields: Sequence[tuple[bytes, bytes]], *bodies: bytes, status: int = 200) -> list[Message]:
    """The messages of a response."""
    start = {"type": "http.response.start", "status": status, "headers": list(fields)}
    chunks = [{"type": "http.response.body", "body": body, "more_body": True} for body in bodies]
    return [start, *chunks[:-1], {**chunks[-1], "more_body": False}]


async def sent(protocol: type[HttpToolsProtocol], request: bytes, messages: Sequence[Message]) -> tuple[bytes, str]:
    """The bytes that a protocol writes when an application sends these messages, and how the connection ended."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    state = ServerState()
    state.default_headers = [(b"date", b"Sun, 29 Nov 2026 11:00:00 GMT")]
    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, access_log=False)
    config.load()
    transport = RecordingTransport()
    http = protocol(config, state, {})
    http.connection_made(transport)
    http.data_received(request)
    while state.tasks:
        await asyncio.wait(state.tasks)
    await asyncio.sleep(0)
    http.connection_lost(None)
    return transport.sent, transport.closed


def request(method: str, *fields: str, version: str = "1.1") -> bytes:
    """A request without a body."""
    return "\r\n".join([f"{method} / HTTP/{version}", "Host: x", *fields, "", ""]).encode()


names = st.sampled_from([b"content-type", b"X-Name", b"vary", b"set-cookie", b"x/y", b"bad name", b""])
values = st.sampled_from([b"", b"text/plain", b"a, b", "é".encode("latin-1"), b"a\tb", b"a\r\nb: c", b"a\0"])
lengths = st.sampled_from([b"0", b"3", b"5"]).map(lambda size: (b"content-length", size))
framing = lengths | st.sampled_from([(b"transfer-encoding", b"chunked"), (b"connection", b"Close, x")])
responses = st.builds(
    lambda fields, bodies, status: response(fields, *bodies, status=status),
    st.lists(st.tuples(names, values), max_size=3).flatmap(
        lambda plain: st.lists(framing, max_size=1).map(lambda framed: [*plain, *framed])
    ),
    st.lists(st.sampled_from([b"", b"abc", b"ab"]), min_size=1, max_size=3),
    st.sampled_from([200, 201, 204, 304, 404, 500]),
)
requests = st.builds(
    lambda method, fields, version: request(method, *fields, version=version),
    st.sampled_from(["GET", "HEAD", "POST"]),
    st.sampled_from([[], ["Connection: close"], ["Connection: keep-alive"]]),
    st.sampled_from(["1.0", "1.1"]),
)


@given(requests, responses)
@pytest.mark.filterwarnings("ignore")
def test_response_has_the_bytes_that_uvicorn_sends(request: bytes, messages: list[Message]) -> None:
    # To uvicorn these are names; RFC 9110 knows no such, and a server of ours sends none.
    if any(name in {b"x/y", b""} for name, _ in messages[0]["headers"]):
        return
    theirs, ours = asyncio.run(both(request, messages))
    assert ours == theirs


async def both(request: bytes, messages: Sequence[Message]) -> tuple[tuple[bytes, str], tuple[bytes, str]]:
    """The output of uvicorn's protocol, and of ours."""
    return await sent(HttpToolsProtocol, request, messages), await sent(HttpProtocol, request, messages)


@pytest.mark.parametrize("field", [(b"x/y", b"a"), (b"", b"a"), (b"a", b"b\r\nc: d"), (b"a: b\r\nc", b"d")])
async def test_response_with_a_field_that_is_none_is_refused_each_time(field: tuple[bytes, bytes]) -> None:
    for _ in range(2):  # what was checked is remembered
        written, closed = await sent(HttpProtocol, request("GET"), response([field], b"abc"))
        assert (written, closed) == (b"", "closed")


async def test_date_of_a_response_is_not_remembered() -> None:
    state = ServerState()
    parts = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in response([(b"content-length", b"3")], b"abc"):
            await send(message)

    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, access_log=False)
    config.load()
    transport = RecordingTransport()
    http = HttpProtocol(config, state, {})
    http.connection_made(transport)
    for date in (b"one", b"two"):
        state.default_headers = [(b"date", date)]
        http.data_received(request("GET"))
        await asyncio.wait(state.tasks)
        parts.append(date in transport.sent)
    http.connection_lost(None)
    assert parts == [True, True]
