"""The edge: one reading of If-None-Match wherever there is an ETag, and every code of a refusal on its page."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams as StarletteQueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

import tidings.app  # with it comes every module that can refuse something
from tests.conftest import Name
from tests.servers import Server
from tidings.api.http import PathRouter, QueryParams, if_none_match, not_found, route
from tidings.composition import open_services
from tidings.domain.errors import problems
from tidings.settings import Settings

ROOT = Path(__file__).resolve().parent.parent.parent
SRC = Path(tidings.app.__file__).parent


def asking(*values: str) -> Request:
    headers = [(b"if-none-match", value.encode("latin-1")) for value in values]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers})


@pytest.mark.parametrize(
    ("values", "known"),
    [
        ([], False),
        ([""], False),
        (['"a"'], True),
        (['W/"a"'], True),
        (['"b"'], False),
        (['"b", "a"'], True),
        (['"b",W/"a" , "c"'], True),
        (['"b"', '"a"'], True),
        (['"b,c", "a"'], True),
        (['"b, "a" ,c"'], False),
        (["a"], False),
        (['"ab"'], False),
        (['"b"a"'], False),
        (["*"], True),
        ([" * "], True),
        (['"*"'], False),
    ],
)
@pytest.mark.parametrize("tag", ['"a"', 'W/"a"'])
def test_a_list_of_tags_is_read_as_one_and_compared_weakly(values: list[str], known: bool, tag: str) -> None:
    assert if_none_match(asking(*values), tag) is known


@pytest.mark.parametrize("path", ["/v1/poll", "/v1/inbox", "/v1/inbox/counters"])
@pytest.mark.parametrize("wrap", ["{}", "W/{}", '"x", {}', 'W/"x,y",W/{}', "*"])
def test_matching_etag_is_a_304(server: Server, name: Name, path: str, wrap: str) -> None:
    target = f"{path}?{urlencode({'user': name('alice')})}"
    if path == "/v1/poll":
        target += f"&cursor={server.request('GET', target).json['cursor']}"
    tag = server.request("GET", target).headers["etag"]
    same = server.request("GET", target, headers={"If-None-Match": wrap.format(tag.removeprefix("W/"))})
    assert (same.status, same.body, same.headers["etag"]) == (304, b"", tag)
    for other in ('"x"', tag.replace('"', ""), f'"{tag.removeprefix("W/").strip(chr(34))}x"'):
        assert server.request("GET", target, headers={"If-None-Match": other}).status == 200


def test_a_poll_that_asks_for_anything_new_gets_what_is_new(server: Server, name: Name) -> None:
    target = f"/v1/poll?{urlencode({'user': name('alice')})}"
    target += f"&cursor={server.request('GET', target).json['cursor']}"
    sent = server.publish({"user": name("alice")}, body="new")
    answer = server.request("GET", target, headers={"If-None-Match": "*"})
    assert (answer.status, answer.json["cursor"]) == (200, sent["cursor"])


@given(st.text(alphabet="ab%+&=;41 \xe9\xff", max_size=30))
@example("")
@example("a&=b&&c=&d==e&a=2")
@example("user=a%20b+c&x=%ff&y=%zz")
def test_a_query_is_read_as_starlette_reads_it(text: str) -> None:
    ours, theirs = QueryParams(text), StarletteQueryParams(text.encode("latin-1"))
    assert ours.pairs == theirs.multi_items()
    assert dict(ours) == dict(theirs)
    for name in [*theirs, "absent"]:
        assert (ours.get(name), ours.getlist(name), name in ours) == (
            theirs.get(name), theirs.getlist(name), name in theirs
        )  # fmt: skip


async def says(request: Request) -> Response:
    return Response(request.scope["path"])


async def test_a_path_that_is_written_out_leads_where_starlette_would_go(tmp_path: Path) -> None:
    """Starlette takes the first route that matches; so no pattern may stand before a path that it matches, too."""
    settings = Settings(mode="dev", db=tmp_path / "tidings.db", seed=True)
    async with open_services(settings, on_fatal=lambda: None) as services:
        for place, one in enumerate(services.routes):
            for method in (isinstance(one, Route) and one.methods) or ():
                assert isinstance(one, Route)
                scope = {"type": "http", "method": method, "path": one.path, "headers": []}
                first = next(other for other in services.routes if other.matches(scope)[0] is Match.FULL)
                assert first is one, f"{method} {one.path} is route {place}, but an earlier one has its requests"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/a", 200), ("HEAD", "/a", 200), ("POST", "/a", 405), ("PUT", "/a", 200), ("GET", "/a/x", 200),
     ("GET", "/b", 404), ("GET", "/a/", 404), ("GET", "//a", 404)],
)  # fmt: skip
async def test_a_table_finds_what_it_holds_and_says_what_it_does_not(method: str, path: str, status: int) -> None:
    table = PathRouter(default=not_found, redirect_slashes=False)
    table.set_routes([route("/gone", says, "GET")])
    table.set_routes([route("/a", says, "GET"), route("/a", says, "PUT"), route("/a/{x}", says, "GET")])
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("there is no body to be read")

    await table({"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}, receive, send)
    assert sent[0]["status"] == status
    if status == 405:
        assert dict(sent[0]["headers"])[b"allow"] == b"GET, HEAD, PUT"


def test_every_problem_has_a_section_with_its_status_and_title_and_no_other_has() -> None:
    known = {(kind.code, kind.status, kind.title()) for kind in problems() if kind.__module__.startswith("tidings.")}
    page = (ROOT / "docs" / "problems.md").read_text(encoding="utf-8")
    shown = re.findall(r"^### (\w+)\n\n`(\d{3})` (.+?\.)(?: |$)", page, re.MULTILINE)
    assert {(code, int(status), title) for code, status, title in shown} == known


def test_the_type_of_a_problem_leads_to_its_section(server: Server) -> None:
    problem = server.request("GET", "/nowhere").json
    assert (problem["type"], problem["title"]) == ("/problems#not_found", "Not found.")
    page = server.request("GET", problem["type"].partition("#")[0])
    assert (page.status, b'id="not_found"' in page.body, b"404: Not found." in page.body) == (200, True, True)
