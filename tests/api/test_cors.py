"""CORS: the pages that may call, and the answers that a browser reads (Fetch, CORS protocol)."""

import pytest

from tests.conftest import Listen, Name, StartServer
from tests.servers import HttpResponse, Server
from tests.streams import connect, stream_target
from tidings.configuration import load
from tidings.domain.errors import InvalidSettings

PAGE, OTHER = "https://app.example", "https://evil.example"


def preflight(
    server: Server, *, origin: str, method: str = "GET", headers: str = "", path: str = "/v1/stream"
) -> HttpResponse:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers:
        asked["Access-Control-Request-Headers"] = headers
    return server.request("OPTIONS", path, headers=asked)


def words(answer: HttpResponse, header: str) -> set[str]:
    return {word.strip().lower() for word in answer.headers.get(header, "").split(",") if word.strip()}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_any_page_may_ask_a_development_server(server: Server, method: str) -> None:
    answer = preflight(server, origin=OTHER, method=method, headers="last-event-id, content-type, idempotency-key")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert method.lower() in words(answer, "access-control-allow-methods")
    assert words(answer, "access-control-allow-headers") >= {
        "last-event-id", "content-type", "authorization", "idempotency-key", "if-none-match"
    }  # fmt: skip
    assert int(answer.headers["access-control-max-age"]) >= 600
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("header", ["cache-control", "X-Requested-With", "pragma, accept", "tidings-user", ""])
def test_headers_that_libraries_add_are_allowed(server: Server, header: str) -> None:
    assert preflight(server, origin=PAGE, headers=header).status == 200


def test_more_headers_are_allowed_by_name(start_server: StartServer) -> None:
    server = start_server("serve", cors_origins=PAGE, cors_headers="X-Trace, baggage")
    assert preflight(server, origin=PAGE, headers="x-trace,authorization,baggage").status == 200
    refused = preflight(server, origin=PAGE, headers="x-other")
    assert (refused.status, "TIDINGS_CORS_HEADERS" in refused.json["detail"]) == (400, True)


def test_refused_origin_is_one_warning(start_server: StartServer) -> None:
    server = start_server("serve", cors_origins=PAGE)
    for _ in range(3):
        preflight(server, origin=OTHER)
        server.request("GET", "/v1/inbox", headers={"Origin": OTHER})
        server.request("GET", "/v1/inbox", headers={"Origin": PAGE})
        server.request("GET", "/v1/inbox", headers={"Origin": server.url})
    warned = [line for line in server.log_text().splitlines() if "origin_refused" in line]
    assert len(warned) == 1 and OTHER in warned[0] and "TIDINGS_CORS_ORIGINS" in warned[0]


def test_a_preflight_touches_nothing(server: Server) -> None:
    """A preflight is answered before the endpoint, whose user, token and topic are not looked at."""
    for path in ("/v1/stream", "/v1/notifications", "/v1/inbox/read", "/nowhere"):
        assert preflight(server, origin=PAGE, path=path).status == 200


def test_a_stream_can_be_read_from_another_origin(server: Server, name: Name) -> None:
    stream = connect((server.host, server.port), stream_target(name("alice")), headers=[("Origin", PAGE)]).begin()
    assert stream.response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in stream.response.headers
    stream.close()


def test_cors_exposes_the_headers_that_a_page_needs(server: Server, name: Name) -> None:
    answer = server.request("GET", f"/v1/inbox?user={name('alice')}", headers={"Origin": PAGE})
    assert words(answer, "access-control-expose-headers") >= {
        "etag",
        "retry-after",
        "x-poll-interval",
        "idempotent-replayed",
    }
    listed = answer.headers["access-control-expose-headers"].split(", ")
    assert len(listed) == len(set(listed))


def test_a_refusal_can_be_read_too(server: Server) -> None:
    """Without the header a page could not tell a 401 from a network that is down."""
    for path, status in [("/v1/stream", 401), ("/nowhere", 404), ("/v1/stream?user=a&cursor=x", 400)]:
        answer = server.request("GET", path, headers={"Origin": PAGE})
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (status, "*")


