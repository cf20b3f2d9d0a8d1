"""The pages of `tidings dev` in a real browser: what is clicked here arrives there, and nothing leaves the machine."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, expect, sync_playwright

from tests.conftest import StartServer
from tests.e2e.bell_page import violations
from tests.servers import Server, eventually

pytestmark = pytest.mark.timeout(120)

PATIENCE = 20_000  # ms
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
LANES = ("sse", "ws", "long-poll", "short-poll")
NO_SERVER = re.compile(r"net::ERR_|WebSocket connection to")  # what the browser says of each request that found none
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def server(start_server: StartServer) -> Server:
    return start_server()


class Watched:
    """A page, and what it should not have said or asked for."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.expected: re.Pattern[str] | None = None  # complaints that the test provokes; they may come late
        self.elsewhere: list[str] = []
        self._own = (server.url, server.url.replace("http", "ws"), "blob:")
        page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.context.on("request", self._asked)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith(self._own):
            self.elsewhere.append(request.url)

    def is_well(self) -> None:
        unexpected = [text for text in self.complaints if not (self.expected and self.expected.search(text))]
        assert unexpected == []
        assert self.elsewhere == []


@pytest.fixture
def watched(context: BrowserContext, server: Server) -> Iterator[Watched]:
    watched = Watched(context.new_page(), server)
    yield watched
    watched.is_well()


@pytest.fixture
def page(watched: Watched) -> Page:
    return watched.page


# Try it


@pytest.fixture
def trying(page: Page, server: Server) -> Page:
    """The index, with both people listening."""
    page.goto(server.url)
    for user in ("alice", "bob"):
        expect(page.locator(f"[data-user={user}] [data-status=open]")).to_have_text("live over SSE")
        expect(page.locator(f"[data-user={user}] li[data-type=hello]")).to_have_count(1)
    return page


def send(page: Page, kind: str, /, **fields: str) -> str:
    """Send one kind of message, with some fields changed; return the server's answer, as the page shows it."""
    page.get_by_label(kind, exact=True).check()
    for name, value in fields.items():
        field = page.locator(f".form [name={name}]")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    page.locator(".form .main").click()
    answer = page.locator("#answer")
    expect(answer).to_be_visible()
    return answer.inner_text()


def arrived(page: Page, server: Server) -> dict[str, list[tuple[str, str]]]:
    """The events of both screens: (event, content), oldest first, up to an announcement that is made now."""
    server.publish({"all": True}, type="end", title="that was all")
    found = {}
    for user in ("alice", "bob"):
        events = page.locator(f"[data-user={user}] .events > li")
        expect(events.first).to_contain_text("that was all")
        rows = events.evaluate_all("rows => rows.map(row => [row.dataset.type, row.textContent])")
        found[user] = [(type, text) for type, text in reversed(rows[1:]) if type != "hello"]
    return found


def types(rows: list[tuple[str, str]]) -> list[str]:
    return [type for type, _ in rows]


CREATED = "notification.created"


def test_try_page_opens_without_raw_events_and_says_what_to_do(trying: Page) -> None:
    column = trying.locator(".person").first
    greeting = column.locator("li[data-type=hello]")
    expect(greeting).to_have_count(1)
    expect(greeting.locator("pre")).to_be_hidden()
    hint = column.locator(".events").evaluate("(list) => getComputedStyle(list, '::after').content")
    assert "Send something" in hint
    greeting.get_by_role("button", name="Show all").click()
    expect(greeting.locator("pre")).to_contain_text("counters")


@pytest.mark.parametrize(
    ("kind", "fields", "alice", "bob"),
    [
        ("One person", {"user": "alice"}, [CREATED], []),
        ("One person", {"user": "bob"}, [], [CREATED]),
        ("Several", {"users": "bob,alice"}, [CREATED], [CREATED]),
        ("Everyone", {}, [CREATED], [CREATED]),
        ("A topic", {}, [], []),
        ("Batch", {}, [CREATED, CREATED], [CREATED, CREATED]),
        ("Follow", {"user": "bob"}, [], ["follow.created"]),
    ],
)
def test_message_reaches_its_recipients_only(
    trying: Page, server: Server, kind: str, fields: dict[str, str], alice: list[str], bob: list[str]
) -> None:
    assert send(trying, kind, **fields).split()[0] in {"200", "201", "204"}
    found = arrived(trying, server)
    assert {user: types(rows) for user, rows in found.items()} == {"alice": alice, "bob": bob}


