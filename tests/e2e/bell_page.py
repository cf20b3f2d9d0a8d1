"""Page object of the bell: a page that contains only a bell, under a strict policy."""

import base64
import re
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

from playwright.sync_api import Browser, BrowserContext, FloatRect, Locator, Page, Route, expect

from tests.servers import Server, eventually

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
TIMEOUT = 20_000  # ms
POLICY = "default-src 'self'"
AXE = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"

# The page follows the system's colour scheme, and so must the bell.
STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 "Liberation Sans", Arial, sans-serif }
body { margin: 0; background: light-dark(#fff, #101114); color: light-dark(#111, #eee) } a { color: inherit }
header { display: flex; justify-content: space-between; align-items: center; padding: 8px 24px }
"""
PAGE = """<!doctype html><html lang="{lang}" dir="{dir}"><head><meta charset="utf-8"><title>A page</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="/demo/icon.svg">
<link rel="stylesheet" href="/bell-page.css"><script type="module" src="/js/define.js"></script></head>
<body><header><strong>A page</strong><tidings-bell {attributes}></tidings-bell></header>
<main><h1>A page with a bell</h1><p><a href="#here">A link</a></p></main></body></html>"""

# An init script of the test: the page's own policy forbids inline scripts.
LISTENERS = """
window.refused = []; window.dispatched = []; window.badges = []; window.clicked = 0;
addEventListener("click", () => (clicked = Date.now()), true);
addEventListener("securitypolicyviolation", (event) => refused.push(`${event.violatedDirective} ${event.blockedURI}`));
for (const type of ["tidings:notification", "tidings:click"])
  addEventListener(type, (event) => {
    dispatched.push(`${type} ${event.detail.notification.title}`);
    if (window.prevent) event.preventDefault();
  });
"""

FOCUSED = """() => {
  let at = document.activeElement;
  while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  const name = at.ariaLabel ?? document.querySelector("tidings-bell").shadowRoot
    .getElementById(at.getAttribute("aria-labelledby"))?.textContent ?? at.textContent;
  return name.trim();
}"""


@dataclass
class BellPage:
    """A page with a bell. Locators pierce its shadow root."""

    page: Page
    errors: list[str] = field(default_factory=list)

    @classmethod
    def open(
        cls,
        context: BrowserContext,
        server: Server,
        user: str,
        *,
        lang: str = "en",
        dir: str = "ltr",
        clock: bool = False,
        script: str = "",
        connection: str = "open",
        policy: str = POLICY,
        **attributes: str,
    ) -> "BellPage":
        """Opens the page and waits until its stream is open, or as `connection` says.

        `script` runs before the page's own.
        """
        page = context.new_page()
        page.set_default_timeout(TIMEOUT)
        bell = cls(page)
        page.on("pageerror", lambda error: bell.errors.append(str(error)))
        page.on("console", lambda said: bell.errors.append(said.text) if said.type == "error" else None)
        named = {"user": user, **{name.replace("_", "-"): value for name, value in attributes.items()}}
        markup = " ".join(f'{name}="{escape(value)}"' for name, value in named.items())

        def answer(route: Route) -> None:
            body = PAGE.format(lang=lang, dir=dir, attributes=markup)
            route.fulfill(body=body, content_type="text/html", headers={"content-security-policy": policy})

        page.route(re.compile(r"/bell-page\?"), answer)
        page.route("**/bell-page.css", lambda route: route.fulfill(body=STYLE, content_type="text/css"))
        page.add_init_script(LISTENERS + script)
        if clock:
            page.clock.install()
        page.goto(f"{server.url}/bell-page?{urlencode(named)}")
        page.wait_for_function(
            "(status) => document.querySelector('tidings-bell')?.store?.getSnapshot().connection === status",
            arg=connection,
        )
        page.evaluate(
            """() => {
              const badge = document.querySelector("tidings-bell").shadowRoot.querySelector(".badge");
              new MutationObserver(() => {
                const shown = badge.textContent;
                if (badges.at(-1)?.badge !== shown) badges.push({ badge: shown, at: Date.now() });
              }).observe(badge, { childList: true, characterData: true, subtree: true });
            }"""
        )
        return bell

    @property
    def button(self) -> Locator:
        return self.page.locator(".bell")

    @property
    def badge(self) -> Locator:
        return self.page.locator(".badge")

    @property
    def panel(self) -> Locator:
        return self.page.get_by_role("dialog", name="Notifications")

    @property
    def rows(self) -> Locator:
        return self.panel.get_by_role("listitem")

    @property
    def toasts(self) -> Locator:
        return self.page.locator(".toast:not([data-leaving])")

    def row(self, text: str) -> Locator:
        return self.rows.filter(has_text=text)

    def unread(self, count: int) -> None:
        """Waits until the badge shows this count."""
        if count:
            expect(self.badge).to_have_text(str(count) if count < 100 else "99+")
        else:
            expect(self.badge).to_be_hidden()

    def show(self) -> "BellPage":
        """Opens the list by a click, and waits for the end of its transition."""
        self.button.click()
        expect(self.panel).to_be_visible()
        self.settled()
        return self

    def settled(self) -> None:
        """Waits until nothing moves."""
        self.page.wait_for_function(
            "() => document.querySelector('tidings-bell').shadowRoot.getAnimations()"
            ".every((one) => one.playState !== 'running' || one.effect.getTiming().iterations === Infinity)"
        )

    def titles(self) -> list[str]:
        return self.rows.locator("[part=title] > bdi").all_inner_texts()

    def focused(self) -> str:
        """The focused element: its accessible name, or its text."""
        return str(self.page.evaluate(FOCUSED))

    def has_focus(self, name: str | re.Pattern[str]) -> None:
        """Waits until the focus is on what has this name, or a name with this in it."""
        wanted = name if isinstance(name, re.Pattern) else re.compile(f"^{re.escape(name)}$")
        eventually(f"the focus is on {wanted.pattern}", lambda: wanted.search(self.focused()) is not None)

    def snapshot(self) -> Any:
        return self.page.evaluate("document.querySelector('tidings-bell').store.getSnapshot()")

    def dispatched(self) -> list[str]:
        """The element's own events that the page received."""
        return list(self.page.evaluate("window.dispatched"))

    def click_time(self) -> float:
        """The time of the last click on the page, in milliseconds since 1970."""
        return float(self.page.evaluate("window.clicked"))

    def badge_time(self, badge: str) -> float:
        """The time when the badge last changed to this text, in milliseconds since 1970."""
        return float(self.page.evaluate("(badge) => badges.findLast((one) => one.badge === badge).at", badge))

    def assert_no_errors(self) -> None:
        """Asserts that the page's policy refused nothing, and that there was no error."""
        assert self.page.evaluate("window.refused") == []
        assert self.errors == []

    def violations(self) -> list[str]:
        """The violations that axe finds."""
        return violations(self.page)


def violations(page: Page) -> list[str]:
    """The violations that axe finds on a page."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("Runtime.evaluate", {"expression": AXE.read_text()})  # as a debugger: the page's policy forbids it
    # Off by default: the visible label of a control is part of its accessible name.
    rules = "{ 'label-content-name-mismatch': { enabled: true } }"
    found = page.evaluate(f"axe.run(document, {{ resultTypes: ['violations'], rules: {rules} }})")
    return [
        f"{fault['impact']} {fault['id']}: {node['target']} {node['failureSummary']}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]


def brightness(browser: Browser, picture: bytes) -> float:
    """The mean of a picture's pixels, 0 (black) to 1 (white)."""
    page = browser.new_page()
    try:
        return float(
            page.evaluate(
                """async (url) => {
                  const image = new Image();
                  image.src = url;
                  await image.decode();
                  const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
                  canvas.drawImage(image, 0, 0);
                  const { data } = canvas.getImageData(0, 0, image.width, image.height);
                  let sum = 0;
                  for (let at = 0; at < data.length; at += 4) sum += data[at] + data[at + 1] + data[at + 2];
                  return sum / (data.length / 4) / 765;
                }""",
                "data:image/png;base64," + base64.b64encode(picture).decode(),
            )
        )
    finally:
        page.close()


def box(locator: Locator) -> FloatRect:
    """The position and size of an element: x, y, width, height."""
    found = locator.bounding_box()
    assert found is not None
    return found


class Open(Protocol):
    """Opens a page with a bell; at the end of the test it must have no errors."""

    def __call__(self, user: str, *, inside: BrowserContext | None = None, **attributes: Any) -> BellPage: ...


class Elsewhere(Protocol):
    """Opens another browser context; the options are Playwright's."""

    def __call__(self, **options: Any) -> BrowserContext: ...
