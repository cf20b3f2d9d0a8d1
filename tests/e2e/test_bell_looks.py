"""The looks of <tidings-bell>: forced colours, focus rings, narrow and zoomed pages, the icons of the tab."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from tests.e2e.bell_page import Elsewhere, Open, box, brightness
from tests.servers import Server

pytestmark = pytest.mark.timeout(120)

ELEMENT = "document.querySelector('tidings-bell')"
ICONS = "[...document.querySelectorAll('link[rel~=icon]')].map((link) => new URL(link.href).pathname)"


def style(locator: Locator, name: str, pseudo: str | None = None) -> str:
    """A computed style of an element, or of one of its pseudo-elements."""
    return str(locator.evaluate("(e, [name, pseudo]) => getComputedStyle(e, pseudo)[name]", [name, pseudo]))


def luminance(page: Page, x: float, y: float) -> float:
    """The relative luminance (WCAG 2) of a grey enough pixel of the window."""
    picture = page.screenshot(clip={"x": x, "y": y, "width": 1, "height": 1}, animations="disabled")
    assert page.context.browser is not None
    value = brightness(page.context.browser, picture)
    return float(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)


# Forced colours and focus


def test_forced_colours_keep_edges_dots_progress_and_the_chosen_tab(server: Server, opened: Open, user: str) -> None:
    bell = opened(user)
    server.publish({"user": user}, type="export", title="Export", progress=0.5, priority="critical")
    expect(bell.toasts).to_have_count(1)
    bell.page.emulate_media(forced_colors="active")
    assert style(bell.toasts.first, "borderTopStyle") == "solid"
    bell.show()
    assert style(bell.panel, "borderTopStyle") == "solid"
    assert style(bell.badge, "borderTopStyle") == "solid"
    canvas = style(bell.panel, "backgroundColor")
    chosen, other = (bell.page.locator(f".tab[aria-selected={selected}]").first for selected in ("true", "false"))
    assert style(chosen, "backgroundColor") != style(other, "backgroundColor")
    assert style(bell.rows.first, "backgroundColor", "::after") != canvas
    assert style(bell.rows.locator("progress"), "forcedColorAdjust") == "none"
    # Pseudo-elements of the bar have no computed style of their own: half of it is of another colour.
    bar = box(bell.rows.locator("progress"))
    halves = [
        bell.page.screenshot(clip={"x": bar["x"] + bar["width"] * part, "y": bar["y"] + 2, "width": 4, "height": 1})
        for part in (0.25, 0.75)
    ]
    assert halves[0] != halves[1]


def test_row_reached_by_arrows_has_a_focus_ring_however_the_list_was_opened(
    server: Server, opened: Open, user: str
) -> None:
    bell = opened(user)
    server.publish({"user": user}, type="system", title="a row")
    bell.unread(1)
    bell.show()
    # Focus from a script, after the mouse: browsers differ in whether that is `:focus-visible`.
    link = bell.rows.locator(".link")
    bell.panel.get_by_role("heading").click()
    link.evaluate("(link) => link.focus({ focusVisible: false })")
    assert style(link, "outlineStyle", "::after") == "solid"
    assert style(bell.rows.locator(".actions"), "opacity") == "1"


# Narrow and zoomed pages


def test_narrow_header_is_two_lines(server: Server, opened: Open, user: str) -> None:
    bell = opened(user)
    bell.page.set_viewport_size({"width": 320, "height": 640})
    bell.show()
    middles = [box(bell.page.locator(f".header {part}")) for part in ("h2", ".close", "[part=mark-all]")]
    assert len({round(one["y"] + one["height"] / 2) for one in middles}) == 1, middles
    assert bell.page.locator("h2").evaluate("(h2) => h2.scrollWidth <= h2.clientWidth"), "the title is cut off"


@pytest.mark.parametrize("zoom", [1, 1.25, 2])
def test_zoomed_page_has_the_list_below_the_bell(server: Server, opened: Open, user: str, zoom: float) -> None:
    bell = opened(user)
    bell.page.evaluate("(zoom) => (document.documentElement.style.zoom = zoom)", zoom)
    bell.show()
    button, panel = box(bell.button), box(bell.panel)
    assert abs(panel["y"] - button["y"] - button["height"] - 8 * zoom) < 2
    assert abs(panel["x"] + panel["width"] - button["x"] - button["width"]) < 2
    assert panel["y"] + panel["height"] <= 760
    assert panel["x"] >= 0


def test_row_with_progress_says_its_title_once_and_its_parts_apart(server: Server, opened: Open, user: str) -> None:
    bell = opened(user)
    server.publish({"user": user}, type="export", title="Export is rising", progress=0.5)
    bell.unread(1)
    bell.show()
    expect(bell.rows.get_by_role("button", name=re.compile(r"^Unread: Export is rising 50% \S"))).to_have_count(1)


# Rows


def test_time_has_no_line_of_its_own_and_stands_in_one_column(server: Server, opened: Open, user: str) -> None:
    for n in range(12):
        server.publish({"user": user}, type="system", title=f"number {n}")
    bell = opened(user)
    bell.unread(12)
    bell.show()
    bell.rows.nth(1).get_by_role("button", name="Mark as read").click()
    bell.unread(11)
    rows = [box(bell.rows.nth(n)) for n in range(3)]
    assert all(row["height"] <= 60 for row in rows), "seven rows fit into the list"
    times = [box(bell.rows.nth(n).locator("time")) for n in range(3)]
    assert len({time["x"] + time["width"] for time in times}) == 1, "read or not"


def test_time_is_a_duration_and_no_calendar_day(
    server: Server, context: BrowserContext, opened: Open, user: str
) -> None:
    hours = [47.5, 25, 1]
    for n in hours:
        server.publish({"user": user}, type="system", title=f"{n} hours old")

    def age(route: Route) -> None:
        page = route.fetch().json()
        for item in page["data"]:
            passed = timedelta(hours=float(item["title"].split()[0]))
            item["create_time"] = (datetime.now(UTC) - passed).isoformat()
        route.fulfill(json=page)

    context.route("**/v1/inbox?*", age)
    bell = opened(user).show()
    expect(bell.rows.locator("time")).to_have_text(["1 hr. ago", "1 day ago", "1 day ago"])


def test_unread_rows_have_a_dot_and_no_tint(server: Server, opened: Open, user: str) -> None:
    for title in ("read", "unread"):
        server.publish({"user": user}, type="system", title=title)
    bell = opened(user)
    bell.unread(2)
    bell.show()
    bell.row("read").last.get_by_role("button", name="Mark as read").click()
    bell.unread(1)
    bell.page.mouse.move(300, 300)
    unread, read = bell.rows.first, bell.rows.last
    assert style(unread, "backgroundColor") == style(read, "backgroundColor")
    assert style(unread, "backgroundColor", "::after") != style(read, "backgroundColor", "::after")


def test_row_that_is_read_stays_in_unread_until_the_list_is_opened_again(
    server: Server, opened: Open, user: str
) -> None:
    for title in ("one", "two"):
        server.publish({"user": user}, type="system", title=title)
    bell = opened(user)
    bell.unread(2)
    bell.show()
    bell.panel.get_by_role("tab", name="Unread").click()
    bell.row("one").locator(".link").click()
    bell.unread(1)
    assert bell.titles() == ["two", "one"]
    bell.page.keyboard.press("Escape")
    bell.show()
    expect(bell.rows).to_have_count(1)


def test_critical_notification_looks_like_no_other_read_or_not(server: Server, opened: Open, user: str) -> None:
    server.publish({"user": user}, type="system", title="Welcome")
    server.publish({"user": user}, type="system", title="Disk is full", priority="critical")
    bell = opened(user)
    bell.unread(2)
    bell.show()
    bell.panel.get_by_role("button", name="Mark all as read").click()
    bell.unread(0)
    critical, other = bell.row("Disk is full"), bell.row("Welcome")
    paths = [row.locator(".kind path").get_attribute("d") for row in (critical, other)]
    assert paths[0] != paths[1], "by its shape, for those who see no colours"
    assert style(critical.locator(".kind"), "backgroundColor") != style(other.locator(".kind"), "backgroundColor")
    assert style(critical.locator(".title"), "fontWeight") != style(other.locator(".title"), "fontWeight")


def test_tab_beyond_the_list_closes_it(server: Server, opened: Open, user: str) -> None:
    server.publish({"user": user}, type="system", title="a row")
    bell = opened(user)
    bell.unread(1)
    bell.show()
    for _ in range(12):
        if bell.focused() == "A link":
            break
        expect(bell.panel).to_be_visible()
        bell.page.keyboard.press("Tab")
    bell.has_focus("A link")
    expect(bell.panel).to_be_hidden()


def test_toast_parts_from_a_dark_page(server: Server, opened: Open, elsewhere: Elsewhere, user: str) -> None:
    bell = opened(user, inside=elsewhere(color_scheme="dark", reduced_motion="reduce"))
    server.publish({"user": user}, type="system", title="in the dark", priority="critical")  # it stays
    expect(bell.toasts).to_have_count(1)
    bell.settled()
    toast = box(bell.toasts.first)
    x, y = toast["x"] + toast["width"] / 2, toast["y"]
    page, edge, surface = (luminance(bell.page, x, y + below) for below in (-8, -1, 4))
    assert (edge + 0.05) / (page + 0.05) > 1.6
    assert (surface + 0.05) / (page + 0.05) > 1.25


# Archived notifications


def test_archived_notifications_have_a_list_and_each_can_come_back(server: Server, opened: Open, user: str) -> None:
    for title in ("one", "two", "three"):
        server.publish({"user": user}, type="system", title=title)
    bell = opened(user)
    bell.unread(3)
    bell.show()
    for title in ("one", "three"):
        bell.row(title).get_by_role("button", name="Archive").click()
    expect(bell.rows).to_have_count(1)
    bell.panel.get_by_role("tab", name="Archived").click()
    expect(bell.rows).to_have_count(2)
    assert bell.titles() == ["three", "one"]
    bell.row("one").get_by_role("button", name="Unarchive").click()
    expect(bell.rows).to_have_count(1)
    bell.panel.get_by_role("tab", name="All").click()
    assert bell.titles() == ["two", "one"]
    bell.unread(2)


def test_item_archived_elsewhere_is_in_the_archived_list_that_is_open(server: Server, opened: Open, user: str) -> None:
    ids = [server.publish({"user": user}, type="system", title=f"number {n}")["id"] for n in range(30)]
    bell = opened(user)
    bell.show()
    bell.panel.get_by_role("tab", name="Archived").click()
    expect(bell.panel.get_by_text("Nothing archived")).to_be_visible()
    for n in (29, 0):  # one that this page holds, and one that it never loaded
        server.request("POST", f"/v1/inbox/archive?user={user}", {"ids": [ids[n]]})
    expect(bell.rows).to_have_count(2)
    assert bell.titles() == ["number 29", "number 0"]
    assert bell.violations() == []


def test_arrow_keys_go_round_the_three_tabs_in_the_direction_of_the_page(
    server: Server, opened: Open, user: str
) -> None:
    for direction, key in (("ltr", "ArrowRight"), ("rtl", "ArrowLeft")):
        bell = opened(user, dir=direction)
        bell.show()
        bell.panel.get_by_role("tab", name="All").focus()
        for name in ("Unread", "Archived", "All"):
            bell.page.keyboard.press(key)
            bell.has_focus(name)


# The icons of the browser's tab


def test_every_icon_of_the_page_gets_the_dot(server: Server, opened: Open, user: str) -> None:
    bell = opened(user, favicon_badge="/demo/icon-new.svg")
    add = "(href) => document.head.append(Object.assign(document.createElement('link'), { rel: 'icon', href }))"
    bell.page.evaluate(add, "/demo/icon.svg?large")
    server.publish({"user": user}, type="system", title="new")
    bell.page.wait_for_function(f"() => {ICONS}.join() === '/demo/icon-new.svg,/demo/icon-new.svg'")
    bell.page.evaluate(add, "/demo/icon.svg?later")
    bell.page.wait_for_function(f"() => {ICONS}.join() === Array(3).fill('/demo/icon-new.svg').join()")
    bell.page.evaluate(f"{ELEMENT}.store.markAllRead()")
    bell.page.wait_for_function(f"() => {ICONS}.join() === Array(3).fill('/demo/icon.svg').join()")
    assert bell.page.evaluate("document.querySelectorAll('link[rel~=icon]')[2].href").endswith("?later")


def test_icon_that_the_page_changes_itself_is_kept(server: Server, opened: Open, user: str) -> None:
    bell = opened(user, favicon_badge="/demo/icon-new.svg")
    server.publish({"user": user}, type="system", title="new")
    bell.page.wait_for_function(f"() => {ICONS}[0] === '/demo/icon-new.svg'")
    bell.page.evaluate("document.querySelector('link[rel~=icon]').href = '/demo/icon.svg?theirs'")
    bell.page.wait_for_function(f"() => {ICONS}[0] === '/demo/icon-new.svg'")
    bell.page.evaluate(f"{ELEMENT}.store.markAllRead()")
    bell.unread(0)
    bell.page.wait_for_function(f"() => {ICONS}[0] === '/demo/icon.svg'")
    assert bell.page.evaluate("document.querySelector('link[rel~=icon]').href").endswith("?theirs")


def test_types_named_like_members_of_objects_are_counted(server: Server, opened: Open, user: str) -> None:
    bell = opened(user)
    for name in ("constructor", "__proto__", "toString"):
        server.publish({"user": user}, type=name, title="odd")
    bell.unread(3)
    counts: Any = bell.page.evaluate(f"Object.entries({ELEMENT}.store.getSnapshot().counters.by_type)")
    assert sorted(counts) == [["__proto__", 1], ["constructor", 1], ["toString", 1]]
