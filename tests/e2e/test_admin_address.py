"""An address of its own for operators: metrics, details and acts of administration are not on the public one."""

import socket
from contextlib import closing

import pytest

from tests.conftest import StartServer
from tests.servers import HOST, PATIENCE, Server, free_port
from tests.streams import connect
from tests.tokens import bearer

ADMIN_ROUTES = [("GET", "/metrics"), ("POST", "/v1/revocations"), ("DELETE", "/v1/users/nobody")]


@pytest.fixture
def server(start_server: StartServer) -> Server:
    port = free_port(skip=500)
    return start_server("serve", admin_address=f"{HOST}:{port}")


def admin_of(server: Server) -> Server:
    """The same server, as its operator reaches it."""
    host, _, port = str(server.settings["admin_address"]).rpartition(":")
    return Server(db=server.db, mode="serve", host=host, port=int(port))


@pytest.mark.parametrize(("method", "path"), ADMIN_ROUTES)
def test_operators_routes_are_on_their_address_and_nowhere_else(server: Server, method: str, path: str) -> None:
    publisher = bearer(None, publish=True)
    body = {"jti": "nobody's"} if method == "POST" else None
    public = server.request(method, path, body, headers=publisher)
    assert (public.status, public.json["code"]) == (404, "not_found")
    assert admin_of(server).request(method, path, body, headers=publisher).status == 200


def test_public_readiness_is_a_word_without_details(server: Server) -> None:
    assert server.request("GET", "/readyz").json == {"status": "ready"}
    assert set(admin_of(server).request("GET", "/readyz").json) == {"status", "epoch", "head", "floor"}


def test_admin_address_wants_credentials_as_the_public_one_does(server: Server) -> None:
    assert admin_of(server).request("POST", "/v1/revocations", {"user": "a"}).status == 401


def test_operators_ask_by_address_whatever_names_the_public_has(start_server: StartServer) -> None:
    server = start_server("serve", admin_address=f"{HOST}:{free_port(skip=500)}", hosts="tidings.example")
    assert server.request("GET", "/openapi.json").status == 421
    assert admin_of(server).request("GET", "/metrics").status == 200


def test_stop_closes_both_addresses(server: Server) -> None:
    admin = admin_of(server)
    with closing(connect((HOST, server.port), "/v1/stream", headers=bearer("alice").items()).begin()) as stream:
        server.process.terminate()  # type: ignore[union-attr]
        stream.rest()
    server.stop()
    for port in (server.port, admin.port):
        with socket.socket() as probe:
            probe.settimeout(PATIENCE)
            assert probe.connect_ex((HOST, port)) != 0


def test_address_in_use_is_said_in_a_line(start_server: StartServer) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(RuntimeError, match=f"cannot listen on {HOST} port {port}: something else is using it"):
            start_server("serve", admin_address=f"{HOST}:{port}")
