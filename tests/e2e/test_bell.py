"""<tidings-bell> in a real browser, against a real server, on a page whose policy is `default-src 'self'`."""

import random
import re
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Route, expect

from tests.compatibility import WALKED, Row, hold_rows
from tests.conftest import StartServer
from tests.e2e.bell_page import BellPage, Elsewhere, Open, box, brightness
from tests.servers import Server, eventually

pytestmark = pytest.mark.timeout(120)

SECOND = 1000  # ms
ADA = {"id": "ada", "name": "Ada Lovelace"}
BOB = {"id": "bob", "name": "Bob Tanaka"}
CY = {"id": "cy", "name": "Cy Twombly"}
DEE = {"id": "dee", "name": "Dee Okafor"}


@pytest.fixture
def furnish(server: Server) -> Callable[[str], None]:
    """Sends a person one of each: a group, a comment, a progress, a link, an announcement of the system."""

    def send(user: str) -> None:
        to = {"user": user}
        server.publish(to, type="system", title="Maintenance on Sunday", body="Read-only from 02:00 to 02:30 UTC.")
        server.publish(to, type="export", title="Exporting your notifications", progress=0.6)
        server.publish(
            to, type="comment", title="Cy Twombly commented", body="I read this twice.", actor=CY, action_url="/posts/1"
        )
        for actor in (ADA, BOB, CY, DEE):
            server.publish(to, type="like", title=f"{actor['name']} liked your post", actor=actor, group_key="like:1")

    return send


# Arriving notifications


def test_notification_is_counted_shown_and_announced(server: Server, opened: Open, user: str) -> None:
    server.publish({"user": user}, type="system", title="Before")
    bell = opened(user)
    bell.unread(1)
    server.publish({"user": user}, type="comment", title="Bob Tanaka commented", body="Lovely.", actor=BOB)
    bell.unread(2)
    expect(bell.toasts).to_have_count(1)
    expect(bell.page.locator("[role=status].visually-hidden")).to_have_text("Bob Tanaka commented Lovely.")
    expect(bell.button).to_have_accessible_name("Notifications, 2 unread")
    assert bell.dispatched() == ["tidings:notification Bob Tanaka commented"]
    bell.show()
    assert bell.titles() == ["Bob Tanaka commented", "Before"]
    expect(bell.toasts).to_have_count(0)


def test_bell_shows_no_notification_of_another_user(server: Server, opened: Open, user: str) -> None:
    mine, other = opened(user), opened(f"x{user}")
    server.publish({"user": user}, type="system", title="Mine")
    mine.unread(1)
    server.publish({"user": f"x{user}"}, type="system", title="Theirs")
    other.unread(1)
    assert other.show().titles() == ["Theirs"]
    assert mine.show().titles() == ["Mine"]


def test_a_group_is_one_row_that_names_the_newest_and_counts_the_rest(
    server: Server, opened: Open, user: str, furnish: Callable[[str], None]
) -> None:
    bell = opened(user)
    furnish(user)
    bell.unread(4)
    bell.show()
    assert bell.titles()[0] == "Dee Okafor, Cy Twombly, and 2 others liked your post"
    expect(bell.rows.first.locator(".avatar")).to_have_count(2)


def test_people_are_counted_in_a_group_and_not_what_they_did(server: Server, opened: Open, user: str) -> None:
    for actor in (ADA, BOB, BOB, CY, BOB):
        server.publish(
            {"user": user}, type="like", title=f"{actor['name']} liked your post", actor=actor, group_key="like:1"
        )
    bell = opened(user)
    bell.show()
    expect(bell.rows.first.locator("[part=title]")).to_have_text(
        "Unread: Bob Tanaka, Cy Twombly, and Ada Lovelace liked your post"
    )
    expect(bell.rows.first.locator("[part=meta]")).to_contain_text("5 times")


def test_one_odd_notification_takes_no_other_along(server: Server, opened: Open, user: str) -> None:
    odd: list[dict[str, object]] = [
        {"id": 42},
        {"id": "u1", "name": None},
        {"name": 5},
        {"name": ""},
        {"name": {"toString": 5}},
        {"id": "a", "name": "A", "avatar_url": 5},
        {},
    ]
    for n, actor in enumerate(odd):
        server.publish({"user": user}, type="constructor", title=f"number {n}", actor=actor, data=[None])
    bell = opened(user)
    bell.show()
    expect(bell.rows).to_have_count(len(odd))
    assert bell.titles() == [f"number {n}" for n in reversed(range(len(odd)))]
    server.publish({"user": user}, type="like", title="last", actor={"id": 7})
    expect(bell.rows).to_have_count(len(odd) + 1)


