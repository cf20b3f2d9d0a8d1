"""The bell in Firefox and WebKit: a walk through its acts, and one stream for all tabs."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.compatibility import WALKED, Row, hold_rows
from tests.e2e.js_pages import pages
from tests.e2e.other_browsers import Browser, Firefox, WebKit
from tests.servers import Server, eventually

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]

BELL = "document.querySelector('tidings-bell')"
ROOT = f"{BELL}.shadowRoot"
BUTTON = f"{ROOT}.querySelector('.bell')"
FOCUSED = f"{ROOT}.activeElement"

OPEN = """
  const [src, user, options] = arguments;
  const bell = document.createElement("tidings-bell");
  Object.assign(bell, { options });
  bell.setAttribute("src", src);
  bell.setAttribute("user", user);
  document.body.append(bell);
  window.failures = [];
  for (const type of ["error", "unhandledrejection"])
    addEventListener(type, (event) => failures.push(String(event.reason ?? event.message)));
  import("/js/define.js");
"""


@pytest.fixture(scope="module", params=["firefox", "webkit"])
def browser(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    directory = tmp_path_factory.mktemp(request.param)
    with Firefox.started(directory) if request.param == "firefox" else WebKit.started(directory) as browser:
        yield browser


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with pages() as url:
        yield url


def open_bell(browser: Browser, site: str, server: Server, user: str, **options: object) -> None:
    browser.open(f"{site}/elsewhere")
    browser.evaluate(OPEN, server.url, user, options)
    browser.wait(f"{BELL}.store?.getSnapshot().connection === 'open'")


def badge(browser: Browser, text: str) -> None:
    browser.wait(f"{ROOT}.querySelector('.badge').textContent === {text!r}")


def connections(server: Server, user: str) -> int:
    """How many streams the server has for a user."""
    presence = server.request("GET", f"/v1/users/{quote(user)}/presence").json
    return int(presence["connections"])


def test_walk_through_the_acts_of_the_bell(browser: Browser, site: str, server: Server, user: str) -> None:
    open_bell(browser, site, server, user)
    for title in ("first", "second", "third"):
        server.publish({"user": user}, type="system", title=title)
    badge(browser, "3")
    browser.wait(f"{ROOT}.querySelectorAll('.toast:not([data-leaving])').length === 3")

    browser.click(BUTTON)  # opened by the mouse ...
    browser.wait(f"{ROOT}.querySelectorAll('.row').length === 3")
    browser.press("ArrowDown")  # ... then walked through by keys
    browser.press("ArrowDown")
    browser.wait(f"{FOCUSED}.textContent.includes('second')")
    browser.wait(f"getComputedStyle({FOCUSED}, '::after').outlineStyle === 'solid'")
    browser.press("Delete")
    browser.wait(f"{ROOT}.querySelectorAll('.row').length === 2")
    badge(browser, "2")
    browser.press("Enter")
    badge(browser, "1")
    browser.press("Escape")
    browser.wait(f"{BUTTON}.ariaExpanded === 'false' && {FOCUSED} === {BUTTON}")

    server.publish({"user": user}, type="system", title="fourth")
    badge(browser, "2")
    browser.click(BUTTON)
    browser.wait(f"{ROOT}.querySelectorAll('.row').length === 3")
    browser.click(f"{ROOT}.querySelector('[part=mark-all]')")
    badge(browser, "")
    counters = f"/v1/inbox/counters?user={quote(user)}"
    eventually("the server agrees", lambda: server.request("GET", counters).json["unread"] == 0)
    assert browser.evaluate("return failures") == []
    hold_rows("browsers", [Row((type(browser).__name__, "the bell"), browser.version, WALKED, pinned=False)])


@pytest.mark.parametrize("share", ["auto", "lock"])
def test_tabs_share_one_stream_and_the_next_leads_when_the_first_leaves(
    browser: Browser, site: str, server: Server, user: str, share: str
) -> None:
    first = browser.tab()
    open_bell(browser, site, server, user, share=share)
    others = []
    for _ in range(2):
        others.append(browser.new_tab())
        open_bell(browser, site, server, user, share=share)
    eventually("there is one stream", lambda: connections(server, user) == 1)
    server.publish({"user": user}, type="system", title="for all tabs")
    for tab in (first, *others):
        browser.switch(tab)
        badge(browser, "1")
    browser.switch(first)
    browser.open(f"{site}/elsewhere")
    server.publish({"user": user}, type="system", title="for the rest")
    for tab in others:
        browser.switch(tab)
        badge(browser, "2")
    eventually("there is one stream", lambda: connections(server, user) == 1)
    browser.switch(first)


@pytest.mark.parametrize("share", ["auto", "lock", "none"])
def test_page_that_is_left_holds_no_stream_and_has_one_again_on_return(
    browser: Browser, site: str, server: Server, user: str, share: str
) -> None:
    open_bell(browser, site, server, user, share=share)
    eventually("there is a stream", lambda: connections(server, user) == 1)
    browser.open(f"{site}/elsewhere?next")
    eventually("there is no stream", lambda: connections(server, user) == 0)
    browser.command("Back", {})
    browser.wait("document.readyState === 'complete'")
    server.publish({"user": user}, type="system", title="meanwhile")
    if browser.evaluate(f"return Boolean({BELL})"):  # the page as it was left, from the cache
        badge(browser, "1")


@pytest.mark.parametrize("blocked", [1, 2])  # the cookies of other sites; all
def test_firefox_that_blocks_cookies_has_a_live_bell(
    site: str, server: Server, user: str, tmp_path: Path, blocked: int
) -> None:
    with Firefox.started(tmp_path, **{"network.cookie.cookieBehavior": blocked}) as browser:
        open_bell(browser, site, server, user)
        server.publish({"user": user}, type="system", title="live")
        badge(browser, "1")
        assert browser.evaluate("return failures") == []
