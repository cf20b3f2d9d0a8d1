"""The documentation as a site: built as `make docs` builds it, and every page of it looked at."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.described import described_api
from tidings.settings import Settings

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]


class Page(HTMLParser):
    """The links of a page, what it loads, and the ids in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.ids |= {said[name] for name in ("id", "name") if name in said}
        if tag == "a" and "href" in said:
            self.links.append(said["href"])
        elif tag in ("script", "img", "iframe", "source") and "src" in said:
            self.loads.append(said["src"])
        elif tag == "link" and said.get("rel") in ("stylesheet", "icon", "preload"):
            self.loads.append(said["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with every warning an error: a link to nothing, a page that no menu shows."""
    folder = tmp_path_factory.mktemp("site")
    command = ["sphinx", "-q", "-W", "--keep-going", "-d", f"{folder}/doctrees", f"{ROOT}/docs", f"{folder}/html"]
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}


def test_site_has_every_page_of_the_documentation(site: Path) -> None:
    sources = {page.relative_to(ROOT / "docs").with_suffix(".html") for page in (ROOT / "docs").rglob("*.md")}
    assert sources - {path.relative_to(site) for path in site.rglob("*.html")} == set()


def test_links_lead_to_pages_and_headings_that_are_there(site: Path, pages: dict[Path, Page]) -> None:
    dead = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or link == "#":
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            found = there.exists() and (not parts.fragment or there not in pages or parts.fragment in pages[there].ids)
            if not found:
                dead.append(f"{path.relative_to(site)}: {link}")
    assert dead == []


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    loaded = {link for page in pages.values() for link in page.loads}
    assert loaded
    assert [link for link in loaded if urlsplit(link).netloc] == []
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"(?:@import|url\()\s*['\"]?(?:https?:)?//[^)'\"]*", styles) == []


def test_search_finds_a_setting_and_an_operation(site: Path) -> None:
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    assert "tidings_heartbeat" in index
    assert "publishbatch" in index


def test_reference_has_every_operation_and_setting(site: Path) -> None:
    http = (site / "reference/http.html").read_text(encoding="utf-8")
    ids = [operation["operationId"] for path in described_api()["paths"].values() for operation in path.values()]
    assert [id for id in ids if f">{id}<" not in http] == []
    settings = (site / "reference/settings.html").read_text(encoding="utf-8")
    assert [name for name in Settings.__struct_fields__ if f"TIDINGS_{name.upper()}<" not in settings] == []


def test_reference_has_the_commands_the_metrics_and_the_clients(site: Path) -> None:
    def text(page: str) -> str:
        return re.sub(r"<[^>]+>", "", (site / "reference" / page).read_text(encoding="utf-8"))

    assert "tidings key create" in text("command-line.html") and "--topic" in text("command-line.html")
    assert "tidings_connections" in text("metrics.html") and "tidings_events_total" in text("metrics.html")
    assert all(word in text("python.html") for word in ("Client.publish_batch", "App.lifespan", "assert_notified"))


def test_llms_txt_lists_every_page(site: Path, pages: dict[Path, Page]) -> None:
    text = (site / "llms.txt").read_text(encoding="utf-8")
    listed = re.findall(r"\]\(([^)]+)\)", text)
    assert text.startswith("# Tidings\n")
    assert [link for link in listed if not (site / link).exists()] == []
    assert {"embedding.html", "reference/http.html"} <= set(listed)
