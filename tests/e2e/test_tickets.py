"""A ticket opens one stream, WebSocket or poll, where it was made for, and never lasts longer than its token."""

import time
from contextlib import closing

import pytest

from tests.conftest import StartServer
from tests.servers import SECRET, HttpResponse, Server, eventually
from tests.streams import connect
from tidings.auth.tokens import issue
from tidings.domain.topics import User

PAGE, OTHER = "https://app.example", "https://evil.example"
WAITING = 16  # tickets of one user


def bearer(user: str = "alice", *, publish: bool = False, lifetime: int = 600) -> dict[str, str]:
    made = issue(SECRET, user=User(user), publish=publish, topics=[], now=int(time.time()), lifetime=lifetime)
    return {"Authorization": f"Bearer {made}"}


@pytest.fixture
def server(start_server: StartServer) -> Server:
    return start_server("serve", cors_origins=f"{PAGE},{OTHER}")


def make(server: Server, headers: dict[str, str] | None = None, **extra: str) -> str:
    answer = server.request("POST", "/v1/tickets", headers={**(headers or bearer()), **extra})
    assert answer.status == 201
    ticket: str = answer.json["ticket"]
    return ticket


def poll(server: Server, ticket: str, **headers: str) -> HttpResponse:
    return server.request("GET", f"/v1/poll?ticket={ticket}", headers=headers)


def test_ticket_opens_a_stream_or_a_poll_once(server: Server) -> None:
    ticket = make(server)
    assert [poll(server, ticket).status for _ in range(2)] == [200, 401]
    ticket = make(server)
    with closing(connect((server.host, server.port), f"/v1/stream?ticket={ticket}").begin()) as stream:
        assert stream.response.status == 200
    assert poll(server, ticket).status == 401


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/tickets", {}),
        ("GET", "/v1/inbox", None),
        ("GET", "/v1/inbox/counters", None),
        ("POST", "/v1/inbox/read", {"ids": []}),
        ("PUT", "/v1/follows/author/4", None),
        ("GET", "/v1/follows", None),
        ("GET", "/v1/preferences", None),
        ("POST", "/v1/notifications", {"to": {"all": True}, "body": "x"}),
        ("POST", "/v1/notifications:batch", []),
        ("DELETE", "/v1/notifications?entity=post/9", None),
        ("GET", "/v1/users/bob/presence", None),
    ],
)
def test_ticket_does_nothing_else(server: Server, method: str, path: str, body: object) -> None:
    ticket = make(server, bearer(publish=True))
    mark = "&" if "?" in path else "?"
    answer = server.request(method, f"{path}{mark}ticket={ticket}", body)
    assert (answer.status, answer.json["code"]) == (401, "invalid_token")
    assert poll(server, ticket).status == 200  # nor is it used up by that


def test_ticket_beside_a_token_is_the_credential_that_counts(server: Server) -> None:
    answer = server.request("GET", "/v1/inbox?ticket=x", headers=bearer())
    assert answer.status == 401


def test_ticket_dies_with_its_token(server: Server) -> None:
    ticket = make(server, bearer(lifetime=2))
    until = time.time() + 2.2
    eventually("the token's end", lambda: time.time() > until)
    assert poll(server, ticket).status == 401


def test_ticket_stream_ends_with_the_token(server: Server) -> None:
    until = int(time.time()) + 4
    ticket = make(server, bearer(lifetime=until - int(time.time())))
    with closing(connect((server.host, server.port), f"/v1/stream?ticket={ticket}").begin()) as stream:
        assert [event.type for event in stream.rest()] == ["expiring", "goaway"]
        assert time.time() <= until + 0.1


def test_ticket_is_good_where_it_was_made_for(server: Server) -> None:
    own = f"http://{server.host}:{server.port}"
    assert poll(server, make(server, Origin=PAGE), Origin=OTHER).status == 401
    assert poll(server, make(server, Origin=PAGE)).status == 401  # a browser names the origin of such a page
    assert poll(server, make(server, Origin=PAGE), Origin=PAGE).status == 200
    assert poll(server, make(server, Origin=own)).status == 200  # a browser does not name our own in a GET
    assert poll(server, make(server, Origin=own), Origin=OTHER).status == 401
    assert poll(server, make(server), Origin=PAGE).status == 200  # made by a backend, for a page that may call
    assert poll(server, make(server), Origin="https://unknown.example").status == 401


def test_ticket_of_another_origin_is_not_used_up_there(server: Server) -> None:
    ticket = make(server, Origin=PAGE)
    assert poll(server, ticket, Origin=OTHER).status == 401
    assert poll(server, ticket, Origin=PAGE).status == 200


def test_tickets_of_one_user_that_wait_are_few(server: Server) -> None:
    tickets = [make(server) for _ in range(WAITING + 1)]
    of_bob = make(server, bearer("bob"))
    assert [poll(server, ticket).status for ticket in tickets] == [401, *[200] * WAITING]
    assert poll(server, of_bob).status == 200


@pytest.mark.parametrize("value", ["", "x", "%41", "a" * 9000])
def test_empty_or_malformed_ticket_is_refused_and_nothing_else_counts(server: Server, value: str) -> None:
    if len(value) > 8192:
        assert poll(server, value, **bearer()).status == 414
    else:
        assert poll(server, value, **bearer()).status == 401
