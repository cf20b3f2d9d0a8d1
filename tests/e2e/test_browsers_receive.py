"""Browsers receive awkward notifications through `kill -9`: by their own EventSource, and by the JavaScript client."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.compatibility import Row, hold_rows
from tests.conftest import StartServer
from tests.e2e.js_pages import pages
from tests.e2e.other_browsers import Browser, Chromium, Firefox, WebKit
from tests.through_kills import USER, faults_through_kills

FULL = pytest.mark.full

# Firefox ends one for good that is refused a connection: it is opened again with its last id.
BY_EVENT_SOURCE = """
  const [url] = arguments;
  window.native = [];
  const open = (last) => {
    const source = new EventSource(last ? `${url}&lastEventId=${last}` : url);
    for (const type of ["hello", "notification.created", "reset"])
      source.addEventListener(type, ({ lastEventId: id, data }) => native.push({ id, type, data }));
    source.onerror = () =>
      source.readyState === EventSource.CLOSED && setTimeout(() => open(native.at(-1)?.id), 1000);
  };
  open();
"""
BY_CLIENT = """
  const [options] = arguments;
  window.client = [];
  const keep = ({ detail: { id, type, data } }) => client.push({ id, type, data: JSON.stringify(data) });
  import("/js/stream.js").then(({ connect }) => connect(options).addEventListener("event", keep));
"""


class Tab:
    """The events of a page by one of its two ways to receive."""

    def __init__(self, browser: Browser, list: str) -> None:
        self._browser, self._list = browser, list

    def events(self, type: str) -> list[Any]:
        script = f"const [wanted] = arguments; return {self._list}.filter(({{ type }}) => type === wanted)"
        found: list[Any] = self._browser.evaluate(script, type)
        return found

    def ended(self) -> bool:
        return False

    def said(self) -> str:
        return f"{self._list} of the page"


@pytest.fixture
def site() -> Iterator[str]:
    with pages() as url:
        yield url


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", [Chromium, *(pytest.param(kind, marks=FULL) for kind in (Firefox, WebKit))])
def test_browser_receives_everything_through_kills(
    kind: type[Chromium | Firefox | WebKit], start_server: StartServer, site: str, tmp_path: Path
) -> None:
    server = start_server()
    with kind.started(tmp_path) as browser:
        browser.open(f"{site}/elsewhere")
        browser.evaluate(BY_EVENT_SOURCE, f"{server.url}/v1/stream?user={USER}")
        browser.evaluate(BY_CLIENT, {"url": server.url, "user": USER})
        ways = {"its EventSource": Tab(browser, "native"), "stream.js": Tab(browser, "client")}
        faults = faults_through_kills(list(ways.values()), 39, server)
        assert {way: fault for way, fault in zip(ways, faults, strict=True) if fault} == {}
        hold_rows("browsers", [Row((kind.__name__, way), browser.version, pinned=False) for way in ways])
