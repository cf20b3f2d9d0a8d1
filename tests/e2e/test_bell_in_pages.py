"""<tidings-bell> in the pages that people make: frameworks, upgrades, bursts, long lists, other clocks, odd text."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.conftest import StartServer
from tests.e2e.bell_page import BellPage, Open
from tests.servers import Server, eventually

pytestmark = pytest.mark.timeout(120)

ELEMENT = "document.querySelector('tidings-bell')"
PANEL = f"{ELEMENT}.shadowRoot.querySelector('.panel')"


def batch(server: Server, user: str, count: int, **content: Any) -> None:
    """Publishes many notifications at once, "number 0" to "number <count - 1>"."""
    drafts = [{"to": {"user": user}, "type": "system", "title": f"number {n}", **content} for n in range(count)]
    for start in range(0, count, 1000):
        assert server.request("POST", "/v1/notifications:batch", drafts[start : start + 1000]).status == 200


class Metrics:
    """Chromium's performance metrics of a page, counted from now on."""

    def __init__(self, page: Page) -> None:
        self._cdp = page.context.new_cdp_session(page)
        self._cdp.send("Performance.enable")

    def __getitem__(self, name: str) -> float:
        metrics = self._cdp.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == name))


# 1. Another user logs in under an open page


@pytest.mark.parametrize("share", ["none", "lock"])
def test_log_in_of_another_user_marks_nothing_of_theirs_and_shows_their_list(
    start_server: StartServer, context: BrowserContext, share: str
) -> None:
    server = start_server()
    for user in ("alice", "bob"):
        batch(server, user, 5, body=f"for {user}")
    bell = BellPage.open(context, server, "alice")
    # The cookie, as a proxy in front of the server would read it: `dev` takes the user from the address.
    who = {"user": "alice"}

    def forward(route: Route) -> None:
        address = re.sub(r"([?&])user=[^&]*", "", route.request.url)
        route.continue_(url=f"{address}{'&' if '?' in address else '?'}user={who['user']}")

    context.route(re.compile(r"/v1/"), forward)
    bell.page.evaluate(f"share => {{ {ELEMENT}.options = {{ share }}; {ELEMENT}.removeAttribute('user') }}", share)
    bell.page.wait_for_function(f"() => {ELEMENT}.store?.getSnapshot().connection === 'open'")
    bell.show()
    expect(bell.row("for alice")).to_have_count(5)
    who["user"] = "bob"
    bell.panel.get_by_role("button", name="Mark all as read").click()
    expect(bell.row("for bob")).to_have_count(5)
    expect(bell.row("for alice")).to_have_count(0)
    for user in ("alice", "bob"):
        assert server.request("GET", f"/v1/inbox/counters?user={user}").json["unread"] == 5
    server.publish({"user": "bob"}, type="system", title="Live for Bob")
    expect(bell.row("Live for Bob")).to_have_count(1)


# 2. An upgrade of the server under an open page


def test_overlay_is_there_after_the_server_has_another_version(opened: Open, user: str) -> None:
    bell = opened(user)
    bell.page.wait_for_function(
        "() => performance.getEntriesByType('resource').some(({ name }) => name.includes('overlay-'))"
    )
    bell.page.route(re.compile(r"/js/.*-[A-Z0-9]{8}\.js"), lambda route: route.fulfill(status=404))
    bell.show()
    expect(bell.panel).to_be_visible()


def test_overlay_that_cannot_be_loaded_is_shown_on_the_bell_and_tried_again(
    opened: Open, user: str, context: BrowserContext
) -> None:
    missing = re.compile(r"/js/.*overlay-")
    context.route(missing, lambda route: route.fulfill(status=404))
    bell = opened(user)
    bell.button.click()
    expect(bell.button).to_have_accessible_name("Notifications could not be loaded")
    expect(bell.page.locator(".badge")).to_have_text("!")
    context.unroute(missing)
    bell.show()
    expect(bell.panel).to_be_visible()
    expect(bell.button).to_have_accessible_name("Notifications")
    bell.errors.clear()  # the browser reports each 404


# 3. Frameworks assign properties at each render


