"""Fixtures of the tests with browsers, and with a database server of their own."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.e2e.bell_page import FLAGS, TIMEOUT, BellPage, Elsewhere, Open
from tests.postgres import PostgresServer
from tests.servers import Server

_numbers = count()


@pytest.fixture
def database() -> Iterator[PostgresServer]:
    """A PostgreSQL server that the test may kill."""
    database = PostgresServer()
    try:
        yield database.start()
    finally:
        database.remove()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=TIMEOUT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1000, "height": 760})
    yield context
    context.close()


@pytest.fixture
def user() -> str:
    """A user that no other test uses."""
    return f"bell-{next(_numbers)}"


@pytest.fixture
def elsewhere(browser: Browser) -> Iterator[Elsewhere]:
    contexts: list[BrowserContext] = []

    def open(**options: Any) -> BrowserContext:
        contexts.append(browser.new_context(**options))
        return contexts[-1]

    yield open
    for context in contexts:
        context.close()


@pytest.fixture
def opened(context: BrowserContext, elsewhere: Elsewhere, server: Server) -> Iterator[Open]:
    bells: list[BellPage] = []

    def open(user: str, *, inside: BrowserContext | None = None, **attributes: Any) -> BellPage:
        bells.append(BellPage.open(inside or context, server, user, **attributes))
        return bells[-1]

    yield open
    for bell in bells:
        bell.assert_no_errors()
