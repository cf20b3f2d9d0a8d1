"""Writes the reference of the documentation from the code: HTTP, settings, metrics, commands, the Python API.

`make docs` does it; what it writes is not kept in the repository, so it cannot be out of date.
"""

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import click
import msgspec

import tidings
from tidings.api.metrics import ConnectionCollector, ServerCollector, worker_up
from tidings.api.openapi import document
from tidings.api.routes import OPERATIONS, described
from tidings.cli import main
from tidings.domain.errors import problems
from tidings.embedding.app import App
from tidings.seed.routes import OPERATIONS as SEED_OPERATIONS
from tidings.services.status import Numbers
from tidings.settings import BOUNDS, Settings
from tidings.testing.server import InMemoryServer

PYTHON = (tidings.Client, tidings.AsyncClient, App, InMemoryServer)
ROOT = Path(__file__).resolve().parents[1]
_PAGES = {"README.md": "../index.md", "CHANGELOG.md": "changelog.md", "SECURITY.md": "reporting.md"}
# Options of the whole program, and of click itself.
_HIDDEN = {"--help", "--version"}


def write_reference(folder: Path) -> None:
    """Write every page. A page that is as it was keeps its time, so that a build does not read it again."""
    folder.mkdir(exist_ok=True)
    pages = {
        "http": http_page(),
        "settings": settings_page(),
        "metrics": metrics_page(),
        "command-line": command_line_page(),
        "python": python_page(),
        "javascript": moved_page("js/README.md", title="JavaScript"),
        "changelog": moved_page("CHANGELOG.md"),
        "reporting": moved_page("SECURITY.md"),
    }
    for name, text in pages.items():
        page = folder / f"{name}.md"
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def _cell(text: object) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    names = list(head)
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"
    yield ""


def _json(value: Any) -> Iterator[str]:
    yield from ("```json", *json.dumps(value, indent=2, ensure_ascii=False).splitlines(), "```", "")


def http_page() -> str:
    """Every operation of the API, by tag, and the problems that answers can have."""
    every = [*OPERATIONS, *SEED_OPERATIONS]
    api = document([*every, described(every)])
    by_tag: dict[str, list[tuple[str, str, Any]]] = {}
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            by_tag.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    lines = ["# HTTP", "", "From the description that a server answers with at `/openapi.json`.", ""]
    for tag in api["tags"]:
        lines += [f"## {tag['name']}", "", tag.get("description", ""), ""]
        for method, path, operation in by_tag[tag["name"]]:
            lines += _operation(method, path, operation)
    lines += [
        "## Problems",
        "",
        "Errors are RFC 9457 with a stable `code`; [problems](../problems.md) has more words.",
        "",
    ]
    lines += _table(("code", "status", ""), ((f"`{one.code}`", one.status, one.title()) for one in problems()))
    return "\n".join(lines)


def _operation(method: str, path: str, operation: Any) -> Iterator[str]:
    yield from (f"### {operation['operationId']}", "", f"`{method} {path}`", "", f"{operation['summary']}.", "")
    if "description" in operation:
        yield from (operation["description"], "")
    parameters = operation["parameters"]
    if parameters:
        yield from _table(
            ("parameter", "in", ""), ((f"`{one['name']}`", one["in"], one["description"]) for one in parameters)
        )
    if "requestBody" in operation:
        yield from ("Body:", "")
        yield from _json(operation["requestBody"]["content"]["application/json"]["example"])
    for status, answer in operation["responses"].items():
        if "$ref" in answer:
            continue
        yield from (f"**{status}**: {answer['description']}", "")
        for content in answer.get("content", {}).values():
            if "example" in content and not isinstance(content["example"], str):
                yield from _json(content["example"])


def settings_page() -> str:
    """Every setting with its type, default, bounds and meaning."""
    lines = ["# Settings", "", "[Running Tidings](../operations.md#settings) says where they are read from.", ""]
    notes, rows = _comments(Settings), []
    for name, default in zip(Settings.__struct_fields__, Settings.__struct_defaults__, strict=True):
        bounds = "{} to {}".format(*BOUNDS[name]) if name in BOUNDS else ""
        shown = "" if default in ("", (), None) else f"`{default}`"
        rows.append((f"`TIDINGS_{name.upper()}`", shown, bounds, notes.get(name, "")))
    lines += _table(("variable", "default", "bounds", ""), rows)
    return "\n".join(lines)