RENDER = f"""(rerender) => {{
  const bell = {ELEMENT};
  bell.getToken = undefined;
  for (let n = 0; n < rerender; n++) {{
    bell.labels = {{ others: (n) => `${{n}} more` }};
    bell.icons = {{ custom: "M0 0h24" }};
    bell.options = {{ limit: 20 }};
    bell.store = undefined;
  }}
}}"""


def test_properties_assigned_again_change_nothing(server: Server, opened: Open, user: str) -> None:
    server.publish({"user": user}, type="system", title="One")
    bell = opened(user)
    bell.page.evaluate(RENDER, 1)
    bell.page.wait_for_function(f"() => {ELEMENT}.store?.getSnapshot().connection === 'open'")
    bell.page.evaluate(f"window.before = {ELEMENT}.store")
    bell.show()
    requests: list[str] = []
    bell.page.on("request", lambda request: requests.append(request.url))
    bell.page.evaluate(RENDER, 5)
    expect(bell.rows).to_have_count(1)
    expect(bell.panel).to_be_visible()
    assert bell.page.evaluate(f"window.before === {ELEMENT}.store")
    assert requests == []


def test_token_function_assigned_at_each_render_opens_one_inbox_and_the_latest_is_called(
    server: Server, opened: Open, user: str
) -> None:
    bell = opened(user)
    opens = bell.page.evaluate(
        f"""async () => {{
          const bell = {ELEMENT};
          const stores = new Set();
          for (let n = 0; n < 5; n++) {{
            bell.getToken = () => (window.called = n, "not checked in dev");
            await new Promise((resolve) => setTimeout(resolve, 50));
            stores.add(bell.store);
          }}
          return stores.size;
        }}"""
    )
    assert opens == 1
    bell.page.evaluate(f"{ELEMENT}.store.reload()")
    assert bell.page.evaluate("window.called") in range(5)
    bell.errors.clear()  # the token is no token


def test_store_assigned_to_itself_stays_open(server: Server, opened: Open, user: str) -> None:
    bell = opened(user)
    bell.page.evaluate(f"{ELEMENT}.store = {ELEMENT}.store")
    server.publish({"user": user}, type="system", title="One")
    bell.unread(1)


def test_labels_that_really_change_keep_the_list_open(server: Server, opened: Open, user: str) -> None:
    bell = opened(user)
    bell.show()
    bell.page.evaluate(f"{ELEMENT}.labels = {{ title: 'Post' }}")
    expect(bell.page.get_by_role("dialog", name="Post")).to_be_visible()


def test_store_set_to_nothing_gives_the_bell_its_own_again(server: Server, opened: Open, user: str) -> None:
    bell = opened(user)
    bell.page.evaluate(
        f"""async () => {{
          const {{ openInbox }} = await import("/js/inbox.js");
          window.own = openInbox({{ user: "{user}-other" }});
          {ELEMENT}.store = window.own;
        }}"""
    )
    bell.page.evaluate(f"{ELEMENT}.store = null")
    server.publish({"user": user}, type="system", title="Mine")
    bell.unread(1)
    bell.page.evaluate("window.own.close()")


# 4. A burst


def test_burst_builds_three_toasts_and_rings_once(server: Server, opened: Open, user: str) -> None:
    bell = opened(user, sound="")
    bell.page.evaluate(
        f"""() => {{
          window.built = 0;
          window.chimes = 0;
          navigator.locks.request = async (name) => void (name.includes("tidings-ring") && window.chimes++);
          const count = (records) => records.forEach(({{ addedNodes }}) =>
            addedNodes.forEach((node) => (window.built += node.className === "toast" ? 1 : 0)));
          new MutationObserver(count).observe({ELEMENT}.shadowRoot, {{ childList: true, subtree: true }});
        }}"""
    )
    server.publish({"user": user}, type="system", title="First")
    expect(bell.toasts).to_have_count(1)
    bell.settled()
    metrics = Metrics(bell.page)
    before = metrics["RecalcStyleCount"]
    built, chimes = bell.page.evaluate("[window.built, window.chimes]")
    batch(server, user, 150)
    bell.unread(151)
    expect(bell.toasts).to_have_count(3)
    expect(bell.page.locator("[role=status].visually-hidden")).to_have_text("150 new notifications")
    assert bell.page.evaluate("window.built") - built <= 9, "a few frames of at most three"
    assert bell.page.evaluate("window.chimes") - chimes <= 3
    assert 0 < metrics["RecalcStyleCount"] - before < 100


