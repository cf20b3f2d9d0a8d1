"""Takes pictures of the bell and of the pages of `tidings dev`, to look at before and after a change of their looks.

python scripts/screenshots.py DIRECTORY
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, FloatRect, Page, ViewportSize, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.e2e.bell_page import FLAGS, BellPage
from tests.servers import Server

ALICE = {"id": "alice", "name": "Alice Ng"}
BOB = {"id": "bob", "name": "Bob Rau"}
NOTIFICATIONS: list[dict[str, Any]] = [
    {"type": "follow", "title": "Carol Diaz started to follow you", "actor": {"id": "carol", "name": "Carol Diaz"}},
    {"type": "comment", "title": "Bob Rau commented on your photo", "body": "Where was this taken?", "actor": BOB},
    {"type": "like", "title": "Alice Ng liked your post", "actor": ALICE, "group_key": "like:post/7"},
    {"type": "like", "title": "Bob Rau liked your post", "actor": BOB, "group_key": "like:post/7"},
    {
        "type": "recommend",
        "title": "Recommended for you: a walk along the coast",
        "body": "By three people you follow.",
    },
    {"type": "system", "title": "Your storage is almost full", "body": "96 % are in use.", "priority": "critical"},
    {"type": "export", "title": "Export is running", "progress": 0.6},
    {"type": "post", "title": "Alice Ng posted", "body": "A new place to swim, and how to get there", "actor": ALICE},
    {"type": "system", "title": "Welcome", "action_url": "/welcome"},
]
LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "narrow": {"viewport": {"width": 320, "height": 640}},
    "right-to-left": {"page": {"lang": "ar", "dir": "rtl"}},
    "forced-colours": {"forced_colors": "active"},
}
PAGES = {"start": "/", "social": "/social", "lab": "/lab"}
DOCS: FloatRect = {"x": 556, "y": 0, "width": 444, "height": 546}
PHONE: ViewportSize = {"width": 390, "height": 844}


@contextmanager
def opened(browser: Browser, server: Server, name: str, options: dict[str, Any]) -> Iterator[BellPage]:
    """A page with a bell that has received everything, some of it read."""
    options = {"viewport": {"width": 1000, "height": 760}, "device_scale_factor": 2, **options}
    page_options = options.pop("page", {})
    context = browser.new_context(**options)
    user = f"looks-{name}"
    bell = BellPage.open(context, server, user, **page_options)
    for notification in NOTIFICATIONS:
        server.publish({"user": user}, **notification)
    expect(bell.toasts).to_have_count(3)
    try:
        yield bell
    finally:
        context.close()


def photograph_bell(browser: Browser, server: Server, directory: Path) -> None:
    """The toasts and the list, in each of the looks."""
    for name, options in LOOKS.items():
        with opened(browser, server, name, options) as bell:
            bell.settled()
            bell.page.mouse.move(500, 300)
            bell.page.screenshot(path=directory / f"bell-{name}-toasts.png")
            bell.page.evaluate(
                """async () => {
                  const { store } = document.querySelector("tidings-bell");
                  await store.markRead(store.getSnapshot().items.slice(-3).map(({ id }) => id));
                }"""
            )
            bell.show()
            bell.page.screenshot(path=directory / f"bell-{name}.png")
            if not options.get("viewport"):  # as in docs/images
                bell.page.screenshot(path=directory / f"docs-{name}.png", clip=DOCS)


def photograph_pages(page: Page, server: Server, directory: Path, suffix: str = "") -> None:
    """Each page as it opens, after a moment."""
    for name, path in PAGES.items():
        page.goto(server.url + path)
        page.wait_for_timeout(3000)  # what the page does by itself
        page.screenshot(path=directory / f"page-{name}{suffix}.png", timeout=120_000)


def main() -> None:
    """Starts a server and a browser, and takes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    directory: Path = parser.parse_args().directory
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        server = Server(db=Path(temporary) / "looks.db").start()
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        try:
            photograph_bell(browser, server, directory)
            photograph_pages(browser.new_page(), server, directory)
            photograph_pages(browser.new_page(viewport=PHONE), server, directory, "-phone")
        finally:
            browser.close()
            server.stop()


if __name__ == "__main__":
    main()