def test_a_row_that_cannot_be_drawn_is_the_only_one(server: Server, opened: Open, user: str) -> None:
    for n in range(3):
        server.publish({"user": user}, type="system", title=f"number {n}", progress=0.5)
    bell = opened(user)

    def spoil(route: Route) -> None:
        page = route.fetch().json()
        page["data"][1] |= {"progress": "half", "create_time": "soon"}
        route.fulfill(json=page)

    bell.page.route("**/v1/inbox?*", spoil)
    bell.page.evaluate("document.querySelector('tidings-bell').store.reload()")
    bell.show()
    assert bell.titles() == ["number 2", "number 1", "number 0"]
    expect(bell.rows.last.locator("time")).not_to_be_empty()
    bell.page.keyboard.press("Escape")
    expect(bell.panel).to_be_hidden()
    bell.page.evaluate("document.querySelector('tidings-bell').store.close()")
    assert bell.errors, "and it is said"
    bell.errors.clear()


def test_a_notification_lives_in_place(server: Server, opened: Open, user: str) -> None:
    bell = opened(user)
    sent = server.publish({"user": user}, type="export", title="Exporting", progress=0.25)
    server.publish({"user": user}, type="system", title="Later")
    bell.show()
    row = bell.row("Export")
    expect(row.locator("progress")).to_have_js_property("value", 0.25)
    rung = len(bell.dispatched())
    for progress in (0.5, 1):
        server.request("PATCH", f"/v1/notifications/{sent['id']}", {"progress": progress, "title": "Exported"})
        expect(row.locator("progress")).to_have_js_property("value", progress)
    assert bell.titles() == ["Later", "Exported"]
    assert len(bell.dispatched()) == rung, "a change of content does not ring"
    server.request("DELETE", f"/v1/notifications/{sent['id']}")
    expect(bell.rows).to_have_count(1)
    bell.unread(1)


def test_the_list_goes_on_as_far_as_there_is_something(server: Server, opened: Open, user: str) -> None:
    for n in range(55):
        server.publish({"user": user}, type="system", title=f"number {n}")
    bell = opened(user)
    bell.unread(55)
    bell.show()
    bell.panel.focus()
    bell.page.keyboard.press("ArrowDown")
    for _ in range(10):
        bell.page.keyboard.press("End")
        if bell.focused().startswith("Unread: number 0"):
            break
        bell.page.wait_for_timeout(100)
    assert len(bell.snapshot()["items"]) == 55
    bell.panel.get_by_role("tab", name="Unread").click()
    expect(bell.row("number 54")).to_be_visible()
    eventually("all unread ones", lambda: len(bell.snapshot()["unread"]) == 55)


def test_bell_is_not_all_caught_up_while_older_items_are_loading(server: Server, opened: Open, user: str) -> None:
    for n in range(25):
        server.publish({"user": user}, type="system", title=f"number {n}")
    bell = opened(user)
    older: list[Route] = []

    def keep(route: Route) -> None:
        older.append(route)

    bell.page.route("**/v1/inbox?*after=*", keep)
    archive = (
        "async () => { const { store } = bell; await store.archive(store.getSnapshot().items.map(({ id }) => id)) }"
    )
    bell.page.locator("tidings-bell").evaluate(f"bell => ({archive})()")
    bell.unread(5)
    bell.show()
    eventually("they are asked for", lambda: bool(bell.page.evaluate("1")) and len(older) == 1)
    expect(bell.panel.get_by_role("img", name="Loading…")).to_be_visible()
    expect(bell.panel.get_by_text("You’re all caught up")).to_be_hidden()
    older[0].continue_()
    expect(bell.rows).to_have_count(5)


def test_more_than_ninety_nine_are_ninety_nine_and_more(server: Server, opened: Open, user: str) -> None:
    for _ in range(101):
        server.publish({"user": user}, type="system", title="again")
    opened(user).unread(101)


# Acts of the user


def test_read_here_is_gone_there_within_a_second(server: Server, opened: Open, elsewhere: Elsewhere, user: str) -> None:
    here, there, far = tabs = (opened(user), opened(user), opened(user, inside=elsewhere()))
    other = opened(f"x{user}")
    for n in range(3):
        server.publish({"users": [user, f"x{user}"]}, type="system", title=f"number {n}")
    for bell in (*tabs, other):
        bell.unread(3)
    here.show()
    here.row("number 1").hover()
    here.row("number 1").get_by_role("button", name="Mark as read").click()
    for bell in tabs:
        bell.unread(2)
        assert bell.badge_time("2") - here.click_time() < SECOND
    here.panel.get_by_role("button", name="Mark all as read").click()
    for bell in tabs:
        bell.unread(0)
        assert bell.badge_time("") - here.click_time() < SECOND
    there.show()
    expect(there.panel.locator("[data-unread]")).to_have_count(0)
    there.row("number 0").hover()
    there.row("number 0").get_by_role("button", name="Archive").click()
    eventually("archived there, gone here", lambda: here.titles() == ["number 2", "number 1"])
    there.panel.get_by_role("button", name="Undo").click()
    eventually("and back", lambda: here.titles() == ["number 2", "number 1", "number 0"])
    far.unread(0)
    other.unread(3)


