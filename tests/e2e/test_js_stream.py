"""The JavaScript stream in a real browser, against a real server, through real proxies."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, sync_playwright

from tests.conftest import StartServer
from tests.e2e.js_pages import Tab, buffering_nginx, holding_back, pages
from tests.servers import Server, eventually

SHARES = ["worker", "lock"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("js") / "tidings.db").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with pages() as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox"],
            # The way back to a page should be what it is for people.
            ignore_default_args=["--disable-back-forward-cache"],
        )
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    yield context
    context.close()


@contextmanager
def publishing(server: Server, user: str, *, every: float = 0.02) -> Iterator[list[str]]:
    """Publishes on and on meanwhile. The ids, in order; each carries the time it was sent, in milliseconds."""
    sent: list[str] = []
    enough = threading.Event()

    def run() -> None:
        while not enough.wait(every):
            answer = server.publish({"user": user}, type="tick", body="tick", data={"at": time.time() * 1000})
            sent.append(answer["id"])

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield sent
    finally:
        enough.set()
        thread.join()


def ids(tab: Tab) -> list[str]:
    return [event["data"]["id"] for event in tab.events()]


def slowest(tab: Tab) -> float:
    """The longest that one notification took to this tab, in milliseconds."""
    return max(float(event["at"] - event["data"]["data"]["at"]) for event in tab.events())


def connected(server: Server, count: int) -> None:
    eventually(f"{count} connections", lambda: server.connections() == count)


@pytest.mark.parametrize("share", SHARES)
def test_eight_tabs_of_one_origin_over_http_1_all_receive_on_one_connection(
    server: Server, site: str, context: BrowserContext, share: str
) -> None:
    user = f"eight-{share}"
    tabs = [Tab.open(context, site, url=server.url, user=user, share=share) for _ in range(8)]
    for tab in tabs:
        tab.wait("tab.events.length")
    with publishing(server, user) as sent:
        eventually("fifty are sent", lambda: len(sent) >= 50)
    for tab in tabs:
        tab.has(len(sent))
        assert tab.first() == "hello"
        assert ids(tab) == sent
        assert slowest(tab) < 1000
    connected(server, 1)


@pytest.mark.parametrize("share", SHARES)
def test_closing_the_leading_tab_hands_over_within_a_second_without_loss(
    server: Server, site: str, context: BrowserContext, share: str
) -> None:
    user = f"leader-{share}"
    tabs = [Tab.open(context, site, url=server.url, user=user, share=share) for _ in range(4)]
    for tab in tabs:
        tab.wait("tab.events.length")
    with publishing(server, user) as sent:
        for count in (20, 40, 60):
            eventually("some more are sent", lambda count=count: len(sent) >= count)  # type: ignore[misc]
            tabs.pop(0).page.close()
        eventually("some more are sent", lambda: len(sent) >= 80)
    [last] = tabs
    last.has(len(sent))
    assert ids(last) == sent
    assert slowest(last) < 1000
    connected(server, 1)


@pytest.mark.parametrize("share", SHARES)
def test_a_tab_that_comes_late_or_crashes_disturbs_no_other(
    server: Server, site: str, context: BrowserContext, share: str
) -> None:
    user = f"late-{share}"
    first = Tab.open(context, site, url=server.url, user=user, share=share)
    first.wait("tab.events.length")
    with publishing(server, user) as sent:
        eventually("some are sent", lambda: len(sent) >= 10)
        late = Tab.open(context, site, url=server.url, user=user, share=share)
        late.wait("tab.events.length > 5")
        third = Tab.open(context, site, url=server.url, user=user, share=share)
        third.wait("tab.events.length > 5")
        crash(first)
        count = len(sent) + 20
        eventually("some more are sent", lambda: len(sent) >= count)
    for tab in (late, third):
        tab.wait("tab.events.at(-1).data.id === arg", sent[-1])
        assert tab.first() == "hello"
        assert ids(tab) == sent[-len(ids(tab)) :]
        assert slowest(tab) < 1000
    counters = late.events("hello")[0]["data"]["counters"]
    assert counters["unread"] == len(sent) - len(ids(late))
    connected(server, 1)


def crash(tab: Tab) -> None:
    """Its process is gone without a word, as when memory runs out."""
    with tab.page.expect_event("crash"), suppress(Error):
        tab.page.goto("chrome://crash")


def test_two_users_in_one_browser_get_nothing_of_each_other(server: Server, site: str, context: BrowserContext) -> None:
    one, two = (Tab.open(context, site, url=server.url, user=user) for user in ("a@x.io", "aa@x.io"))
    for tab in (one, two):
        tab.wait("tab.events.length")
    for user in ("a@x.io", "aa@x.io"):
        server.publish({"user": user}, type="tick", body=f"for {user}")
    for tab, user in ((one, "a@x.io"), (two, "aa@x.io")):
        tab.has(1)
        assert [event["data"]["body"] for event in tab.events()] == [f"for {user}"]


@pytest.mark.parametrize("share", [*SHARES, "none"])
def test_the_way_back_to_a_page_finds_it_as_it_was_and_up_to_date(
    server: Server, site: str, context: BrowserContext, share: str
) -> None:
    user = f"back-{share}"
    tab = Tab.open(context, site, url=server.url, user=user, share=share)
    tab.wait("tab.events.length")
    sent = [server.publish({"user": user}, type="tick", body="before")["id"]]
    tab.has(1)
    tab.page.goto(f"{site}/elsewhere")
    connected(server, 0)
    sent += [server.publish({"user": user}, type="tick", body="meanwhile")["id"]]
    tab.page.go_back(wait_until="commit")  # nothing is loaded
    tab.has(2)
    assert ids(tab) == sent
    assert "back" in tab.statuses(), "the page was kept, not loaded again"


@pytest.mark.parametrize("share", [*SHARES, "none"])
def test_behind_a_proxy_that_holds_streams_back_it_steps_down_and_still_receives(
    server: Server, site: str, context: BrowserContext, share: str
) -> None:
    user = f"held-{share}"
    with holding_back(server.url) as (url, relent):
        tabs = [Tab.open(context, site, url=url, user=user, share=share) for _ in range(2)]
        for tab in tabs:
            tab.wait("tab.events.length")
            assert tab.statuses() == ["open long-poll"]
        with publishing(server, user) as sent:
            eventually("thirty are sent", lambda: len(sent) >= 30)
            relent.set()  # another network
            for tab in tabs:
                tab.page.evaluate("dispatchEvent(new Event('online'))")
                tab.wait("tab.connection.transport === 'sse' && tab.connection.status === 'open'")
            count = len(sent) + 30
            eventually("thirty more are sent", lambda: len(sent) >= count)
        for tab in tabs:
            tab.has(len(sent))
            assert tab.first() == "hello"
            assert ids(tab) == sent
            assert slowest(tab) < 3000
            tab.page.close()


def test_behind_a_real_nginx_that_buffers_chunks_pass_and_the_stream_stays(
    server: Server, site: str, context: BrowserContext, tmp_path: Path
) -> None:
    with buffering_nginx(server.url, tmp_path) as url:
        tab = Tab.open(context, site, url=url, user="nginx")
        tab.wait("tab.events.length")
        assert tab.statuses() == ["open sse"]  # nginx hands on each whole chunk, whatever its buffers
        with publishing(server, "nginx") as sent:
            eventually("some are sent", lambda: len(sent) >= 30)
        tab.has(len(sent))
        assert ids(tab) == sent
        assert slowest(tab) < 1000
        tab.page.close()


@pytest.mark.parametrize("transport", ["sse", "ws", "long-poll", "short-poll"])
def test_every_way_to_receive_survives_a_restart_of_the_server(
    start_server: StartServer, site: str, context: BrowserContext, transport: str
) -> None:
    server = start_server()
    tab = Tab.open(context, site, url=server.url, user="alice", transports=[transport])
    tab.wait("tab.events.length")
    sent = [server.publish({"user": "alice"}, type="tick", body=f"{number}")["id"] for number in range(20)]
    server.restart()
    sent += [server.publish({"user": "alice"}, type="tick", body=f"{number}")["id"] for number in range(20)]
    tab.has(len(sent))
    assert tab.first() == "hello"
    assert ids(tab) == sent
    assert tab.page.evaluate("tab.connection.transport") == transport
    tab.page.close()


def test_a_log_that_is_another_one_now_gives_a_reset_in_every_tab(
    start_server: StartServer, site: str, context: BrowserContext, tmp_path: Path
) -> None:
    server = start_server()
    tabs = [Tab.open(context, site, url=server.url, user="alice") for _ in range(2)]
    server.publish({"user": "alice"}, type="tick", body="in the old log")
    for tab in tabs:
        tab.has(1)
    server.kill()
    server.db = tmp_path / "another.db"
    server.start()
    for tab in tabs:
        tab.wait("tab.events.some(({ type }) => type === 'reset')")
        [reset] = tab.events("reset")
        assert reset["data"]["reason"] == "unknown_epoch"
    server.publish({"user": "alice"}, type="tick", body="in the new log")
    for tab in tabs:
        tab.has(2)
        tab.page.close()