def test_topic_reaches_followers_that_follow_it_on_the_page(trying: Page, server: Server) -> None:
    send(trying, "Follow", user="alice", topic="author/7")
    expect(trying.locator("[data-user=alice] .follows")).to_have_text("follows author/7")
    send(trying, "A topic", topic="author/7", title="Seven wrote")
    send(trying, "Follow", does="unfollow", user="alice", topic="author/7")
    expect(trying.locator("[data-user=alice] .follows li")).to_have_count(0)
    send(trying, "A topic", topic="author/7", title="Seven wrote again")
    found = arrived(trying, server)
    assert types(found["alice"]) == ["follow.created", CREATED, "follow.deleted"]
    assert types(found["bob"]) == []


def test_notification_can_be_changed_and_retracted(trying: Page, server: Server) -> None:
    badge = trying.locator("[data-user=alice] tidings-bell .badge")
    send(trying, "One person", user="alice", title="Draft")
    expect(badge).to_have_text("1")
    send(trying, "Update", title="Final", progress="0.75")
    send(trying, "Retract")
    expect(badge).to_be_hidden()
    found = arrived(trying, server)
    assert types(found["alice"]) == [CREATED, "notification.updated", "notification.deleted"]
    assert '"title":"Final"' in found["alice"][1][1]
    assert types(found["bob"]) == []


def test_a_key_is_used_once(trying: Page, server: Server, watched: Watched) -> None:
    first = send(trying, "Exactly once", key="k-1")
    assert first.startswith("201")
    trying.locator(".form .main").click()
    expect(trying.locator("#answer")).to_contain_text("Idempotent-Replayed: true")
    trying.locator(".form [name=title]").fill("Another")
    trying.locator(".form .main").click()
    expect(trying.locator("#answer")).to_contain_text("idempotency_key_reused")
    assert types(arrived(trying, server)["alice"]) == [CREATED]
    watched.expected = re.compile("422")  # the browser remarks on the refusal


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_command_that_is_shown_does_the_same(trying: Page, server: Server) -> None:
    trying.locator(".form [name=title]").fill('It\'s "quoted" \\ $HOME `x` ünï')
    command = trying.locator("#curl").inner_text()
    done = subprocess.run(["sh", "-c", f"{command} -s"], capture_output=True, text=True, check=True, timeout=20)
    assert '"id"' in done.stdout
    (event,) = arrived(trying, server)["alice"]
    assert 'It\'s \\"quoted\\" \\\\ $HOME `x` ünï' in event[1]


def test_another_name_is_another_person(trying: Page, server: Server) -> None:
    trying.locator("[data-user=bob] input.name").fill("o'hara@x.io")
    trying.locator("[data-user=bob] input.name").press("Enter")
    events = trying.locator(".person").nth(1).locator(".events li")
    expect(events).to_have_count(1)  # its own hello
    server.publish({"user": "bob"}, title="for bob")
    server.publish({"user": "o'hara@x.io"}, title="for the other")
    expect(events.first).to_contain_text("for the other")
    expect(events).to_have_count(2)


# The lab


def fact(page: Page, lane: str, name: str) -> str:
    return page.locator(f"tr[data-transport={lane}] [data-fact={name}]").inner_text()


def received(page: Page) -> list[int]:
    return [int(fact(page, lane, "received")) for lane in LANES]


def all_receive(page: Page, *, more_than: int) -> None:
    eventually(f"more than {more_than} events on each lane", lambda: min(received(page)) > more_than)


