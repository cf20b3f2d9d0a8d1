"""A frozen tab of Chromium that leads the others, frozen by chromedriver: Playwright's Chromium does not freeze."""

from collections.abc import Iterator

import pytest

from tests.e2e.js_pages import pages
from tests.e2e.other_browsers import Browser, Chromium
from tests.servers import Server, eventually

pytestmark = pytest.mark.timeout(180)

OPEN = """
  const [url, user] = arguments;
  window.events = [];
  window.statuses = [];
  import("/js/stream.js").then(({ connect }) => {
    window.connection = connect({ url, user, share: "lock" });
    connection.addEventListener("notification.created", ({ detail }) => events.push(detail.data.title));
    connection.addEventListener("status", () => statuses.push(connection.status));
  });
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium.started(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


def open_stream(browser: Browser, site: str, server: Server, user: str) -> None:
    browser.open(f"{site}/elsewhere")
    browser.evaluate(OPEN, server.url, user)
    browser.wait("window.connection?.status === 'open'")


def test_tab_that_follows_a_frozen_one_receives_everything(browser: Chromium, server: Server, user: str) -> None:
    with pages() as site:
        leader = browser.tab()
        open_stream(browser, site, server, user)
        follower = browser.new_tab()
        open_stream(browser, site, server, user)
        browser.switch(leader)
        browser.freeze()
        browser.switch(follower)
        server.publish_many([{"to": {"user": user}, "type": "system", "title": str(n)} for n in range(150)])
        # The follower asks at intervals of 20 s, and waits 5 s for an answer.
        eventually("all are there", lambda: browser.evaluate("return events.length") == 150, within=90)
        assert browser.evaluate("return events") == [str(n) for n in range(150)]