def test_item_that_arrives_between_looking_and_clicking_stays_unread(server: Server, opened: Open, user: str) -> None:
    server.publish({"user": user}, type="system", title="Shown")
    bell = opened(user)
    bell.show()
    expect(bell.rows).to_have_count(1)
    cursor = bell.snapshot()["cursor"]
    server.publish({"user": user}, type="system", title="Just now")
    bell.unread(2)
    bell.page.evaluate("(cursor) => document.querySelector('tidings-bell').store.markAllRead(cursor)", cursor)
    bell.unread(1)
    assert bell.row("Just now").get_attribute("data-unread") == ""


def test_to_open_the_list_is_to_have_seen_and_not_to_have_read(server: Server, opened: Open, user: str) -> None:
    server.publish({"user": user}, type="system", title="One")
    bell = opened(user, count="unseen")
    bell.unread(1)
    bell.show()
    bell.unread(0)
    assert bell.snapshot()["counters"]["unread"] == 1


def test_to_follow_a_link_is_to_have_read(server: Server, opened: Open, user: str) -> None:
    server.publish({"user": user}, type="comment", title="To the post", action_url="/demo/icon.svg#post")
    server.publish({"user": user}, type="comment", title="Nowhere")
    bell = opened(user)
    bell.show()
    bell.row("Nowhere").get_by_role("button", name="Nowhere").click()
    bell.unread(1)
    bell.row("To the post").get_by_role("link").click()
    bell.page.wait_for_url("**/demo/icon.svg#post")

    def unread() -> object:
        return server.request("GET", f"/v1/inbox/counters?user={user}").json["unread"]

    eventually("said before the page was left", lambda: unread() == 0)


def test_the_page_may_take_over(server: Server, opened: Open, user: str) -> None:
    bell = opened(user)
    bell.page.evaluate("window.prevent = true")
    server.publish({"user": user}, type="comment", title="Mine to show", action_url="/elsewhere")
    bell.unread(1)
    expect(bell.page.locator(".toast")).to_have_count(0)
    bell.show()
    bell.row("Mine to show").get_by_role("link").click()
    expect(bell.panel).to_be_hidden()
    assert bell.dispatched() == ["tidings:notification Mine to show", "tidings:click Mine to show"]
    assert "/bell-page" in bell.page.url


def test_refused_change_is_rolled_back_and_reported(server: Server, opened: Open, user: str) -> None:
    server.publish({"user": user}, type="system", title="Stays")
    bell = opened(user)
    bell.show()
    expect(bell.rows).to_have_count(1)
    bell.page.route("**/v1/inbox/archive*", lambda route: route.fulfill(status=503, json={"code": "no"}))
    bell.row("Stays").hover()
    bell.row("Stays").get_by_role("button", name="Archive").click()
    expect(bell.panel.get_by_text("That did not work")).to_be_visible()
    expect(bell.rows).to_have_count(1)
    bell.errors.clear()  # the browser reports the 503


# How it is reached


def test_a_keyboard_is_enough(browser: Browser, server: Server, opened: Open, user: str) -> None:
    for n in range(3):
        server.publish({"user": user}, type="system", title=f"number {n}")
    bell = opened(user)
    bell.unread(3)
    press = bell.page.keyboard.press
    press("Tab")
    bell.has_focus("Notifications, 3 unread")
    press("Enter")
    expect(bell.panel).to_be_visible()
    expect(bell.panel).to_be_focused()
    press("Tab")
    bell.has_focus("Mark all as read")
    press("Tab")
    bell.has_focus("All")
    press("ArrowRight")
    bell.has_focus(re.compile("^Unread"))
    expect(bell.panel.get_by_role("tab", name="Unread")).to_have_attribute("aria-selected", "true")
    press("ArrowDown")
    bell.has_focus(re.compile("^Unread: number 2"))
    press("End")
    bell.has_focus(re.compile("^Unread: number 0"))
    press("ArrowUp")
    bell.has_focus(re.compile("^Unread: number 1"))
    press("Tab")
    bell.has_focus("Mark as read")
    press("Space")
    bell.unread(2)
    bell.has_focus("Mark as unread")  # read, it stays until the list is left
    press("Delete")
    bell.has_focus(re.compile("^Unread: number 0"))  # archived, it is gone: its neighbour has the focus
    press("Delete")
    bell.unread(1)
    bell.has_focus(re.compile("^Unread: number 2"))
    press("Enter")
    bell.unread(0)
    expect(bell.row("number 2")).to_be_visible()
    press("Escape")
    expect(bell.panel).to_be_hidden()
    bell.has_focus("Notifications")
    bell.button.click()
    expect(bell.panel).to_be_visible()
    version = browser.version.partition(".")[0]
    hold_rows("browsers", [Row(("Chromium", "the bell"), version, WALKED, pinned=False)])


