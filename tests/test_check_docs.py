"""The check of the pages finds what it is there to find."""

import subprocess
from pathlib import Path

import pytest

from scripts import check_docs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "Makefile").write_text("help test: dep\n\ttrue\nDB := x\n")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "other.md").write_text("# A heading, with `code`\n\n## Twice\n\n## Twice\n")
    return tmp_path


def faults(root: Path, text: str) -> list[str]:
    page = root / "page.md"
    page.write_text(text)
    return [what for _, what in check_docs.faults_of(page, makeable=check_docs.targets(root / "Makefile"))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[a](docs/other.md) [b](https://example.org/x) ![c](docs/other.md)", []),
        ("[a](docs/none.md)", ["no such file: docs/none.md"]),
        ("[a](docs/other.md#a-heading-with-code) [b](docs/other.md#twice-1)", []),
        ("[a](docs/other.md#twice-2)", ["no such heading: docs/other.md#twice-2"]),
        ("# Here\n\n[a](#here) [b](#there)", ["no such heading: #there"]),
        ("```\n[a](docs/none.md)\n```\n", []),
        ("`[a](docs/none.md)`", []),
        ("```sh\nmake test\nmake PORT=9000 nothing\n```\n", ["no such make target: nothing"]),
        ("Run `make test`, never `make DB=x haste`.", ["no such make target: haste"]),
        ("~~~\nmake test # and make merry\n~~~\nWe make sense.", []),
        ("```\nmake DB\n```", []),
    ],
)
def test_fault_is_a_name_on_a_page_that_does_not_exist(root: Path, text: str, found: list[str]) -> None:
    assert faults(root, text) == found


def test_a_fault_is_printed_with_its_place_and_fails_the_check(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_docs.main(root) == 0
    (root / "docs" / "page.md").write_text("first\n\n[a](none.md)\n")
    assert check_docs.main(root) == 1
    assert capsys.readouterr().out == "docs/page.md:3: no such file: none.md\n"


def test_pages_that_git_ignores_are_not_ours_to_check(root: Path) -> None:
    (root / ".gitignore").write_text("node_modules/\n")
    (root / "node_modules").mkdir()
    (root / "node_modules" / "page.md").write_text("[a](none.md)\n")
    assert check_docs.main(root) == 0