# 5. A long list


def test_rows_in_the_page_are_bounded_and_a_closed_list_has_none(server: Server, opened: Open, user: str) -> None:
    bell = opened(user)
    bell.show()
    batch(server, user, 2000)
    eventually("all have arrived", lambda: len(bell.snapshot()["items"]) == 2000)
    expect(bell.row("number 1999")).to_be_visible()
    assert bell.rows.count() <= 60
    bell.page.evaluate(f"{ELEMENT}.shadowRoot.querySelector('.scroller').scrollTop = 1e6")
    expect(bell.row("number 0").last).to_be_visible()
    assert bell.rows.count() <= 60
    bell.page.evaluate(f"{ELEMENT}.shadowRoot.querySelector('.scroller').scrollTop = 0")
    expect(bell.row("number 1999")).to_be_visible()
    bell.page.keyboard.press("Escape")
    expect(bell.page.locator(".row")).to_have_count(0)


def test_row_in_view_stays_where_it_is_when_others_arrive_above(server: Server, opened: Open, user: str) -> None:
    batch(server, user, 20)
    bell = opened(user)
    bell.show()
    bell.row("number 5").evaluate("(row) => row.scrollIntoView({ block: 'center' })")
    bell.page.wait_for_timeout(100)
    before = bell.row("number 5").bounding_box()
    batch(server, user, 30, body="another")
    eventually("all have arrived", lambda: len(bell.snapshot()["items"]) == 50)
    bell.page.wait_for_timeout(100)
    after = bell.row("number 5").filter(has_not_text="another").bounding_box()
    assert before is not None and after is not None
    assert abs(after["y"] - before["y"]) <= 2


def test_arrow_keys_walk_through_rows_that_are_not_in_the_page_yet(server: Server, opened: Open, user: str) -> None:
    bell = opened(user)
    batch(server, user, 150)
    eventually("all have arrived", lambda: len(bell.snapshot()["items"]) == 150)
    bell.show()
    bell.page.keyboard.press("ArrowDown")
    for n in range(149, 109, -1):
        assert f"number {n}" in bell.focused()
        bell.page.keyboard.press("ArrowDown")
    bell.page.keyboard.press("End")
    assert "number 0" in bell.focused()
    bell.page.keyboard.press("Home")
    assert "number 149" in bell.focused()


# 6. Text from the page that no formatter takes


@pytest.mark.parametrize("lang", ["en_US", "x", "not a language at all", "de-"])
def test_language_that_is_none_still_shows_a_bell(server: Server, opened: Open, user: str, lang: str) -> None:
    server.publish({"user": user}, type="system", title="One")
    bell = opened(user, lang=lang)
    bell.unread(1)
    bell.show()
    expect(bell.rows).to_have_count(1)


def test_label_that_throws_and_time_that_is_none_leave_the_rest(server: Server, opened: Open, user: str) -> None:
    server.publish({"user": user}, type="system", title="One")
    bell = opened(user)
    bell.page.evaluate(f"{ELEMENT}.labels = {{ markAll: () => {{ throw new Error('oops') }} }}")
    bell.show()
    expect(bell.rows).to_have_count(1)
    assert {"oops"} == set(bell.errors)
    bell.errors.clear()


# 7. Two clocks


@pytest.mark.parametrize("minutes", [10, -10])
def test_clock_that_is_wrong_neither_hides_nor_dates(
    server: Server, opened: Open, user: str, context: BrowserContext, minutes: int
) -> None:
    context.add_init_script(
        f"""{{
          delete globalThis.SharedWorker; // its clock would be the real one
          const Real = Date, offset = {minutes} * 60_000;
          globalThis.Date = class extends Real {{
            constructor(...args) {{ args.length ? super(...args) : super(Real.now() + offset); }}
            static now() {{ return Real.now() + offset; }}
          }};
        }}"""
    )
    expire_time = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    server.publish({"user": user}, type="code", title="Your code", expire_time=expire_time)
    bell = opened(user)
    bell.unread(1)
    bell.show()
    expect(bell.rows).to_have_count(1)
    expect(bell.rows.locator("time")).to_have_text("now")


