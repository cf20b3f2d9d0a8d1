"""Sockets are counted by address from their accept to their close, whatever protocol holds them."""

from typing import Any

import pytest
import uvicorn

from tests.transports.fake_transport import FakeTransport
from tidings.limits.addresses import Proxies
from tidings.server.accept_queue import AcceptQueue
from tidings.server.connections import OpenConnections
from tidings.server.http_protocol import HttpProtocol
from tidings.server.state import ServerState

pytestmark = pytest.mark.anyio

MOST = 3
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class FromAddress(FakeTransport):
    def __init__(self, host: str) -> None:
        super().__init__()
        self._host = host

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return (self._host, 4711) if name == "peername" else default

    def lose(self) -> None:
        self.close()
        self.protocol.connection_lost(None)


class Server:
    def __init__(self) -> None:
        counted = OpenConnections(proxies=Proxies(["10.0.0.0/8"]), most_of_address=MOST)
        self.state = ServerState(connections=counted, max_sockets=100)
        self.config = uvicorn.Config(self, http=HttpProtocol, ws="none", lifespan="off", log_config=None)
        self.config.load()
        self.accept_queue = AcceptQueue()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()

    def accept(self, host: str = "192.0.2.1") -> FromAddress:
        transport = FromAddress(host)
        transport.protocol = self.accept_queue(self.config, self.state, {})
        transport.protocol.connection_made(transport)
        return transport


async def test_address_with_too_many_sockets_is_told_to_come_later_and_no_other() -> None:
    server = Server()
    first = [server.accept() for _ in range(MOST)]
    refused = [server.accept() for _ in range(5)]
    assert all(b" 503 " in each.sent and b"too_many_connections" in each.sent and each.closed for each in refused)
    waits = {each.sent.partition(b"retry-after: ")[2][:1] for each in refused}
    assert len(waits) > 1, "what was refused together comes back apart"
    assert server.accept("192.0.2.2").sent == b""
    assert not any(each.closed for each in first)
    assert server.state.refused_connections == 5


async def test_socket_that_is_closed_makes_room_whatever_it_was_used_for() -> None:
    server = Server()
    for _ in range(3 * MOST):
        silent, asking = server.accept(), server.accept()
        asking.protocol.data_received(GET)
        assert isinstance(asking.protocol, HttpProtocol)
        assert not (silent.closed or asking.closed)
        silent.lose()
        asking.lose()
    for _ in range(MOST + 2):  # those that were refused are counted while they are there, too
        server.accept()
    for protocol in list(server.state.connections):
        protocol.transport.close()
        protocol.connection_lost(None)
    assert server.accept().sent == b""


async def test_ipv6_host_has_one_count_for_all_addresses_of_its_network() -> None:
    server = Server()
    for n in range(MOST):
        assert server.accept(f"2001:db8:1:2::{n + 1}").sent == b""
    assert b" 503 " in server.accept("2001:db8:1:2:ffff::1").sent
    assert server.accept("2001:db8:1:3::1").sent == b""


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.3.4.5"])
async def test_this_machine_and_proxies_are_not_counted(host: str) -> None:
    server = Server()
    assert {server.accept(host).sent for _ in range(3 * MOST)} == {b""}


async def test_connections_in_total_are_counted_at_accept() -> None:
    server = Server()
    waiting = [server.accept(f"192.0.2.{n}") for n in range(101)]
    assert [b" 503 " in each.sent for each in waiting] == [False] * 100 + [True]
