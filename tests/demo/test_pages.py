"""The pages as they leave the server: whole in themselves, and under a strict policy."""

import re
from importlib.resources import files

import pytest

import tidings
from tests.conftest import StartServer
from tests.servers import Server
from tidings.api.assets import ClientModules, read
from tidings.demo.pages import PAGES

SITE = read(files("tidings.demo") / "site")
TEXTS = sorted(name for name in SITE if name.endswith((".html", ".css", ".js")))


@pytest.mark.parametrize("path", [*PAGES, "/demo/page.css", "/demo/lab/chart.js", "/demo/faces/ada.svg"])
def test_everything_is_sent_under_a_policy_that_allows_nothing_from_elsewhere(server: Server, path: str) -> None:
    answer = server.request("GET", path)
    assert answer.status == 200
    assert answer.headers["content-security-policy"].split("; ")[0] == "default-src 'self'"
    again = server.request("GET", path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status, again.headers["content-security-policy"]) == (304, answer.headers["content-security-policy"])


@pytest.mark.parametrize("name", TEXTS)
def test_no_file_names_another_host(name: str) -> None:
    hosts = set(re.findall(rb"https?://([\w.-]+)", SITE[name]))
    assert hosts <= {b"www.w3.org"}  # the name of SVG, which is never fetched


@pytest.mark.parametrize("name", [name for name in TEXTS if name.endswith(".html")])
def test_no_page_has_scripts_or_styles_inside(name: str) -> None:
    text = SITE[name].decode()
    assert re.findall(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", text) == []


def test_pages_and_modules_name_the_client_by_its_version(server: Server) -> None:
    path = ClientModules.shipped().path.encode()
    assert b'src="%b/define.js"' % path in server.request("GET", "/").body
    module = server.request("GET", "/demo/person.js").body
    assert b'from "%b/stream.js"' % path in module
    assert b'"/js/' not in module.replace(path, b"")


def test_the_server_tells_how_long_the_head_of_a_request_was(server: Server) -> None:
    told = [server.request("GET", "/demo/head", headers=more).json["bytes"] for more in ({}, {"X-Pad": "x" * 100})]
    # GET /demo/head HTTP/1.1 CRLF, Host: 127.0.0.1:PORT CRLF, Accept-Encoding: identity CRLF, CRLF
    assert told[0] == 25 + 6 + len(f"127.0.0.1:{server.port}") + 2 + 27 + 2
    assert told[1] == told[0] + len("X-Pad: \r\n") + 100


def test_files_outside_the_pages_are_not_served(server: Server) -> None:
    for path in ("/demo/", "/demo/pages.py", "/demo/../pages.py", "/demo/nothing.js"):
        assert server.request("GET", path).status == 404


def test_only_tidings_dev_shows_them(start_server: StartServer) -> None:
    plain = start_server("uvicorn")
    paths = sorted({*PAGES, "/docs"} - {"/"})
    assert [plain.request("GET", path).status for path in paths] == [404] * len(paths)


def test_another_server_says_what_it_is(start_server: StartServer) -> None:
    answer = start_server("uvicorn").request("GET", "/")
    assert answer.status == 200
    assert answer.body.startswith(f"Tidings {tidings.__version__}: ".encode())
    assert b" /openapi.json" in answer.body
