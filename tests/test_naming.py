"""Names and sentences: one name for one thing, and an actor in every sentence."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.test_architecture import ROOT, SRC, files_below, module_name

# One name, one thing. These name the same thing in two places.
MIRRORED = {
    *("Content", "Counters", "Event", "Follow", "Group", "NewNotification", "Notification", "Published"),
    "Backoff",  # the client imports nothing of the server
    "CLOSE_WITHIN",
}
PER_MODULE = {"OPERATIONS", "TAG"}  # of the modules of operations, read by `api.routes`

# A sentence names its actor: client, user, reader, publisher.
_NOBODY = ("who", "what", "whoever", "whatever", "someone", "somebody", "nobody", "everybody")
_SUBJECT_CLAUSE = re.compile(rf"(?:^|[.:;!?] )(?:And |But )?({'|'.join(_NOBODY).title()})\b")
_TEST_OF_NOBODY = re.compile(rf"test_({'|'.join(_NOBODY)})_")


def defined(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(name, value) of each public class and constant of a module; of a class, "class"."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, "class"
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name) and re.fullmatch(r"[A-Z][A-Z_]+", target.id):
                    yield target.id, ast.unparse(node.value)


def homonyms(sources: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The modules of each name that is defined in several of them, as classes or with different values."""
    places: dict[str, list[tuple[str, str]]] = {}
    for module, source in sources:
        for name, value in defined(ast.parse(source)):
            places.setdefault(name, []).append((module, value))
    return {
        name: [module for module, _ in found]
        for name, found in places.items()
        if len(found) > 1 and (len({value for _, value in found}) > 1 or found[0][1] == "class")
    }


def test_a_name_is_one_thing_in_the_whole_package() -> None:
    sources = [(module_name(path), path.read_text(encoding="utf-8")) for path in sorted(SRC.glob("tidings/**/*.py"))]
    assert homonyms(sources).keys() - MIRRORED - PER_MODULE == set()


def test_homonyms_are_classes_and_constants_of_different_values() -> None:
    one = "LIMIT = 1\nSAME: int = 2\nclass Page: ...\nclass _Own: ..."
    other = "LIMIT = 3\nSAME = 2\nclass Page: ...\nclass _Own: ..."
    assert homonyms([("a", one), ("b", other)]) == {"LIMIT": ["a", "b"], "Page": ["a", "b"]}


def python_files() -> list[Path]:
    return [ROOT / name for name in sorted(files_below(ROOT)) if name.endswith(".py")]


def sentences(source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each docstring, and of each comment on a line of its own."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""
    for line, text in enumerate(source.splitlines(), start=1):
        if text.lstrip().startswith("# "):
            yield line, text.lstrip()[2:]


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ('"""Who leaves."""', [1]),
        ('def f():\n    """The table.\n\n    What is kept of it."""', [1]),
        ("x = 1\n# Nobody asks.", [2]),
        ('"""The users who leave."""\nx = "Who"', []),
    ],
)
def test_sentences_without_an_actor_are_found(source: str, lines: list[int]) -> None:
    assert [line for line, text in sentences(source) if _SUBJECT_CLAUSE.search(" ".join(text.split()))] == lines


def test_docstrings_and_comments_name_their_actors() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text.partition(chr(10))[0]}"
        for path in python_files()
        for line, text in sentences(path.read_text(encoding="utf-8"))
        if _SUBJECT_CLAUSE.search(" ".join(text.split()))
    ]
    assert found == []


def test_the_first_word_of_a_test_is_the_thing_it_is_about() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}"
        for path in sorted((ROOT / "tests").glob("**/*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _TEST_OF_NOBODY.match(node.name)
    ]
    assert found == []