def test_the_lab_shows_four_lanes_that_move_and_miss_nothing(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/lab")
    for lane in LANES:
        expect(page.locator(f"section[data-transport={lane}] .state")).to_have_text("open")
    page.locator("#rate").fill("5")
    expect(page.locator("#rate-shown")).to_have_text("20 a second")
    all_receive(page, more_than=20)

    page.locator("#cut").click()
    for lane in LANES:
        expect(page.locator(f"section[data-transport={lane}] .state")).to_have_text("closed")
    all_receive(page, more_than=max(received(page)))

    page.locator("#start").click()
    sent = page.locator("#sent")
    eventually("every lane has everything", lambda: sent.inner_text() == f"{min(received(page))} published")
    assert len(set(received(page))) == 1
    assert [fact(page, lane, "missed") for lane in LANES] == ["0"] * 4
    expect(page.locator("#sum")).to_contain_text("none missed on any lane")

    # One request and one more after the cut, against one for each event or so.
    assert (fact(page, "sse", "requests"), fact(page, "ws", "requests")) == ("2", "2")
    assert int(fact(page, "long-poll", "requests")) > 10
    drawn = page.locator("canvas").evaluate_all(
        "all => all.map(c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(byte => byte))"
    )
    assert drawn == [True] * 4


def test_lab_closes_its_connections_while_it_is_hidden(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/lab")
    all_receive(page, more_than=0)
    turn = """hidden => {
        Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(turn, True)
    eventually("no connection is left", lambda: server.connections() == 0)
    before = max(received(page))
    page.evaluate(turn, False)
    all_receive(page, more_than=before)
    assert [fact(page, lane, "missed") for lane in LANES] == ["0"] * 4


def test_lab_survives_a_crash_of_the_server(page: Page, server: Server, watched: Watched) -> None:
    watched.expected = NO_SERVER
    page.goto(f"{server.url}/lab")
    page.locator("#rate").fill("4")
    all_receive(page, more_than=5)
    server.kill()
    server.start()
    all_receive(page, more_than=max(received(page)) + 10)
    assert [fact(page, lane, "missed") for lane in LANES] == ["0"] * 4


def test_lab_says_why_a_lane_is_not_open(page: Page, server: Server, watched: Watched) -> None:
    watched.expected = re.compile(f"{NO_SERVER.pattern}|503")
    page.goto(f"{server.url}/lab")
    all_receive(page, more_than=1)
    server.kill()
    for lane in LANES:
        expect(page.locator(f"section[data-transport={lane}] .note")).to_have_text(
            "Not open: the server cannot be reached. It is tried again."
        )
    server.start()
    page.evaluate("dispatchEvent(new Event('online'))")  # the test does not wait for a back-off that has grown
    for lane in LANES:
        expect(page.locator(f"section[data-transport={lane}] .note")).to_be_hidden()

    for answer, note in (
        (lambda route: route.fulfill(status=503), "Not open: the server answered 503. It is tried again."),
        (lambda route: None, re.compile("^Not open yet: a request has no answer.* six connections")),
    ):
        page.route("**/v1/stream*", answer)
        page.locator("#cut").click()
        expect(page.locator("section[data-transport=sse] .note")).to_have_text(note)
        page.unroute("**/v1/stream*")
        expect(page.locator("section[data-transport=sse] .state")).to_have_text("open")


def test_the_lab_counts_a_handshake_as_one_and_a_request_as_one(page: Page, server: Server, watched: Watched) -> None:
    watched.expected = NO_SERVER
    page.goto(f"{server.url}/lab")
    words = page.locator("tr[data-transport=ws] [data-fact=words]")
    expect(words).to_contain_text("over 1 handshake, for")
    # A WebSocket that fails is asked about over plain HTTP.
    server.kill()
    expect(page.locator("section[data-transport=ws] .note")).to_be_visible()
    server.start()
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("section[data-transport=ws] .state")).to_have_text("open")
    expect(words).to_contain_text(re.compile(r"over [2-9]\d* handshakes and [1-9]\d* plain requests?, for"))


def test_the_lab_draws_every_request_in_sight(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/lab")
    kept = page.evaluate(
        """async () => {
            const { WINDOW, forget } = await import("/demo/lab/sight.js");
            const times = [];
            for (let time = 0; time < 60_000; time += 5) {
                times.push(time);
                forget(times, time);
            }
            const inSight = times.filter((time) => time >= times.at(-1) - WINDOW);
            return [inSight.length === WINDOW / 5 + 1, times.length < WINDOW / 2];
        }"""
    )
    assert kept == [True, True]


def test_the_lab_draws_its_histogram_beside_the_newest_dots(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/lab")
    lines, dot, bar = page.evaluate(
        """async () => {
            const { Chart } = await import("/demo/lab/chart.js");
            const canvas = document.querySelector(".lane canvas").cloneNode();
            document.querySelector(".lane").append(canvas);
            canvas.getContext("2d", { willReadFrequently: true });
            const chart = new Chart(canvas);
            await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
            const pixels = (dots, latencies) => {
                chart.draw({ dots, latencies, meter: { times: [] } }, { p50: 1e5, p99: 1e5 }, 1000);
                return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            };
            const columns = (data, drawn) => [...data.keys()].filter((at) => at % 4 === 3 && drawn(at))
                .map((at) => (((at - 3) / 4) % canvas.width) * canvas.clientWidth / canvas.width);
            const plain = pixels([], []);
            const lines = Math.max(...columns(plain, (at) => plain[at]));
            const dotted = pixels([[1000, 4]], []);
            const dot = Math.max(...columns(dotted, (at) => dotted[at] !== plain[at]));
            const barred = pixels([], [4]);
            const bars = columns(barred, (at) => barred[at] !== plain[at] && barred[at] > 150);
            const bar = Math.min(...bars.filter((column) => column > lines));
            return [lines, dot, bar];
        }"""
    )
    assert abs(dot - lines) < 4, "the newest dot is at the end of the lines"
    assert bar > dot + 4


@pytest.mark.parametrize("path", ["/", "/lab", "/social"])
def test_a_browser_that_keeps_nothing_shows_the_pages_too(page: Page, server: Server, path: str) -> None:
    page.add_init_script(
        """Object.defineProperty(window, "localStorage", {
            get() { throw new DOMException("Access is denied for this document.", "SecurityError"); },
        });"""
    )
    page.goto(server.url + path)
    before = page.locator("html").get_attribute("data-theme")
    assert before == ""
    page.locator(".theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    if path == "/social":
        page.wait_for_selector("[data-ready]")


# The plaza


class Screen:
    """One of the two screens of the plaza."""

    def __init__(self, page: Page, side: str) -> None:
        self.root = page.locator(f"[data-side={side}]")
        self.bell = self.root.locator("tidings-bell")
        self.badge = self.bell.locator(".badge")

    def become(self, name: str) -> None:
        self.root.get_by_label(name, exact=True).check()

    def post(self, text: str) -> Locator:
        return self.root.locator("article", has_text=text)

    def open(self) -> Locator:
        self.bell.get_by_role("button", name="Notifications").click()
        return self.bell.get_by_role("dialog")


@pytest.fixture
def screens(page: Page, server: Server) -> tuple[Screen, Screen]:
    """Ada at the left, Ben at the right; both have been told whom they follow."""
    page.goto(f"{server.url}/social")
    page.wait_for_selector("[data-ready]")
    eventually("both listen", lambda: server.connections() == 2)
    return Screen(page, "left"), Screen(page, "right")


def test_a_like_is_on_the_authors_bell_and_many_likes_are_one_item(page: Page, screens: tuple[Screen, Screen]) -> None:
    left, right = screens
    right.post("Sourdough").get_by_label("Like").click()
    expect(left.badge).to_have_text("1")
    expect(page).to_have_title("(1) Plaza · Tidings")
    for name in ("Chloe Park", "Dario Vega"):
        right.become(name)
        right.post("Sourdough").get_by_label("Like").click()
    item = left.open().get_by_role("listitem")
    expect(item).to_contain_text("Dario Vega, Chloe Park, and Ben Okoro liked your post")
    expect(left.badge).to_have_text("1")


def test_like_that_is_taken_back_leaves_the_others(page: Page, screens: tuple[Screen, Screen]) -> None:
    left, right = screens
    like = right.post("Sourdough").get_by_label("Like")
    for name in ("Ben Okoro", "Chloe Park"):
        right.become(name)
        like.click()
    expect(left.open().get_by_role("listitem")).to_contain_text("Chloe Park and Ben Okoro liked your post")
    like.click()  # a click beside the bell closes it
    item = left.open().get_by_role("listitem")
    expect(item).to_contain_text("Ben Okoro liked your post")
    expect(item).not_to_contain_text("Chloe")
    right.become("Ben Okoro")
    like.click()
    expect(left.badge).to_be_hidden()
    left.open()
    expect(item).to_have_count(0)


def test_a_deleted_post_takes_its_notifications_with_it(page: Page, screens: tuple[Screen, Screen]) -> None:
    left, right = screens
    left.root.get_by_label("Post", exact=True).fill("Fresh rye at seven")
    left.root.get_by_role("button", name="Post", exact=True).click()
    expect(right.badge).to_have_text("1")
    right.post("Fresh rye").get_by_label("Comment").last.fill("Two, please")
    right.post("Fresh rye").get_by_label("Comment").last.press("Enter")
    expect(left.badge).to_have_text("1")
    left.post("Fresh rye").get_by_label("Delete").click()
    expect(left.badge).to_be_hidden()
    expect(right.badge).to_be_hidden()
    expect(right.post("Fresh rye")).to_have_count(0)


def test_feed_has_posts_of_followed_authors_only(page: Page, screens: tuple[Screen, Screen]) -> None:
    left, right = screens
    right.root.get_by_role("button", name="Unfollow Ada Lind").click()
    expect(right.root.get_by_role("button", name="Follow Ada Lind", exact=True)).to_be_visible()
    left.root.get_by_role("button", name="Post", exact=True).click()
    page.locator("#announce").click()
    expect(right.badge).to_have_text("1")  # the announcement, and not the post
    right.root.get_by_role("button", name="Follow Ada Lind", exact=True).click()
    expect(left.badge).to_have_text("2")  # the announcement, and a new follower
    left.root.get_by_role("button", name="Post", exact=True).click()
    expect(right.badge).to_have_text("2")


def test_one_person_at_two_screens_reads_once(page: Page, screens: tuple[Screen, Screen], server: Server) -> None:
    left, right = screens
    right.become("Ada Lind")
    page.locator("#announce").click()
    page.locator("#announce").click()
    for screen in screens:
        expect(screen.badge).to_have_text("2")
    left.open().get_by_role("button", name="Mark all as read").click()
    for screen in screens:
        expect(screen.badge).to_be_hidden()


def test_a_recommendation_leads_to_the_post(page: Page, screens: tuple[Screen, Screen]) -> None:
    _, right = screens
    expect(right.post("First tomatoes")).to_have_count(0)
    right.root.get_by_role("button", name="Unfollow Chloe Park").click()
    expect(right.post("Four minutes")).to_have_count(0)
    page.locator("#recommend").click()
    expect(right.badge).to_have_text("1")
    right.open().get_by_role("button", name="Recommended: a post by Chloe Park").click()
    expect(right.post("Four minutes")).to_be_focused()
    expect(right.badge).to_be_hidden()


def test_recommendation_on_a_new_plaza_reaches_an_open_page(page: Page, screens: tuple[Screen, Screen]) -> None:
    _, right = screens
    page.locator("#recommend").click()
    expect(right.badge).to_have_text("1")
    right.open().get_by_role("button", name="Recommended: a post by Dario Vega").click()
    expect(right.post("First tomatoes")).to_be_focused()


def test_a_recommendation_reaches_a_user_even_where_all_follow_all(page: Page, screens: tuple[Screen, Screen]) -> None:
    _, right = screens
    right.root.get_by_role("button", name="Follow Dario Vega", exact=True).click()
    expect(right.root.get_by_role("button", name="Unfollow Dario Vega")).to_be_visible()
    page.locator("#recommend").click()
    expect(right.badge).to_have_text("1")


def test_start_over_removes_every_post(page: Page, screens: tuple[Screen, Screen], server: Server) -> None:
    left, right = screens
    server.publish({"user": "alice"}, type="note", title="Not of the plaza")
    right.post("Sourdough").get_by_label("Like").click()
    right.root.get_by_role("button", name="Follow Dario Vega", exact=True).click()
    page.locator("#announce").click()
    page.locator("#recommend").click()
    left.root.get_by_role("button", name="Post", exact=True).click()
    expect(left.badge).to_have_text(re.compile("[23]"))
    panel = left.open()
    left.bell.get_by_role("button", name="Export to Excel").click()
    expect(panel.get_by_role("link", name="Your export is ready")).to_be_visible()
    panel.get_by_role("listitem").filter(has_text="export is ready").hover()
    panel.get_by_role("listitem").filter(has_text="export is ready").get_by_role("button", name="Archive").click()
    expect(panel.locator("[part=notice]", has_text="Archived")).to_be_visible()
    page.keyboard.press("Escape")
    with page.expect_navigation():
        page.locator("#again").click()
    page.wait_for_selector("[data-ready]")
    for name in ("ada", "ben", "chloe", "dario"):
        for status in ("", "&status=archived"):
            found = server.request("GET", f"/v1/inbox?user={name}@plaza.example{status}").json["data"]
            assert [item["title"] for item in found] == []
    kept = server.request("GET", "/v1/inbox?user=alice").json["data"]
    assert [item["title"] for item in kept] == ["Not of the plaza"]
    expect(right.root.get_by_role("button", name="Follow Dario Vega", exact=True)).to_be_visible()


def test_follows_are_the_same_in_every_tab(
    page: Page, context: BrowserContext, screens: tuple[Screen, Screen], server: Server
) -> None:
    _, right = screens
    second = context.new_page()
    second.goto(f"{server.url}/social")
    second.wait_for_selector("[data-ready]")
    there = Screen(second, "right")
    right.root.get_by_role("button", name="Follow Dario Vega", exact=True).click()
    expect(there.root.get_by_role("button", name="Unfollow Dario Vega")).to_be_visible()
    expect(there.post("First tomatoes")).to_be_visible()
    there.become("Chloe Park")
    right.become("Chloe Park")
    there.root.get_by_role("button", name="Unfollow Ada Lind").click()
    expect(right.root.get_by_role("button", name="Follow Ada Lind", exact=True)).to_be_visible()
    eventually("Ada and Chloe have one stream each, for both tabs", lambda: server.connections() == 2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(browser: Browser, server: Server, scheme: Literal["light", "dark"]) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=scheme, reduced_motion="reduce")
    try:
        page = context.new_page()
        page.goto(f"{server.url}/social")
        page.wait_for_selector("[data-ready]")
        left, right = Screen(page, "left"), Screen(page, "right")
        right.post("Sourdough").get_by_label("Like").click()
        page.locator("#announce").click()
        for screen in (left, right):
            expect(screen.bell.locator(".toast").last).to_be_visible()
        assert violations(page) == []
        expect(left.open().get_by_role("listitem")).to_have_count(2)
        assert violations(page) == []
        for path in ("/", "/lab"):
            page.goto(server.url + path)
            page.locator("main").wait_for()
            assert violations(page) == []
    finally:
        context.close()


def test_right_to_left_a_command_still_reads_from_the_left(page: Page, server: Server) -> None:
    for path in ("/", "/social"):
        page.goto(server.url + path)
        page.evaluate("document.documentElement.dir = 'rtl'")
        if path == "/social":
            page.locator("#announce").click()
        page.locator("pre, code").first.wait_for(state="attached")
        ways = page.locator("pre, code").evaluate_all("all => all.map(one => getComputedStyle(one).direction)")
        assert set(ways) == {"ltr"}


def test_an_export_ends_with_a_workbook(page: Page, screens: tuple[Screen, Screen], tmp_path: Path) -> None:
    left, right = screens
    right.post("Sourdough").get_by_label("Like").click()
    expect(left.badge).to_have_text("1")
    panel = left.open()
    left.bell.get_by_role("button", name="Export to Excel").click()
    with page.expect_download() as download:
        panel.get_by_role("link", name="Your export is ready").click()
    download.value.save_as(tmp_path / download.value.suggested_filename)
    sheet = load_workbook(tmp_path / "notifications.xlsx").active
    assert sheet is not None
    cells = [str(cell) for row in sheet.iter_rows(values_only=True) for cell in row]
    assert "Ben Okoro liked your post" in cells


def test_on_a_phone_both_people_are_in_view(browser: Browser, server: Server) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    try:
        page.goto(f"{server.url}/social")
        panes = page.locator(".pane")
        expect(panes).to_have_count(2)
        page.locator(".screens").evaluate("(screens) => screens.scrollIntoView()")
        for pane in panes.all():
            expect(pane).to_be_in_viewport(ratio=0.7)
    finally:
        page.close()


def test_on_a_phone_no_page_is_wider_than_the_screen(browser: Browser, server: Server) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    try:
        page = context.new_page()
        for path in ("/", "/lab", "/social"):
            page.goto(server.url + path)
            page.locator("main").wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") == 360
    finally:
        context.close()


def test_swagger_ui_shows_the_operations_and_loads_nothing_from_elsewhere(
    server: Server, context: BrowserContext
) -> None:
    loaded: list[str] = []
    page = context.new_page()
    page.on("request", lambda request: loaded.append(request.url))
    page.goto(f"{server.url}/docs")
    page.wait_for_selector("#operations-Publishing-publish")
    assert "style-src 'self'" in server.request("GET", "/docs").headers["content-security-policy"]
    assert [url for url in loaded if not url.startswith((server.url, "data:"))] == []
