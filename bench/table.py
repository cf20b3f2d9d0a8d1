"""Turns figures into tables: for the terminal, and for the page docs/performance.md between its markers."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.runner import Figure

GROUPS = (
    "Pushing",
    "Publishing",
    "Coming back",
    "Slow readers",
    "Four ways",
    "The inbox",
    "Several servers",
    "Large and old",
)  # in this order
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A figure and the run it came from."""

    figure: Figure
    command: str
    date: str
    machine: str


def load(path: Path) -> list[Row]:
    if not path.exists():
        return []
    rows = json.loads(path.read_text())
    return [
        Row(figure=Figure(**row["figure"]), command=row["command"], date=row["date"], machine=row["machine"])
        for row in rows
    ]


def save(path: Path, rows: Iterable[Row]) -> None:
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False) + "\n")


def merged(old: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """The new rows in the place of the old ones of the same figure; the rest as it was."""
    fresh = {row.figure.key: row for row in new}
    kept = [fresh.pop(row.figure.key, row) for row in old]
    return kept + list(fresh.values())


def number(value: float) -> str:
    if value >= 10_000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def amount(value: float | None, unit: str) -> str:
    return "not installed" if value is None else f"{number(value)} {unit}"


def ratio(figure: Figure, other: float | None) -> str:
    return f"{figure.measured / other:.2f}" if other else ""


def reached(figure: Figure) -> str:
    return {True: "yes", False: "**no**", None: ""}[figure.reached]


def peer(figure: Figure) -> tuple[str, float | None]:
    """The first peer that could be measured."""
    return next(((name, value) for name, value in figure.peers.items() if value), ("", None))


def lines(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    numbers = ["---", *["--:"] * (len(header) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in (header, numbers, *rows)]


def against_targets(figures: Iterable[Figure]) -> list[str]:
    rows = []
    for figure in figures:
        name, value = peer(figure)
        beside = f"{ratio(figure, value)} x {name}" if value else ", ".join(figure.peers) and "not installed"
        rows.append(
            (
                figure.title,
                amount(figure.measured, figure.unit),
                ratio(figure, figure.baseline),
                beside,
                figure.target,
                reached(figure),
            )
        )
    return lines(("figure", "measured", "x baseline", "x peer", "target", "reached"), rows)


def side_by_side(figures: Sequence[Figure]) -> list[str]:
    """Every server's own figure, for those that have peers."""
    rows = []
    for figure in figures:
        if figure.peers:
            others = {"baseline": figure.baseline, **figure.peers} if figure.baseline else figure.peers
            beside = "; ".join(
                f"{name} {number(value) if value else 'not installed'}" for name, value in others.items()
            )
            rows.append((f"{figure.title} ({figure.unit})", number(figure.measured), beside))
    return lines(("figure", "Tidings", "others"), rows)


def report(figures: Sequence[Figure]) -> str:
    """For the terminal."""
    return "\n".join(against_targets(figures))


def page(rows: Sequence[Row]) -> str:
    """The text between the markers."""
    out: list[str] = []
    groups: dict[str, list[Figure]] = {name: [] for name in GROUPS}
    for row in rows:
        groups.setdefault(row.figure.group, []).append(row.figure)
    for group, figures in groups.items():
        if not figures:
            continue
        out += [f"### {group}", "", *against_targets(figures), ""]
    out += ["### Side by side", "", *side_by_side([row.figure for row in rows]), ""]
    runs: dict[tuple[str, str, str], None] = {(row.date, row.command, row.machine): None for row in rows}
    out += ["Measured by:", "", *(f"- {date}, `{command}`: {machine}" for date, command, machine in runs), ""]
    return "\n".join(out)


def write_page(path: Path, rows: Sequence[Row]) -> None:
    """Renew the part of the page between the markers; a page without them gets them at its end."""
    text = path.read_text() if path.exists() else "# Performance\n"
    if BEGIN not in text:
        text += f"\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    path.write_text(f"{before}{BEGIN}\n\n{page(rows)}\n{END}{after}")