def test_an_allowlist_names_its_origins_and_no_others(start_server: StartServer) -> None:
    server = start_server("serve", cors_origins=PAGE, cors_credentials="true")
    good = preflight(server, origin=PAGE, headers="last-event-id")
    assert (good.status, good.headers["access-control-allow-origin"]) == (200, PAGE)
    assert good.headers["access-control-allow-credentials"] == "true"
    assert "origin" in words(good, "vary")

    for origin in (OTHER, f"{PAGE}.evil.example", "https://app.example:8443", "http://app.example", "null", f"{PAGE}/"):
        refused = preflight(server, origin=origin)
        assert (refused.status, refused.json["code"]) == (400, "invalid_request"), origin
        answer = server.request("GET", "/healthz", headers={"Origin": origin})
        for one in (refused, answer):
            assert "access-control-allow-origin" not in one.headers
            assert "access-control-allow-credentials" not in one.headers
            assert "origin" in words(one, "vary")
        module = server.request("GET", "/js/define.js", headers={"Origin": origin})
        assert module.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in module.headers

    answer = server.request("GET", "/v1/stream", headers={"Origin": PAGE})
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (401, PAGE)
    assert answer.headers["access-control-allow-credentials"] == "true"


def test_no_origin_is_allowed_where_none_is_listed(start_server: StartServer) -> None:
    server = start_server("serve")
    assert preflight(server, origin=PAGE).status == 400
    assert "access-control-allow-origin" not in server.request("GET", "/healthz", headers={"Origin": PAGE}).headers


@pytest.mark.parametrize("origins", [("*",), ("https://a.example", "*")])
def test_every_origin_with_credentials_is_refused_before_it_is_served(origins: tuple[str, ...]) -> None:
    with pytest.raises(InvalidSettings, match="named origins"):
        load({"mode": "dev", "cors_origins": origins, "cors_credentials": True}, {})
    assert load({"mode": "dev", "cors_origins": origins}, {}).cors_credentials is False


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("https://a.example, https://b.example", ("https://a.example", "https://b.example")),
        (" https://a.example/ ,", ("https://a.example",)),
        ("HTTPS://A.example:443,http://b.example:80,http://c.example:443", ("https://a.example", "http://b.example",
                                                                            "http://c.example:443")),
        ("http://[::1]:8080,http://localhost:3000", ("http://[::1]:8080", "http://localhost:3000")),
        ("safari-web-extension://AB-1,tauri://localhost", ("safari-web-extension://AB-1", "tauri://localhost")),
        ("*", ("*",)),
        ("", ()),
    ],
)  # fmt: skip
def test_origins_are_taken_as_a_browser_writes_them(text: str, origins: tuple[str, ...]) -> None:
    assert load({"mode": "dev"}, {"TIDINGS_CORS_ORIGINS": text}).cors_origins == origins


@pytest.mark.parametrize(
    "text",
    [
        "a.example", "null", "https://a.example/app", "https://a.example//", "https://*.example", "https://", "https:a",
        "https://u@a.example", "https://ü.example", "https://a.example https://b.example", "https://a.example:x", "**",
    ],
)  # fmt: skip
def test_text_that_is_no_origin_is_refused_before_it_is_served(text: str) -> None:
    with pytest.raises(InvalidSettings, match=r"cors_origins takes \* or scheme://host\[:port\]"):
        load({"mode": "dev"}, {"TIDINGS_CORS_ORIGINS": f"https://good.example,{text}"})


def test_an_origin_after_a_space_may_call(start_server: StartServer) -> None:
    server = start_server("serve", cors_origins=f"https://other.example, {PAGE}/")
    assert preflight(server, origin=PAGE).headers["access-control-allow-origin"] == PAGE


def test_a_handed_over_stream_carries_the_headers_too(server: Server, listen: Listen, name: Name) -> None:
    """The middleware adds them, and the head is written through it."""
    stream = listen(server, name("alice"))
    assert stream.response.headers["connection"] == "close"  # it is handed over
    assert "origin" in stream.response.headers["vary"].lower()