# 8. Toasts


def test_critical_toast_is_not_pushed_out_by_others(server: Server, opened: Open, user: str) -> None:
    bell = opened(user)
    server.publish({"user": user}, type="system", title="Disk is full", priority="critical")
    expect(bell.toasts).to_have_count(1)
    for n in range(4):
        server.publish({"user": user}, type="system", title=f"number {n}")
        expect(bell.toasts.filter(has_text=f"number {n}")).to_have_count(1)
    expect(bell.toasts.filter(has_text="Disk is full")).to_have_count(1)
    expect(bell.toasts).to_have_count(3)


def test_critical_toasts_beyond_three_wait_for_their_turn(server: Server, opened: Open, user: str) -> None:
    bell = opened(user)
    for n in range(5):
        server.publish({"user": user}, type="system", title=f"number {n}", priority="critical")
    bell.unread(5)
    for left in (3, 3, 3, 2, 1):
        expect(bell.toasts).to_have_count(left)
        bell.settled()
        bell.toasts.last.get_by_role("button", name="Dismiss").click()
    expect(bell.toasts).to_have_count(0)


def test_toasts_wait_while_a_modal_dialog_is_open(server: Server, opened: Open, user: str) -> None:
    bell = opened(user)
    bell.page.evaluate(
        """() => {
          const dialog = document.createElement("dialog");
          dialog.textContent = "Really?";
          document.body.append(dialog);
          dialog.showModal();
        }"""
    )
    server.publish({"user": user}, type="system", title="Behind it")
    bell.unread(1)
    bell.page.wait_for_timeout(600)
    expect(bell.page.locator(".toast")).not_to_be_visible()
    bell.page.evaluate("document.querySelector('dialog').close()")
    expect(bell.toasts).to_be_visible()
    bell.settled()
    bell.toasts.get_by_role("button", name="Dismiss").click()
    expect(bell.toasts).to_have_count(0)


