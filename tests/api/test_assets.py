"""The browser's client, served: one path for ever for what never changes, and a way there for those who ask without."""

import gzip
import re
from urllib.parse import urljoin

import pytest

from tests.servers import Server
from tidings.api.assets import ClientModules, takes_gzip

MODULE = "stream.js"


def there(server: Server, name: str = MODULE) -> str:
    """The path of a module in the version that is served."""
    asked = server.request("GET", f"/js/{name}")
    assert asked.status == 302
    assert asked.headers["cache-control"] == "no-cache"
    return urljoin(f"/js/{name}", asked.headers["location"])


def test_a_module_is_kept_for_ever_under_the_path_of_its_version(any_server: Server) -> None:
    path = there(any_server)
    assert re.fullmatch(r"/js/\d+\.\d+\.\d+-[0-9a-f]{12}/stream\.js", path)
    answer = any_server.request("GET", path)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert re.search(rb"export\{.*\w as connect\b", answer.body)


@pytest.mark.parametrize("name", ["stream.js", "inbox.js", "element.js", "define.js", "worker.js"])
def test_imports_of_a_module_lie_beside_it(server: Server, name: str) -> None:
    asked, done = {there(server, name)}, set[str]()
    while asked:
        path = asked.pop()
        answer = server.request("GET", path)
        assert (path, answer.status) == (path, 200)
        done.add(path)
        found = re.findall(r'(?:from|import\(?|URL\()"(\./[\w.-]+)"', answer.body.decode())
        asked |= {urljoin(path, other) for other in found} - done
    assert len(done) > 1


def test_gzip_is_sent_where_accepted_and_each_form_has_its_own_etag(server: Server) -> None:
    path = there(server)
    plain = server.request("GET", path)
    packed = server.request("GET", path, headers={"Accept-Encoding": "br, gzip;q=0.8"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["vary"]
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["etag"] != plain.headers["etag"]


@pytest.mark.parametrize("wrap", ["{}", "W/{}", '"other", {}'])
def test_asset_with_a_matching_etag_is_a_304(server: Server, wrap: str) -> None:
    path = there(server)
    tag = server.request("GET", path).headers["etag"]
    again = server.request("GET", path, headers={"If-None-Match": wrap.format(tag)})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == tag


def test_a_page_of_any_origin_may_load_it(server: Server) -> None:
    for path in (f"/js/{MODULE}", there(server)):
        answer = server.request("GET", path, headers={"Origin": "https://app.example"})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize("path", ["", "nothing.js", "0.0.0-000000000000/stream.js", "../pyproject.toml", "inbox"])
def test_missing_asset_is_not_found(server: Server, path: str) -> None:
    answer = server.request("GET", f"/js/{path}")
    assert (answer.status, answer.json["code"]) == (404, "not_found")


def test_another_byte_is_another_path() -> None:
    first = ClientModules({"a.js": b"1", "b.js": b"2"}, version="1.0.0")
    assert ClientModules({"b.js": b"2", "a.js": b"1"}, version="1.0.0").path == first.path
    others = [{"a.js": b"1", "b.js": b"3"}, {"a.js": b"12", "b.js": b""}, {"a.js": b"1", "c.js": b"2"}, {"a.js": b"1"}]
    assert len({first.path, *(ClientModules(other, version="1.0.0").path for other in others)}) == 5


@pytest.mark.parametrize(
    ("accept", "taken"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("br, gzip;q=0.5", True),
        ("*", True),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("gzip;q=0.001", True),
        ("xgzip", False),
    ],
)
def test_gzip_is_taken_when_the_client_says_so(accept: str, taken: bool) -> None:
    assert takes_gzip(accept) is taken
