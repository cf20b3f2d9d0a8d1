"""The framing of event streams: each event arrives when it is written, and a broken stream is not taken for its end."""

import socket
from contextlib import suppress
from urllib.parse import quote

import pytest

from tests.conftest import Name
from tests.servers import PATIENCE, Server
from tests.streams import Ended, Response, connect

SEED = "/notification/socket-connection?user_email={user}&trace_id=t"
PATHS = ["/v1/stream?user={user}", SEED]


@pytest.fixture(params=PATHS, ids=["stream", "seed"])
def path(request: pytest.FixtureRequest, name: Name) -> str:
    found: str = request.param
    return found.format(user=quote(name("alice")))


def test_stream_is_chunked_and_each_chunk_is_whole_events(shared: Server, path: str, name: Name) -> None:
    with socket.create_connection((shared.host, shared.port), timeout=PATIENCE) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        file = client.makefile("rb")
        head = b"".join(iter(file.readline, b"\r\n"))
        assert b"transfer-encoding: chunked" in head
        wanted = [str(n) for n in range(3)]
        chunks = b""
        for text in wanted:
            shared.publish({"user": name("alice")}, body=text)
            while f'"{text}"'.encode() not in chunks:
                chunk = file.read(int(file.readline(), 16))
                assert file.read(2) == b"\r\n"
                assert chunk.endswith(b"\n")
                chunks += chunk


def test_stream_that_ends_in_order_says_so(own_server: Server) -> None:
    streams = [connect((own_server.host, own_server.port), path.format(user="alice")) for path in PATHS]
    for stream in streams:
        stream.read_until(lambda: bool(stream.response.status))  # noqa: B023
    own_server.stop()
    for stream in streams:
        stream.rest(within=PATIENCE)
        stream.close()
        assert stream.response.complete


def test_stream_that_breaks_is_incomplete(own_server: Server) -> None:
    """Clients that come back after an error but not after an end (`retryWhen`) lose nothing."""
    stream = connect((own_server.host, own_server.port), PATHS[0].format(user="alice")).begin()
    own_server.kill()
    with suppress(Ended):
        stream.read_until(lambda: False)
    stream.close()
    assert not stream.response.complete


def test_stream_of_http_1_0_has_no_chunks(server: Server, path: str, name: Name) -> None:
    """Only where the socket is ours: others send chunks to HTTP/1.0, too."""
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as client:
        client.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += client.recv(4096)
        sent = server.publish({"user": name("alice")}, body="one")
        response = Response()
        events = response.feed(data)
        while not any(event.id == sent["cursor"] for event in events):
            events += response.feed(client.recv(4096))
    assert "transfer-encoding" not in response.headers


def test_heartbeat_is_one_line_and_no_event(shared: Server, path: str) -> None:
    with socket.create_connection((shared.host, shared.port), timeout=PATIENCE) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        file = client.makefile("rb")
        for line in iter(file.readline, b":\n"):
            assert line
        after = file.readline()
        assert after == b"\r\n"  # of the chunk; a blank line of the stream would be b"\n"
