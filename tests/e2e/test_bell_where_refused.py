"""<tidings-bell> where the browser refuses a page something, or lacks it."""

import re

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from tests.e2e.bell_page import BellPage, Open
from tests.servers import Server

pytestmark = pytest.mark.timeout(120)

REFUSED = "throw new DOMException('The operation is insecure.', 'SecurityError')"
NO_WORKER = "delete globalThis.SharedWorker;"

REFUSALS = {
    "workers": f"globalThis.SharedWorker = class {{ constructor() {{ {REFUSED} }} }}",
    "channels": f"{NO_WORKER} globalThis.BroadcastChannel = class {{ constructor() {{ {REFUSED} }} }}",
    "workers and channels": f"""for (const name of ["SharedWorker", "BroadcastChannel"])
        globalThis[name] = class {{ constructor() {{ {REFUSED} }} }}""",
    "the getters of both": f"""for (const name of ["SharedWorker", "BroadcastChannel"])
        Object.defineProperty(globalThis, name, {{ get() {{ {REFUSED} }} }})""",
    "locks, by a promise": f"{NO_WORKER} LockManager.prototype.request = async () => {{ {REFUSED} }}",
    "locks, by throwing": f"{NO_WORKER} LockManager.prototype.request = () => {{ {REFUSED} }}",
    "the getter of locks": f"Object.defineProperty(Navigator.prototype, 'locks', {{ get() {{ {REFUSED} }} }})",
    "locks beside a worker": f"LockManager.prototype.request = () => {{ {REFUSED} }}",
    "storage": f"""for (const name of ["localStorage", "sessionStorage", "indexedDB", "caches"])
        Object.defineProperty(globalThis, name, {{ get() {{ {REFUSED} }} }})""",
}


@pytest.mark.parametrize("refused", REFUSALS)
def test_bell_is_live_where_the_page_may_not_use(server: Server, opened: Open, user: str, refused: str) -> None:
    bell = opened(user, script=REFUSALS[refused])
    server.publish({"user": user}, type="system", title="live")
    bell.unread(1)


def test_bell_that_cannot_get_live_says_so_on_itself(server: Server, context: BrowserContext, user: str) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=403, body="{}", content_type="application/problem+json")

    context.route(re.compile("/v1/(stream|poll)"), refuse)
    bell = BellPage.open(context, server, user, connection="closed", script=NO_WORKER)
    expect(bell.button).to_have_attribute("title", "Not connected")
    expect(bell.button).to_have_class(re.compile("offline"))


OLDER_BROWSERS = """
  const { supports } = CSS;
  CSS.supports = (condition) => !condition.includes(%r) && supports.call(CSS, condition);
"""


@pytest.mark.parametrize("missing", ["light-dark(", "selector(:popover-open)"])
def test_browser_below_the_lowest_shows_what_the_page_has_put_into_the_element(
    server: Server, context: BrowserContext, missing: str
) -> None:
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.add_init_script(OLDER_BROWSERS % missing)
    markup = '<a href="/inbox">Inbox</a></tidings-bell><script type="module" src="/js/define.js"></script>'
    page.route("**/older", lambda route: route.fulfill(body=f"<tidings-bell>{markup}", content_type="text/html"))
    page.goto(f"{server.url}/older", wait_until="load")
    expect(page.get_by_role("link", name="Inbox")).to_be_visible()
    assert page.evaluate("customElements.get('tidings-bell')") is None
    assert errors == []