def test_marking_all_as_read_keeps_the_focus(server: Server, opened: Open, user: str) -> None:
    server.publish({"user": user}, type="system", title="One")
    bell = opened(user)
    bell.unread(1)
    press = bell.page.keyboard.press
    press("Tab")
    bell.has_focus("Notifications, 1 unread")
    press("Enter")
    expect(bell.panel).to_be_focused()
    expect(bell.row("One")).to_be_visible()
    press("Tab")
    bell.has_focus("Mark all as read")
    press("Enter")
    bell.unread(0)
    bell.has_focus("Mark all as read")
    expect(bell.panel.get_by_role("button", name="Mark all as read")).to_be_disabled()
    press("ArrowDown")
    bell.has_focus(re.compile("One"))
    press("Escape")
    bell.has_focus("Notifications")


def test_keyboard_dismissal_of_toasts_moves_the_focus_on_and_back(server: Server, opened: Open, user: str) -> None:
    bell = opened(user)
    for title in ("One", "Two"):
        server.publish({"user": user}, type="system", title=title, priority="critical")
    expect(bell.toasts).to_have_count(2)
    bell.toasts.last.get_by_role("button", name="Dismiss").focus()
    bell.page.keyboard.press("Enter")
    expect(bell.toasts).to_have_count(1)
    bell.has_focus(re.compile("One"))
    bell.toasts.get_by_role("button", name="Dismiss").focus()
    bell.page.keyboard.press("Enter")
    expect(bell.toasts).to_have_count(0)
    bell.has_focus(re.compile("^Notifications"))


def test_an_open_bell_that_is_moved_is_closed_and_forgets_nothing_behind(
    server: Server, opened: Open, user: str
) -> None:
    server.publish({"user": user}, type="system", title="One")
    bell = opened(user).show()
    bell.page.evaluate(
        """() => {
          window.listening = 0;
          const { addEventListener: add, removeEventListener: remove } = window;
          window.addEventListener = (type, ...how) => (type === "scroll" && listening++, add(type, ...how));
          window.removeEventListener = (type, ...how) => (type === "scroll" && listening--, remove(type, ...how));
        }"""
    )
    for _ in range(2):
        bell.page.evaluate("document.body.append(document.querySelector('tidings-bell'))")
        expect(bell.button).to_have_attribute("aria-expanded", "false")
        bell.show()
        expect(bell.rows).to_have_count(1)
    assert bell.page.evaluate("listening") == 0, "as many as before: those of the one list that is open"


def test_reading_position_is_kept_when_an_item_arrives(server: Server, opened: Open, user: str) -> None:
    server.publish({"user": user}, type="like", title="Ada liked it", group_key="g")
    server.publish({"user": user}, type="system", title="Other")
    bell = opened(user)
    bell.show()
    expect(bell.rows).to_have_count(2)
    bell.row("Ada").locator("a").focus()
    server.publish({"user": user}, type="like", title="Bob liked it", group_key="g")
    eventually("it moved up", lambda: bell.titles() == ["Bob liked it", "Other"])
    bell.has_focus(re.compile("^Unread: Bob liked it"))


def test_decoration_is_not_read_out(server: Server, opened: Open, user: str) -> None:
    server.publish({"user": user}, type="comment", title="Bob Tanaka commented", body="Lovely.", actor=BOB)
    bell = opened(user)
    bell.unread(1)
    element = bell.page.locator("tidings-bell")
    assert element.aria_snapshot() == '- button "Notifications, 1 unread"'
    bell.show()
    row = bell.rows.first.aria_snapshot().splitlines()
    assert row[0].startswith("- listitem:")
    assert re.search(r'- \'?button "Unread: Bob Tanaka commented Lovely\.', row[1]), (
        row
    )  # quoted where a colon is in it
    assert [line.strip() for line in row[2:] if "img" in line or "BT" in line] == [], row
    assert re.search(r'- button "Notifications, 1 unread" \[expanded\]', element.aria_snapshot())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(
    elsewhere: Elsewhere, server: Server, opened: Open, user: str, scheme: str, furnish: Callable[[str], None]
) -> None:
    inside = elsewhere(color_scheme=scheme, reduced_motion="reduce")
    bell = opened(user, inside=inside)
    assert bell.violations() == []
    bell.show()
    expect(bell.panel.get_by_text("You’re all caught up")).to_be_visible()
    assert bell.violations() == []
    bell.page.keyboard.press("Escape")
    furnish(user)
    expect(bell.toasts).to_have_count(3)
    bell.settled()
    assert bell.violations() == []
    bell.show()
    expect(bell.rows).to_have_count(4)
    bell.row("Maintenance").hover()
    bell.settled()
    assert bell.violations() == []
    bell.panel.get_by_role("tab", name="Unread").click()
    bell.row("Maintenance").hover()
    bell.row("Maintenance").get_by_role("button", name="Archive").click()
    expect(bell.panel.locator("[part=notice]", has_text="Archived")).to_be_visible()
    assert bell.violations() == []


