"""Check that the pages' references exist: relative links, their anchors, and the make targets in code blocks.

`python scripts/check_docs.py [ROOT]` prints a line per fault, `page:line: what`, and exits 1 if there is any.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

_FENCE = re.compile(r"^\s*(```|~~~)")
# Inline links and images; the target ends at a space (a title follows) or the closing bracket.
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)")
_CODE_SPAN = re.compile(r"`[^`]*`")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
_MAKE = re.compile(r"(?:^|[\s;&$])make((?:\s+[A-Za-z_]+=\S*)*)\s+([a-z][a-z_-]*)")
_MAKE_SPAN = re.compile(r"`make((?:\s+[A-Za-z_]+=\S*)*)\s+([a-z][a-z_-]*)[^`]*`")
_RULE = re.compile(r"^([A-Za-z.][\w. /-]*):(?!=)", re.MULTILINE)


def lines(page: Path) -> Iterator[tuple[int, str, bool]]:
    """(number, text, is it in a code block) of each line of a page; the fences themselves left out."""
    fence = ""
    for number, text in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        mark = _FENCE.match(text)
        if mark and (not fence or mark[1] == fence):
            fence = "" if fence else mark[1]
        else:
            yield number, text, bool(fence)


def anchors(page: Path) -> set[str]:
    """The fragments that the headings of a page make, by the rule GitHub uses."""
    found: set[str] = set()
    for _, text, in_code in lines(page):
        heading = None if in_code else _HEADING.match(text)
        if heading is None:
            continue
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
        slug = re.sub(r"[^\w\- ]", "", title).replace(" ", "-")
        times = sum(1 for other in found if other == slug or re.fullmatch(re.escape(slug) + r"-\d+", other))
        found.add(f"{slug}-{times}" if times else slug)
    return found


def targets(makefile: Path) -> set[str]:
    """The names that can be made."""
    return {name for rule in _RULE.findall(makefile.read_text(encoding="utf-8")) for name in rule.split()}


def faults_of(page: Path, *, makeable: set[str]) -> Iterator[tuple[int, str]]:
    """(line, fault) for each missing thing that a page names."""
    for number, text, in_code in lines(page):
        for _, target in (_MAKE if in_code else _MAKE_SPAN).findall(text.partition(" #")[0] if in_code else text):
            if target not in makeable:
                yield number, f"no such make target: {target}"
        if in_code:
            continue
        for link in _LINK.findall(_CODE_SPAN.sub("", text)):
            if re.match(r"[a-z][a-z0-9+.-]*:", link, re.IGNORECASE):
                continue  # another site, or mail: nothing here is fetched
            name, _, fragment = link.partition("#")
            there = page if not name else page.parent / unquote(name)
            if there.parent.name == "reference":
                continue  # `make docs` writes these pages, and the site's test checks the links to them
            if not there.exists():
                yield number, f"no such file: {name}"
            elif fragment and there.suffix == ".md" and fragment not in anchors(there):
                yield number, f"no such heading: {link}"


def pages(root: Path) -> list[Path]:
    """Every Markdown file that git tracks, or would if it were added; never those of installed packages."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    return [root / name for name in sorted(set(listed)) if (root / name).is_file()]


def main(root: Path) -> int:
    """Print the faults of all pages under `root`; 0 if there are none."""
    makeable = targets(root / "Makefile")
    found = 0
    for page in pages(root):
        for number, what in faults_of(page, makeable=makeable):
            print(f"{page.relative_to(root)}:{number}: {what}")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent))
