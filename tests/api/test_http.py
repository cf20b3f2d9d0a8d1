"""The edge: one reading of If-None-Match wherever there is an ETag, and every code of a refusal on its page."""

import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from starlette.requests import Request

import tidings.app  # with it comes every module that can refuse something
from tests.conftest import Name
from tests.servers import Server
from tidings.api.http import has
from tidings.domain.errors import InvalidSettings, StoreTooNew, TidingsError

ROOT = Path(__file__).resolve().parent.parent.parent
SRC = Path(tidings.app.__file__).parent
NEVER_ANSWERED = {InvalidSettings, StoreTooNew}  # with these the server does not start


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
    assert has(asking(*values), tag) is known


@pytest.mark.parametrize("path", ["/v1/poll", "/v1/inbox", "/v1/inbox/counters"])
@pytest.mark.parametrize("wrap", ["{}", "W/{}", '"x", {}', 'W/"x,y",W/{}', "*"])
def test_who_has_it_gets_304(server: Server, name: Name, path: str, wrap: str) -> None:
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


def kinds(of: type[TidingsError]) -> set[type[TidingsError]]:
    return {of}.union(*map(kinds, of.__subclasses__()))


def test_every_code_that_can_be_answered_is_on_the_page_beside_its_status_and_no_other() -> None:
    answered = {
        (error.code, error.status)
        for error in kinds(TidingsError) - NEVER_ANSWERED
        if error.__module__.startswith("tidings.")
    }
    for module in SRC.rglob("*.py"):  # what is refused where there is no HTTP yet
        answered |= {
            (code, int(status))
            for status, code in re.findall(r'"status": (\d+), "code": "(\w+)"', module.read_text(encoding="utf-8"))
        }
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (\d{3}) \| (.+) \|$", page, re.MULTILINE)
    shown = {(code, int(status)) for status, codes in table for code in re.findall(r"`([a-z_]+)`", codes)}
    assert shown == answered