# Hostile input and floods


def test_text_is_text_and_only_web_addresses_are_links(server: Server, opened: Open, user: str) -> None:
    evil = '<img src=x onerror="window.evil=1"><script>window.evil=1</script>'
    addresses = ("javascript:window.evil=1", " JavaScript:window.evil=1", "data:text/html,x", "//h.example/x")
    for n, address in enumerate(addresses):
        actor = {"name": evil, "avatar_url": address}
        server.publish({"user": user}, type="system", title=f"{n} {evil}", body=evil, action_url=address, actor=actor)
    bell = opened(user)
    bell.show()
    expect(bell.rows).to_have_count(4)
    assert bell.titles() == [f"{n} {evil}" for n in (3, 2, 1, 0)]
    links = bell.rows.locator("a")
    hrefs = [links.nth(n).get_attribute("href") for n in range(4)]
    assert hrefs == [f"{server.url.partition('//')[0]}//h.example/x", None, None, None]
    bell.row("0 <img").get_by_role("button", name="0 <img").click()
    bell.unread(3)
    assert bell.page.evaluate("window.evil") is None
    # The only thing that the page's policy had to refuse is a picture from another host, and it shows initials.
    assert [said.partition(" ")[0] for said in bell.page.evaluate("window.refused.splice(0)")] == ["img-src"]
    expect(bell.row("3 <img").locator("img")).to_have_count(0)
    bell.errors.clear()


def test_a_storm_is_three_toasts_and_one_sentence(server: Server, opened: Open, user: str) -> None:
    bell = opened(user)
    batch = [
        {"to": {"user": user}, "type": "system", "title": f"number {n}", "priority": "critical"} for n in range(200)
    ]
    server.publish_many(batch)
    bell.unread(200)
    expect(bell.toasts).to_have_count(3)
    expect(bell.page.locator("[role=status].visually-hidden")).to_have_text("200 new notifications")


def test_toasts_go_by_themselves_but_not_under_the_pointer(server: Server, opened: Open, user: str) -> None:
    bell = opened(user, clock=True)
    server.publish({"user": user}, type="system", title="Looked at")
    expect(bell.toasts).to_have_count(1)
    bell.page.clock.run_for(300)  # its way in
    bell.toasts.hover()
    bell.page.clock.run_for(20_000)
    expect(bell.toasts).to_have_count(1)
    bell.page.mouse.move(5, 5)
    bell.page.clock.run_for(7_000)
    expect(bell.toasts).to_have_count(0)
    server.publish({"user": user}, type="system", title="Look", priority="critical")
    expect(bell.toasts).to_have_count(1)
    bell.page.clock.run_for(60_000)
    expect(bell.toasts).to_have_count(1)
    bell.toasts.get_by_role("button", name="Dismiss").click()
    expect(bell.toasts).to_have_count(0)
    bell.unread(2)


def test_item_that_was_read_elsewhere_needs_no_toast(server: Server, opened: Open, user: str) -> None:
    bell = opened(user)
    sent = server.publish({"user": user}, type="system", title="Read on the phone")
    expect(bell.toasts).to_have_count(1)
    server.request("POST", f"/v1/inbox/read?user={user}", {"ids": [sent["id"]]})
    expect(bell.toasts).to_have_count(0)


def test_words_that_change_while_the_list_is_fetched_make_no_second_list(opened: Open, user: str) -> None:
    bell = opened(user)
    lists = bell.page.evaluate(
        """async () => {
            const bell = document.querySelector("tidings-bell");
            const shown = bell.show();
            bell.labels = { title: "Post" };
            await shown;
            bell.hide();
            await bell.show();
            return [...bell.shadowRoot.querySelectorAll("[part=heading]")].map((heading) => heading.textContent);
        }"""
    )
    assert lists == ["Post"]


def test_the_tab_says_how_many(server: Server, opened: Open, user: str) -> None:
    bell = opened(user, title_badge="", favicon_badge="/demo/icon-new.svg")
    icon = bell.page.locator("link[rel=icon]")
    server.publish({"user": user}, type="system", title="One")
    expect(bell.page).to_have_title("(1) A page")
    expect(icon).to_have_attribute("href", f"{server.url}/demo/icon-new.svg")
    bell.page.evaluate("document.title = 'Another page'")
    expect(bell.page).to_have_title("(1) Another page")
    bell.page.evaluate("document.querySelector('tidings-bell').store.markAllRead()")
    expect(bell.page).to_have_title("Another page")
    expect(icon).to_have_attribute("href", f"{server.url}/demo/icon.svg")


