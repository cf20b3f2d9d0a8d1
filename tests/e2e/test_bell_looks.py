"""The looks of <tidings-bell>: forced colours, focus rings, narrow and zoomed pages, the icons of the tab."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.bell_page import Open, box
from tests.servers import Server

pytestmark = pytest.mark.timeout(120)

ELEMENT = "document.querySelector('tidings-bell')"
ICONS = "[...document.querySelectorAll('link[rel~=icon]')].map((link) => new URL(link.href).pathname)"


def style(locator: Locator, name: str, pseudo: str | None = None) -> str:
    """A computed style of an element, or of one of its pseudo-elements."""
    return str(locator.evaluate("(e, [name, pseudo]) => getComputedStyle(e, pseudo)[name]", [name, pseudo]))


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