def _comments(kind: type) -> dict[str, str]:
    """The comment behind each field of a class."""
    source = inspect.getsource(kind)
    lines = source.splitlines()
    (body,) = ast.parse(source).body
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field in body.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            note = lines[field.lineno - 1].partition("  # ")[2]
            for line in lines[field.lineno :]:
                if not line.strip().startswith("#"):
                    break
                note += " " + line.strip().removeprefix("# ")
            found[field.target.id] = note
    return found


def metrics_page() -> str:
    """Every series that /metrics has."""
    zero: Any = _Zero()
    families = [*ServerCollector(zero).collect(), *ConnectionCollector(zero).collect(), worker_up()]
    rows = []
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = ", ".join(f"`{label}`" for label in getattr(family, "_labelnames", ()))
        rows.append((f"`{name}`", family.type, labels, family.documentation))
    lines = ["# Metrics", "", "What `/metrics` answers, for Prometheus.", ""]
    lines += _table(("series", "type", "labels", ""), rows)
    return "\n".join(lines)


class _Zero:
    """Numbers of a server to which nothing has happened."""

    refused_connections = timed_out_clients = 0
    connections = ()

    def numbers(self) -> Numbers:
        fields = msgspec.structs.fields(Numbers)
        zero: dict[str, Any] = {field.name: 0 if field.type in (int, float, bool) else {} for field in fields}
        return msgspec.convert(zero, Numbers, strict=False)


def command_line_page() -> str:
    """Every command with its arguments and options."""
    lines = ["# Command line", ""]
    context = click.Context(main, info_name="tidings")
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        lines += _command(command, name, context)
    return "\n".join(lines)


def _command(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield from (f"## {context.command_path}", "", "```text", usage, "```", "")
    yield from (inspect.cleandoc(command.help or ""), "")
    records = [param.get_help_record(context) for param in command.params if isinstance(param, click.Option)]
    options = [record for record in records if record is not None and not _HIDDEN & set(record[0].split(", "))]
    if options:
        yield from _table(("option", ""), ((f"`{flags}`", text) for flags, text in options))
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            yield from _command(command.commands[child], child, context)


def python_page() -> str:
    """The public classes, each with its methods as they are called."""
    imports = "`from tidings import Client, AsyncClient, App`; `from tidings.testing import InMemoryServer`."
    lines = ["# Python", "", imports, ""]
    for kind in PYTHON:
        lines += [f"## {kind.__name__}", "", *_signature(kind.__name__, kind), *_doc(kind)]
        for name, member in _public(kind):
            lines += [f"### {kind.__name__}.{name}", ""]
            if isinstance(member, property):
                lines += ["A property.", "", *_doc(member)]
            else:
                word = "await " if inspect.iscoroutinefunction(member) else ""
                lines += [*_signature(f"{word}{name}", member), *_doc(member)]
    return "\n".join(lines)


def _public(kind: type) -> Iterator[tuple[str, Any]]:
    for name in dir(kind):
        member = inspect.getattr_static(kind, name)
        if not name.startswith("_") and isinstance(member, property | FunctionType) and member.__doc__:
            yield name, member


def _signature(name: str, function: Any) -> list[str]:
    found = inspect.signature(function)
    given = [one for one in found.parameters.values() if one.name != "self"]
    return ["```text", f"{name}{found.replace(parameters=given)}".replace("tidings.client.types.", ""), "```", ""]


def moved_page(name: str, *, title: str | None = None) -> str:
    """A page of the repository, with its links as they are from the folder of the reference."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if title is not None:
        text = f"# {title}\n{text.partition(chr(10))[2]}"

    def moved(link: re.Match[str]) -> str:
        there = (ROOT / name).parent.joinpath(link[1]).resolve().relative_to(ROOT).as_posix()
        return f"]({_PAGES.get(there, '../' + there.removeprefix('docs/'))}"

    return re.sub(r"\]\((?!https?:|#)([^)#]+)", moved, text)


def _doc(member: Any) -> list[str]:
    """A docstring as Markdown: what is indented in it is code."""
    return [inspect.cleandoc(member.__doc__ or ""), ""]


if __name__ == "__main__":
    write_reference(Path(sys.argv[1]))
