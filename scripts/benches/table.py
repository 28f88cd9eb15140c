"""Writes figures into the docs: `scripts/bench table FILE...`, each one made by `scripts/bench NAME --json FILE`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "performance.md"
HEAD = ("", "wall s", "CPU s", "peak MiB", "all processes MiB", "out / in", "ours / it: wall", "CPU")


def main() -> int:
    """Put each bench's reports, in their order, between its markers."""
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    text = PAGE.read_text(encoding="utf-8")
    figures: dict[str, list[str]] = {}
    for name in sys.argv[1:]:
        report = json.loads(Path(name).read_text(encoding="utf-8"))
        figures.setdefault(report["bench"], []).append(for_the_docs(report))
    for bench, found in figures.items():
        text = placed(text, bench, "\n\n".join(found))
    PAGE.write_text(text, encoding="utf-8")
    return 0


def placed(text: str, bench: str, figures: str) -> str:
    """The page with the figures between the bench's markers.

    Raises:
        SystemExit: If the page has no place for them.
    """
    begin, end = f"<!-- figures of {bench} -->\n", f"<!-- end of {bench} -->\n"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"{PAGE.name} has no place for {bench}: the two lines {begin!r} and {end!r}")
    return pattern.sub(lambda _: f"{begin}\n{figures}\n{end}", text)


# --- forms ----------------------------------------------------------------------------------------


def for_people(report: Mapping[str, Any]) -> str:
    """Columns for a terminal."""
    lines = [facts(report)]
    for row in report["rows"]:
        lines += ["", row["title"], *_aligned([HEAD, *_cells(row)]), *(f"  {note}" for note in _notes(row))]
    lines += ["", "goals", *_aligned([*_goals(report)])]
    return "\n".join(lines) + "\n"


def for_the_docs(report: Mapping[str, Any]) -> str:
    """Markdown."""
    lines = [facts(report), ""]
    lines += _markdown([("goal", "at most", "measured", ""), *_goals(report)])
    for row in report["rows"]:
        lines += ["", f"**{row['title']}**", "", *_markdown([HEAD, *_cells(row)])]
        lines += [line for note in _notes(row) for line in ("", note)]
    return "\n".join(lines) + "\n"


def facts(report: Mapping[str, Any]) -> str:
    """What the figures were taken with, in a sentence or two."""
    on = report["machine"]
    peers = ", ".join(f"{name} {version}" for name, version in report["peers"].items())
    rounds = "One round" if report["rounds"] == 1 else f"Medians of {report['rounds']} rounds"
    size = "" if report["scale"] == 1 else f" At {report['scale']:g} of the full size."
    return (
        f"{on['cores']} cores of {on['cpu']}, {on['memory_gib']} GiB, {on['system']}, Python {on['python']}, load "
        f"{on['load']}; {peers}. {rounds}.{size}"
    )


def _cells(row: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for position, each in enumerate(row["contestants"]):
        found = each["median"]
        if not found:
            continue
        ratios = [each["ours_to_it"][figure] for figure in ("wall", "cpu")]
        yield (
            each["name"],
            f"{found['wall']:.2f}",
            f"{found['cpu']:.2f}",
            f"{found['peak']:.0f}",
            f"{found['together']:.0f}",
            f"{found['out'] / row['size']:.3f}" if found["out"] else "",
            *(f"{ratio:.2f}" if ratio and position else "" for ratio in ratios),
        )


def _notes(row: Mapping[str, Any]) -> list[str]:
    return [f"{each['name']}: {each['note']}" for each in row["contestants"] if each["note"]]


def _goals(report: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for goal in report["goals"]:
        yield goal["what"], _value(goal["limit"], goal), _value(goal["value"], goal), goal["verdict"]


def _value(value: float | None, goal: Mapping[str, Any]) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}x" if goal["unit"] == "x" else f"{value:.0f} {goal['unit']}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "|" + " --- |" + " ---: |" * (len(rows[0]) - 1), *lines[1:]]


if __name__ == "__main__":
    sys.exit(main())
