"""The tutorials: followed word for word, and what they built used in a browser as they say.

In the environment of the tests, where `pip install` finds everything there; with the marker `full` in an empty one.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.docs.walkthrough import Walkthrough, walking
from tests.servers import environment

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 90_000  # ms; the machine may be busy
MINUTES = 10 * 60.0  # what the tutorials promise

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

CONNECTION = "document.querySelector('tidings-bell')?.store?.getSnapshot().connection"

LogIn = Callable[[Page, str], None]


def environ_here() -> dict[str, str]:
    """This environment's programs; `pip install` fetches nothing, and fails if anything was missing."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return environment({}) | {"PATH": programs, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A virtual environment with nothing in it, for which pip finds Tidings as it will be published."""
    folder = tmp_path_factory.mktemp("empty")
    built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", f"{folder}/dist"]
    subprocess.run(built, cwd=ROOT, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", f"{folder}/venv"], check=True)
    programs = f"{folder}/venv/bin{os.pathsep}{os.environ['PATH']}"
    return environment({}) | {"PATH": programs, "PIP_FIND_LINKS": f"{folder}/dist"}


@pytest.fixture(params=["here", pytest.param("empty", marks=pytest.mark.full)])
def environ(request: pytest.FixtureRequest) -> Mapping[str, str]:
    found: Mapping[str, str] = environ_here() if request.param == "here" else request.getfixturevalue("empty")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def walk(tmp_path: Path, environ: Mapping[str, str]) -> Iterator[Walkthrough]:
    started = time.monotonic()
    with walking(tmp_path / "blog", environ=environ) as walk:
        yield walk
    assert time.monotonic() - started < MINUTES


def by_name(page: Page, user: str) -> None:
    page.locator("input[name=user]").fill(user)
    page.get_by_role("button", name="Log in").click()


def by_password(page: Page, user: str) -> None:
    page.locator("input[name=username]").fill(user)
    page.locator("input[name=password]").fill("a password")
    page.get_by_role("button", name="Log in").click()


def like_by_name(page: Page) -> None:
    page.locator("input[name=author]").fill("alice")
    page.get_by_role("button", name="Like", exact=True).click()


def is_live(page: Page) -> None:
    page.wait_for_function(f"{CONNECTION} === 'open'", timeout=TIMEOUT)


def is_over(page: Page) -> None:
    """The stream is closed for good, or the page has gone back to the log-in."""
    page.wait_for_function(f"[undefined, 'closed'].includes({CONNECTION})", timeout=TIMEOUT)


def use(browser: Browser, url: str, log_in: LogIn, like: Callable[[Page], None]) -> None:
    """Try what every tutorial says: Alice's bell rings in two tabs, is read in both, and ends with her log-out."""
    with browser.new_context() as alices, browser.new_context() as bobs:
        for context in (alices, bobs):
            context.set_default_timeout(TIMEOUT)
        alice, bob = alices.new_page(), bobs.new_page()
        errors: list[str] = []
        alice.on("pageerror", lambda error: errors.append(str(error)))
        for page, user in ((alice, "alice"), (bob, "bob")):
            page.goto(url)
            log_in(page, user)
            is_live(page)
        second = alices.new_page()
        second.goto(url)
        is_live(second)

        like(bob)
        for page in (alice, second):
            expect(page.locator("tidings-bell .badge")).to_have_text("1", timeout=TIMEOUT)
        alice.locator("tidings-bell .bell").click()
        alice.get_by_role("button", name="Mark all as read").click()
        for page in (alice, second):
            expect(page.locator("tidings-bell .badge")).to_be_hidden(timeout=TIMEOUT)
        expect(alice.locator("tidings-bell .panel")).to_contain_text("bob liked your post")
        alice.keyboard.press("Escape")
        expect(bob.locator("tidings-bell .badge")).to_be_hidden()

        alice.get_by_role("button", name="Log out").click()
        expect(alice.locator("tidings-bell")).to_have_count(0, timeout=TIMEOUT)
        is_over(second)
        assert errors == []


def test_fastapi_tutorial_ends_with_a_bell(walk: Walkthrough, browser: Browser) -> None:
    walk.follow("tutorials/fastapi.md")
    use(browser, walk.url(8000), by_name, like_by_name)


def test_django_tutorial_ends_with_a_bell(walk: Walkthrough, browser: Browser) -> None:
    walk.follow("tutorials/django.md")
    use(browser, walk.url(8000), by_password, lambda page: page.get_by_role("button", name="Like alice").click())


def test_tutorial_of_any_back_end_ends_with_a_bell(walk: Walkthrough, browser: Browser) -> None:
    walk.follow("tutorials/any-back-end.md")
    use(browser, walk.url(8080), by_name, like_by_name)


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The JavaScript package, as it will be published."""
    folder = tmp_path_factory.mktemp("npm")
    pack = ["npm", "pack", "--silent", "--pack-destination", str(folder)]
    subprocess.run(pack, cwd=ROOT / "js", check=True, capture_output=True)
    [packed] = folder.iterdir()
    return packed


@pytest.mark.full
def test_react_tutorial_ends_with_a_bell(tmp_path: Path, tarball: Path, browser: Browser) -> None:
    with walking(tmp_path / "blog", environ=environ_here()) as back:
        back.follow("tutorials/fastapi.md")
        published = {"npm install tidings": f"npm install {tarball}"}
        with walking(tmp_path / "front", environ=environ_here(), said=published) as front:
            front.ports[8000] = back.ports[8000]
            front.follow("tutorials/react.md")
            use(browser, front.url(5173), by_name, like_by_name)
            front.run("npm run build")
            assert list((tmp_path / "front" / "dist" / "assets").glob("*.js"))


def test_react_components_use_what_the_package_has(tmp_path: Path) -> None:
    bundle = [
        "node",
        "node_modules/esbuild/bin/esbuild",
        f"{ROOT}/examples/react/src/main.jsx",
        "--bundle",
        "--jsx=automatic",
    ]
    ours = [f"--alias:tidings/{name}={ROOT}/js/dist/{name}" for name in ("define.js", "inbox.js")]
    outside = ["--external:react", "--external:react-dom", f"--outdir={tmp_path}", "--format=esm", "--jsx=automatic"]
    done = subprocess.run([*bundle, *ours, *outside], cwd=ROOT / "js", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