@pytest.mark.parametrize("own", ["(Draft) Contract", "(3) Inbox", "", "(1)"])
def test_the_number_in_the_title_is_all_that_it_adds_and_takes(
    server: Server, opened: Open, user: str, own: str
) -> None:
    bell = opened(user)
    bell.page.evaluate("own => (document.title = own)", own)
    bell.page.locator("tidings-bell").evaluate("bell => bell.setAttribute('title-badge', '')")
    for n in (1, 2):
        server.publish({"user": user}, type="system", title="One more")
        expect(bell.page).to_have_title(f"({n}) {own}".strip())
    bell.page.evaluate("document.title += '!'")
    expect(bell.page).to_have_title(
        f"(2) {own}!" if own else "(2) (2)!"
    )  # without a space it is not what was put there
    bell.page.evaluate("own => (document.title = own)", own)
    expect(bell.page).to_have_title(f"(2) {own}".strip())
    bell.page.evaluate("document.querySelector('tidings-bell').store.markAllRead()")
    expect(bell.page).to_have_title(own)


def test_two_bells_do_not_quarrel_about_the_title(server: Server, opened: Open, user: str) -> None:
    bell = opened(user, title_badge="")
    server.publish({"user": user}, type="system", title="Mine")
    expect(bell.page).to_have_title("(1) A page")
    bell.page.evaluate(
        """(user) => {
          const other = document.createElement("tidings-bell");
          other.setAttribute("user", `x${user}`);
          other.setAttribute("title-badge", "");
          document.body.append(other);
          const ready = () => other.store?.getSnapshot().phase === "ready";
          return new Promise((opened) => setInterval(() => ready() && opened(), 20));
        }""",
        user,
    )
    expect(bell.page).to_have_title("(1) A page")  # the other has nothing to say
    bell.page.evaluate("document.title = 'My page'")
    expect(bell.page).to_have_title("(1) My page")
    server.publish({"user": user}, type="system", title="Mine")
    expect(bell.page).to_have_title("(2) My page")
    server.publish({"user": f"x{user}"}, type="system", title="Theirs")
    expect(bell.page).to_have_title("(1) My page")
    bell.page.evaluate("document.title = 'Another page'")
    expect(bell.page).to_have_title(re.compile(r"^\([12]\) Another page$"))


def test_a_bell_that_falls_silent_leaves_what_another_says(server: Server, opened: Open, user: str) -> None:
    bell = opened(user, title_badge="", favicon_badge="/demo/icon-new.svg")
    icon = bell.page.locator("link[rel=icon]")
    bell.page.evaluate(
        """(user) => {
          const other = document.querySelector("tidings-bell").cloneNode();
          other.setAttribute("user", `x${user}`);
          document.body.append(other);
        }""",
        user,
    )
    server.publish({"user": user}, type="system", title="Mine")
    expect(bell.page).to_have_title("(1) A page")
    for title in ("Theirs", "Theirs too"):
        server.publish({"user": f"x{user}"}, type="system", title=title)
    expect(bell.page).to_have_title("(2) A page")
    bell.page.evaluate("document.querySelectorAll('tidings-bell')[1].store.markAllRead()")
    expect(bell.page).to_have_title("(1) A page")
    expect(icon).to_have_attribute("href", f"{server.url}/demo/icon-new.svg")
    bell.page.evaluate("document.querySelector('tidings-bell').store.markAllRead()")
    expect(bell.page).to_have_title("A page")
    expect(icon).to_have_attribute("href", f"{server.url}/demo/icon.svg")


def test_it_says_when_it_is_not_live_and_catches_up(start_server: StartServer, context: BrowserContext) -> None:
    server = start_server()
    bell = BellPage.open(context, server, "alice")
    server.publish({"user": "alice"}, type="system", title="Before")
    bell.unread(1)
    bell.show()
    server.stop()
    expect(bell.panel.get_by_text("Reconnecting…")).to_be_visible()
    server.start()
    server.publish({"user": "alice"}, type="system", title="After")
    eventually("it caught up", lambda: bell.titles() == ["After", "Before"])
    expect(bell.panel.get_by_text("Reconnecting…")).to_be_hidden()


