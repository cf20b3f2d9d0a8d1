"""The documentation as a site: `make docs` builds it into build/docs, with Sphinx, MyST and furo.

The reference is written from the code first (`scripts/generate_reference.py`). Nothing is fetched from elsewhere.
"""

import sys
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import tidings  # noqa: E402
from scripts.generate_reference import write_reference  # noqa: E402

project = "Tidings"
author = copyright = "The Tidings authors"
release = version = tidings.__version__
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
language = "en"

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4  # as GitHub names them, so that a link is right in both
suppress_warnings = ["myst.header"]  # a page of problems goes from its title to the third level

html_theme = "furo"
html_title = f"Tidings {release}"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}


# Pages of the repository that the site has under another name.
MOVED = {"../js/README.md": "reference/javascript.md", "../SECURITY.md": "reference/reporting.md"}


def move_links(app: Sphinx, name: str, source: list[str]) -> None:
    """Lead links to what lies outside of docs/ to the page that the site has for it."""
    for link, page in MOVED.items():
        source[0] = source[0].replace(f"]({link}", f"]({page}")


def write_llms_txt(app: Sphinx, error: Exception | None) -> None:
    """Every page by its title, for readers that are programs (llmstxt.org)."""
    if error is None and app.builder.name == "html":
        titles = {name: app.env.titles[name].astext() for name in sorted(app.env.found_docs) if name != "index"}
        links = [f"- [{title}]({name}.html)" for name, title in titles.items()]
        head = ["# Tidings", "", "> Self-hosted real-time in-app notifications.", "", "## Pages", ""]
        text = "\n".join([*head, *links, ""])
        (Path(app.outdir) / "llms.txt").write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Write the reference before the pages are read, and llms.txt after."""
    app.connect("builder-inited", lambda _: write_reference(HERE / "reference"))
    app.connect("source-read", move_links)
    app.connect("build-finished", write_llms_txt)
