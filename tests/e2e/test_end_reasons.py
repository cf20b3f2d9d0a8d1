"""The reason of each end reaches the metrics, under our server and under another."""

import contextlib
from collections.abc import Callable

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_websocket

from tests.conftest import Name, StartServer
from tests.servers import Mode, Server, eventually
from tests.streams import connect, stream_target

COUNTER = "tidings_connections_ended_total"
WITH_WEBSOCKETS: tuple[Mode, ...] = ("dev", "hypercorn")  # as the tests run them


def client_left(server: Server, user: str) -> None:
    connect((server.host, server.port), stream_target(user)).begin().close()


def poll_answered(server: Server, user: str) -> None:
    cursor = server.request("GET", f"/v1/poll?user={user}").json["cursor"]
    assert server.request("GET", f"/v1/poll?user={user}&cursor={cursor}&wait=1").status == 200


def protocol_violation(server: Server, user: str) -> None:
    with connect_websocket(f"ws://{server.host}:{server.port}/v1/ws?user={user}") as socket:
        socket.send(b"bytes are not taken")
        with contextlib.suppress(ConnectionClosed):
            while True:
                socket.recv(timeout=10)


def check(server: Server, user: str, end: Callable[[Server, str], None]) -> None:
    """The count of this reason is one more, and no other count is."""

    def counts() -> dict[str, float]:
        return {key: value for key, value in server.gauges().items() if key.startswith(COUNTER)}

    key = f'{COUNTER}{{reason="{end.__name__}"}}'
    before = counts()
    end(server, user)
    eventually("it is counted", lambda: counts() == before | {key: before[key] + 1})


@pytest.mark.parametrize("end", [client_left, poll_answered])
def test_end_reason_is_counted(any_server: Server, name: Name, end: Callable[[Server, str], None]) -> None:
    check(any_server, name("alice"), end)


@pytest.mark.parametrize("mode", WITH_WEBSOCKETS)
def test_end_reason_of_a_client_that_breaks_the_protocol_is_counted(start_server: StartServer, mode: Mode) -> None:
    check(start_server(mode), "alice", protocol_violation)