def test_a_first_page_that_fails_can_be_asked_for_again(server: Server, context: BrowserContext, user: str) -> None:
    server.publish({"user": user}, type="system", title="There after all")
    context.route("**/v1/inbox?*", lambda route: route.fulfill(status=503, json={"code": "no"}))
    page = context.new_page()
    page.goto(server.url)
    page.evaluate(
        """async (user) => {
          await customElements.whenDefined("tidings-bell");
          const bell = document.createElement("tidings-bell");
          bell.setAttribute("user", user);
          document.body.replaceChildren(bell);
        }""",
        user,
    )
    bell = BellPage(page)
    bell.show()
    expect(bell.panel.get_by_text("Notifications could not be loaded")).to_be_visible()
    button = bell.panel.get_by_role("button", name="Try again").element_handle()
    context.unroute("**/v1/inbox?*")
    button.evaluate("button => button.click()")  # as it stands: the page may come by itself meanwhile
    expect(bell.row("There after all")).to_be_visible()


# How it looks


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_as_dark_as_the_page(
    browser: Browser, elsewhere: Elsewhere, opened: Open, user: str, scheme: str, furnish: Callable[[str], None]
) -> None:
    furnish(user)
    inside = elsewhere(color_scheme=scheme)
    bell = opened(user, inside=inside)
    bell.show()
    seen = brightness(browser, bell.panel.screenshot(animations="disabled"))
    assert seen < 0.25 if scheme == "dark" else seen > 0.85
    bell.page.locator("tidings-bell").evaluate("(bell, theme) => bell.setAttribute('theme', theme)", "light")
    assert brightness(browser, bell.panel.screenshot(animations="disabled")) > 0.85
    bell.page.locator("tidings-bell").evaluate("(bell, theme) => bell.setAttribute('theme', theme)", "dark")
    assert brightness(browser, bell.panel.screenshot(animations="disabled")) < 0.25


def test_right_to_left_it_is_its_own_mirror(
    opened: Open, server: Server, user: str, furnish: Callable[[str], None]
) -> None:
    furnish(user)
    left, right = opened(user, dir="ltr").show(), opened(user, dir="rtl", lang="ar").show()
    width = 1000
    for part in (".panel", ".row:first-child .avatars", ".row:first-child .link", "[role=tab]:first-child"):
        here, there = box(left.page.locator(part).first), box(right.page.locator(part).first)
        assert there["x"] + there["width"] == pytest.approx(width - here["x"], abs=1), part
    assert "دقيقة" in (said := right.rows.first.inner_text()) or "الآن" in said, "the time speaks the page's language"
    server.publish({"user": user}, type="system", title="One more")
    for bell in (left, right):
        bell.page.keyboard.press("Escape")
    server.publish({"user": user}, type="system", title="And one")
    here, there = box(left.toasts.last), box(right.toasts.last)
    assert here["x"] > width / 2 > there["x"] + there["width"]


def test_text_of_either_direction_begins_at_the_side_of_the_page(server: Server, opened: Open, user: str) -> None:
    long = "A body that is far longer than two lines of the list are, and so is cut at its end. " * 3
    server.publish({"user": user}, type="system", title="Left to right", body=long)
    server.publish({"user": user}, type="system", title="من اليمين", body="نص طويل جدا يقطع في نهايته. " * 9)
    bell = opened(user, dir="rtl", lang="ar").show()
    for row, direction in ((bell.rows.last, "ltr"), (bell.rows.first, "rtl")):
        style = row.locator("[part=body]").evaluate(
            "body => (({ direction, textAlign }) => [direction, textAlign])(getComputedStyle(body))"
        )
        # An end that is cut has its ellipsis only where the line ends; all lines begin at the side of the page.
        assert style == [direction, "right"]


def test_details_below_an_item_are_separated_by_a_dot(server: Server, opened: Open, user: str) -> None:
    for _ in range(2):
        server.publish({"user": user}, type="export", title="Exporting", progress=0.5, group_key="exports")
    bell = opened(user).show()
    percent, times = (bell.rows.first.locator("[part=meta] > span").nth(n) for n in (0, 2))
    expect(percent).to_have_text("50%")
    expect(times).to_have_text("2 times")
    assert times.evaluate("span => getComputedStyle(span, '::before').content") == '"·"'