def test_items_of_a_hidden_tab_are_shown_on_return_critical_first(server: Server, opened: Open, user: str) -> None:
    bell = opened(user)
    bell.page.evaluate(
        "Object.defineProperty(document, 'hidden', { value: true, configurable: true });"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    server.publish({"user": user}, type="system", title="Disk is full", priority="critical")
    batch(server, user, 60)
    bell.unread(61)
    expect(bell.toasts).to_have_count(0)
    bell.page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    expect(bell.toasts).to_have_count(3)
    assert "Disk is full" in bell.toasts.last.inner_text(), "in front"


# 9. Clicks


ROUTER = f"""{ELEMENT}.addEventListener("tidings:click", (event) => {{
  event.preventDefault();
  window.routed = event.detail.notification.title;
}})"""


@pytest.mark.parametrize("modifier", ["Control", "Shift"])
def test_click_with_a_modifier_is_the_browsers_marks_read_and_keeps_the_list(
    server: Server, opened: Open, user: str, modifier: Any
) -> None:
    server.publish({"user": user}, type="comment", title="To the post", action_url="/demo/icon.svg")
    bell = opened(user)
    bell.page.evaluate(ROUTER)
    bell.show()
    with bell.page.context.expect_page() as popup:
        bell.row("To the post").get_by_role("link").click(modifiers=[modifier])
    popup.value.close()
    bell.unread(0)
    expect(bell.panel).to_be_visible()
    assert bell.page.evaluate("window.routed") is None


def test_middle_click_marks_read(server: Server, opened: Open, user: str) -> None:
    server.publish({"user": user}, type="comment", title="To the post", action_url="/demo/icon.svg")
    bell = opened(user)
    bell.show()
    with bell.page.context.expect_page() as popup:
        bell.row("To the post").get_by_role("link").click(button="middle")
    popup.value.close()
    bell.unread(0)
    expect(bell.panel).to_be_visible()


def test_events_have_names_without_a_colon_too(server: Server, opened: Open, user: str) -> None:
    bell = opened(user)
    bell.page.evaluate(
        f"""() => {{
          window.heard = [];
          for (const type of ["tidings-notification", "tidings-click"]) {ELEMENT}.addEventListener(type, (event) => {{
            window.heard.push(type);
            event.preventDefault();
          }});
        }}"""
    )
    server.publish({"user": user}, type="comment", title="To the post", action_url="/demo/icon.svg")
    bell.unread(1)
    expect(bell.page.locator(".toast")).to_have_count(0)
    bell.show()
    bell.row("To the post").get_by_role("link").click()
    expect(bell.panel).to_be_hidden()
    assert bell.page.evaluate("window.heard") == ["tidings-notification", "tidings-click"]
    assert "/bell-page" in bell.page.url


# 10. Long and strange text


def test_long_title_leaves_the_toast_and_its_button_on_the_page(server: Server, opened: Open, user: str) -> None:
    bell = opened(user)
    server.publish({"user": user}, type="system", title="word " * 400)
    expect(bell.toasts).to_have_count(1)
    bell.settled()
    bell.toasts.get_by_role("button", name="Dismiss").click()
    expect(bell.toasts).to_have_count(0)


def test_initials_keep_a_flag_whole_and_names_are_isolated(server: Server, opened: Open, user: str) -> None:
    for name in ("Ada", "\u202eليلى"):
        actor = {"id": name, "name": name}
        server.publish({"user": user}, type="like", title=f"{name} liked it", actor=actor, group_key="like")
    server.publish({"user": user}, type="like", title="A flag", actor={"id": "🇩🇪 Club"})
    bell = opened(user)
    bell.show()
    expect(bell.row("A flag").locator("[part=avatar]")).to_have_text("🇩🇪C")
    expect(bell.row("Ada").locator("b bdi")).to_have_count(2)


# 11. Attributes of the page, at first and changed later


# A page that says nothing of its colours when the bell is connected.
SILENT = f"document.documentElement.style.colorScheme = 'normal'; document.body.append({ELEMENT})"
IS_LIGHT = f"(light) => (getComputedStyle({PANEL}).backgroundColor === 'rgb(255, 255, 255)') === light"


def test_page_that_turns_dark_later_has_a_dark_list(opened: Open, user: str) -> None:
    bell = opened(user)
    bell.page.evaluate(SILENT)
    bell.show()
    bell.page.wait_for_function(IS_LIGHT, arg=True)
    bell.page.evaluate("document.documentElement.style.colorScheme = 'dark'")
    bell.page.wait_for_function(IS_LIGHT, arg=False)


def test_theme_that_is_set_later_counts(opened: Open, user: str) -> None:
    bell = opened(user)
    bell.page.evaluate(SILENT)
    bell.show()
    bell.page.wait_for_function(IS_LIGHT, arg=True)
    bell.page.evaluate(f"{ELEMENT}.setAttribute('theme', 'dark')")
    bell.page.wait_for_function(IS_LIGHT, arg=False)


def test_meta_color_scheme_counts_as_the_pages(opened: Open, user: str) -> None:
    bell = opened(user)
    bell.page.evaluate(
        """() => {
          document.documentElement.style.colorScheme = "normal";
          const meta = document.createElement("meta");
          document.head.append(Object.assign(meta, { name: "color-scheme", content: "dark" }));
        }"""
    )
    bell.show()
    assert bell.panel.evaluate("(panel) => getComputedStyle(panel).colorScheme") == "dark"


def test_language_is_seen_through_a_shadow_root_and_when_it_changes(server: Server, opened: Open, user: str) -> None:
    server.publish({"user": user}, type="system", title="One")
    bell = opened(user)
    bell.page.evaluate(
        f"""() => {{
          const host = document.createElement("div");
          host.lang = "de";
          document.body.append(host);
          host.attachShadow({{ mode: "open" }}).append({ELEMENT});
          window.moved = host.shadowRoot.firstElementChild;
        }}"""
    )
    bell.page.locator(".bell").click()
    expect(bell.page.locator(".row time")).to_have_text("jetzt")
    bell.page.evaluate("document.querySelector('[lang=de]').lang = 'fr'")
    expect(bell.page.locator(".row time")).to_have_text("maintenant")
