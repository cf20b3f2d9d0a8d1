"""<tidings-bell> where the browser refuses a page something, or lacks it."""

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from tests.e2e.bell_page import POLICY, BellPage, Open
from tests.servers import Server, eventually

pytestmark = pytest.mark.timeout(120)

REFUSED = "throw new DOMException('The operation is insecure.', 'SecurityError')"
NO_WORKER = "delete globalThis.SharedWorker;"
NO_LOCKS = "Object.defineProperty(Navigator.prototype, 'locks', { value: undefined });"
# Module scripts run when the document is parsed.
OPTIONS = """addEventListener("readystatechange", () => {
  document.querySelector("tidings-bell").options = %s;
}, { once: true, capture: true });"""

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
    "sound": f"globalThis.AudioContext = class {{ constructor() {{ {REFUSED} }} }}",
    "storage": f"""for (const name of ["localStorage", "sessionStorage", "indexedDB", "caches"])
        Object.defineProperty(globalThis, name, {{ get() {{ {REFUSED} }} }})""",
}


def connections(server: Server, user: str) -> int:
    """How many streams the server has for a user."""
    presence = server.request("GET", f"/v1/users/{quote(user)}/presence").json
    return int(presence["connections"])


@pytest.mark.parametrize("refused", REFUSALS)
def test_bell_is_live_where_the_page_may_not_use(server: Server, opened: Open, user: str, refused: str) -> None:
    bell = opened(user, script=REFUSALS[refused], sound="")
    server.publish({"user": user}, type="system", title="live")
    bell.unread(1)
    expect(bell.toasts).to_have_count(1)
    bell.page.wait_for_function("() => performance.getEntriesByType('resource').some(({ name }) => /chime/.test(name))")
    bell.show()  # and time for what an error of the sound would say


TRUSTED = f"{POLICY}; require-trusted-types-for 'script'"


@pytest.mark.parametrize("policy", [TRUSTED, f"{TRUSTED}; trusted-types tidings"])
def test_bell_violates_no_trusted_types_and_its_tabs_share_a_worker(
    server: Server, opened: Open, user: str, policy: str
) -> None:
    bell, other = (
        opened(user, policy=policy, sound="", title_badge="", favicon_badge="/demo/icon-new.svg", script=NO_LOCKS)
        for _ in range(2)
    )
    eventually("they have one stream", lambda: connections(server, user) == 1)
    server.publish({"user": user}, type="export", title="Export", body="of all", progress=0.5, priority="critical")
    expect(bell.toasts).to_have_count(1)
    bell.show()
    bell.rows.get_by_role("button", name="Archive").click()
    expect(bell.panel.locator("[part=notice]", has_text="Archived")).to_be_visible()
    other.unread(0)


@pytest.mark.parametrize("allowed", ["'none'", "another"])
def test_bell_is_live_where_its_trusted_types_policy_is_refused(
    server: Server, context: BrowserContext, user: str, allowed: str
) -> None:
    bell = BellPage.open(context, server, user, policy=f"{TRUSTED}; trusted-types {allowed}")
    server.publish({"user": user}, type="system", title="live")
    bell.unread(1)
    assert bell.page.evaluate("window.refused") == ["trusted-types trusted-types-policy"]


def test_bell_that_shares_by_lock_asks_for_no_trusted_types_policy(server: Server, opened: Open, user: str) -> None:
    bell = opened(user, policy=f"{TRUSTED}; trusted-types 'none'", script=OPTIONS % '{ share: "lock" }')
    server.publish({"user": user}, type="system", title="live")
    bell.unread(1)


def test_bell_that_cannot_get_live_says_so_on_itself(server: Server, context: BrowserContext, user: str) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=403, body="{}", content_type="application/problem+json")

    context.route(re.compile("/v1/(stream|poll)"), refuse)
    bell = BellPage.open(context, server, user, connection="closed", script=NO_WORKER)
    expect(bell.button).to_have_attribute("title", "Not connected")
    expect(bell.button).to_have_class(re.compile("offline"))


def test_bell_without_the_module_of_a_transport_takes_the_next(
    server: Server, context: BrowserContext, user: str
) -> None:
    context.route(re.compile("/ws-[^/]*.js"), lambda route: route.abort())
    script = OPTIONS % '{ transports: ["ws", "sse"], share: "none" }'
    bell = BellPage.open(context, server, user, script=script)
    server.publish({"user": user}, type="system", title="live")
    bell.unread(1)


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