def test_on_a_phone_the_list_is_a_sheet_that_fits(
    elsewhere: Elsewhere, opened: Open, user: str, furnish: Callable[[str], None]
) -> None:
    furnish(user)
    inside = elsewhere(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    bell = opened(user, inside=inside)
    bell.button.tap()
    # It slides in, and the last fractions of a pixel come after the end of its animations.
    bell.page.wait_for_function(
        """() => {
          const panel = document.querySelector("tidings-bell").shadowRoot.querySelector("[part=panel]");
          const { left, width, bottom } = panel?.getBoundingClientRect() ?? {};
          return left === 0 && width === 360 && bottom === 640;
        }"""
    )
    wide = bell.page.evaluate(
        """() => {
          const scroller = document.querySelector("tidings-bell").shadowRoot.querySelector(".scroller");
          return [document.documentElement, scroller].map((one) => one.scrollWidth - one.clientWidth);
        }"""
    )
    assert wide == [0, 0], "nothing sticks out"
    bell.rows.first.get_by_role("button", name="Mark as read").tap()
    bell.unread(3)
    bell.panel.get_by_role("button", name="Close").tap()
    expect(bell.panel).to_be_hidden()


@pytest.mark.parametrize("corner", ["left top", "right top", "left bottom", "right bottom"])
def test_the_list_is_always_within_the_window(
    opened: Open, user: str, corner: str, furnish: Callable[[str], None]
) -> None:
    furnish(user)
    bell = opened(user)
    across, along = corner.split()
    bell.page.locator("tidings-bell").evaluate(
        "(bell, [across, along]) => { bell.style.position = 'fixed'; bell.style[across] = 0; bell.style[along] = 0 }",
        [across, along],
    )
    bell.show()
    seen = box(bell.panel)
    assert 0 <= seen["x"] <= seen["x"] + seen["width"] <= 1000
    assert 0 <= seen["y"] <= seen["y"] + seen["height"] <= 760
    bell.errors.clear()


# The law: who applied the events agrees with who asked


@pytest.mark.parametrize("seed", range(4))
def test_after_random_acts_the_store_agrees_with_the_server(server: Server, opened: Open, user: str, seed: int) -> None:
    chance = random.Random(seed)
    topics = [f"club/{user}", f"post/{user}"]
    sent: list[Any] = []

    def publish() -> None:
        everyone: list[dict[str, object]] = [{"user": user}, {"users": [user, "someone"]}]
        everyone += [{"topic": topic} for topic in topics]
        to = chance.choice(everyone)
        kind, group = chance.choice([("like", "likes"), ("comment", None), ("system", None)])
        more = {"group_key": group} if group else {"entity": chance.choice(["post/1", "post/2"])}
        sent.append(server.publish(to, type=kind, title=f"number {len(sent)}", **more))

    def say(method: str, path: str, body: object = None) -> None:
        answer = server.request(method, path, body)
        assert answer.status in (200, 204, 404), (method, path, answer.body)

    def act() -> None:
        one = chance.choice(sent)
        verb = chance.choice(["read", "unread", "seen", "unseen", "archive", "unarchive"])
        across = chance.choice(
            [{"type": "like"}, {"type": "comment"}, {"priority": "critical"}, {"priority": "normal"}]
        )
        topic = urllib.parse.quote(chance.choice(topics), safe="")
        acts: list[Callable[[], None]] = [
            publish,
            publish,
            lambda: say("PATCH", f"/v1/notifications/{one['id']}", {"title": "edited", "progress": 0.5}),
            lambda: say("PATCH", f"/v1/notifications/{one['id']}", across),
            lambda: say("DELETE", f"/v1/notifications/{one['id']}"),
            lambda: say("DELETE", "/v1/notifications?entity=post/1"),
            lambda: say("PUT", f"/v1/follows/{topic}?user={user}"),
            lambda: say("DELETE", f"/v1/follows/{topic}?user={user}"),
            lambda: say("POST", f"/v1/inbox/{verb}?user={user}", {"ids": [one["id"]]}),
            lambda: say("POST", f"/v1/inbox/{verb}?user={user}", {"ids": [one["id"]]}),
            lambda: say("POST", f"/v1/inbox/read?user={user}", {"up_to": one["cursor"]}),
            lambda: say("PUT", f"/v1/preferences?user={user}", {"mutes": chance.choice([[], ["type:comment"]])}),
        ]
        chance.choice(acts)()

    for _ in range(10):
        publish()
    bell = opened(user)
    for step in range(12):
        for _ in range(chance.randint(1, 4)):
            act()
        end = server.publish({"user": user}, type="end", title="end", priority="critical")["cursor"]

        def difference(end: str = end) -> object:
            asked = server.request("GET", f"/v1/inbox?user={user}&limit=100").json
            mine = bell.snapshot()
            numbers = ("unread", "unseen", "by_type")
            theirs = [(one["id"], one["cursor"], one["status"], one["title"]) for one in asked["data"]]
            held = [(one["id"], one["cursor"], one["status"], one["title"]) for one in mine["items"]]
            whole = not mine["more"]["all"]
            return (
                mine["cursor"] != end and "not there yet",
                held != (theirs if whole else theirs[: len(held)]) and (held, theirs),
                [
                    (name, mine["counters"][name], asked["counters"][name])
                    for name in numbers
                    if mine["counters"][name] != asked["counters"][name]
                ],
            )

        try:
            eventually("they agree", lambda: difference() == (False, False, []), within=5)
        except AssertionError:
            pytest.fail(f"step {step}: {difference()}")
