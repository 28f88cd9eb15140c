"""Charts for a terminal, as lines of text: bars along the time, and a curve against a threshold.

Without a terminal's own colours: what a picture says must be there in a log, too. Each chart is drawn with Unicode's
block elements or, where a terminal has none, with ASCII.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

Values = Sequence[float | None]

_WIDEST = 4
"""Columns that one value takes at most."""


class Glyphs(NamedTuple):
    """What a chart is drawn with.

    Attributes:
        steps: From an empty cell to a full one.
        gap: A cell without data.
        line: A threshold.
        mark: Where something happened.
        edge: The corner, the left and the lower edge of a curve's field.
    """

    steps: str
    gap: str
    line: str
    mark: str
    edge: tuple[str, str, str]


UNICODE = Glyphs(
    " \N{LOWER ONE EIGHTH BLOCK}\N{LOWER ONE QUARTER BLOCK}\N{LOWER THREE EIGHTHS BLOCK}\N{LOWER HALF BLOCK}"
    "\N{LOWER FIVE EIGHTHS BLOCK}\N{LOWER THREE QUARTERS BLOCK}\N{LOWER SEVEN EIGHTHS BLOCK}\N{FULL BLOCK}",
    "\N{MIDDLE DOT}",
    "\N{BOX DRAWINGS LIGHT TRIPLE DASH HORIZONTAL}",
    "\N{BLACK UP-POINTING TRIANGLE}",
    (
        "\N{BOX DRAWINGS LIGHT UP AND RIGHT}",
        "\N{BOX DRAWINGS LIGHT VERTICAL}",
        "\N{BOX DRAWINGS LIGHT HORIZONTAL}",
    ),
)
ASCII = Glyphs(" _.-=+*%#", " ", "-", "^", ("+", "|", "-"))


def glyphs_for(encoding: str | None) -> Glyphs:
    """The glyphs that a stream of this encoding can show."""
    try:
        "".join((UNICODE.steps, UNICODE.gap, UNICODE.line, UNICODE.mark, *UNICODE.edge)).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def fitted(values: Values, width: int) -> list[float | None]:
    """Values along the time in at most `width` columns.

    Where several fall into one column the largest is shown, for a short peak must not vanish; where there are few,
    each takes a few columns.

    Args:
        values: In order of time; None for no data.
        width: Columns.
    """
    if len(values) <= width:
        return [value for value in values for _ in range(_widened(len(values), width))]
    edges = [index * len(values) // width for index in range(width + 1)]
    stretches = (values[start:end] for start, end in pairwise(edges))
    return [max((each for each in stretch if each is not None), default=None) for stretch in stretches]


def column_of(place: int, count: int, width: int) -> int:
    """The column in which `fitted` begins to show one of so many values."""
    if count <= width:
        return place * _widened(count, width)
    return next(column for column in range(width) if (column + 1) * count // width > place)


def _widened(count: int, width: int) -> int:
    """Columns that each of a few values takes."""
    return max(1, min(_WIDEST, width // count)) if count else 1


def bars(columns: Values, top: float, glyphs: Glyphs) -> str:
    """One line of bars; anything above 0 is seen.

    Args:
        columns: One value each; None for no data.
        top: What a full bar means.
        glyphs: What to draw with.
    """
    return "".join(_bar(value, top, glyphs) for value in columns)


def curve(columns: Values, height: int, top: float, glyphs: Glyphs, threshold: float | None = None) -> list[str]:
    """A field of bars of some lines' height, the highest line first.

    Args:
        columns: One value each, from 0 on; what is above `top` is cut off there.
        height: Lines.
        top: What the upper edge means.
        glyphs: What to draw with.
        threshold: Where a dashed line lies behind the bars; None for none.
    """
    finest = len(glyphs.steps) - 1
    scale = height * finest / top if top > 0 else 0.0
    ruled = None if threshold is None else min(height - 1, int(threshold * scale / finest))
    lines = []
    for row in reversed(range(height)):
        blank = glyphs.line if row == ruled else " "
        cells = (_cell(value, row, scale, finest, blank, glyphs) for value in columns)
        lines.append("".join(cells))
    return lines


def framed(lines: Sequence[str], labels: Sequence[str], glyphs: Glyphs) -> list[str]:
    """A field with labels at its left edge and an edge below."""
    corner, left, below = glyphs.edge
    wide = max(map(len, labels), default=0)
    width = max(map(len, lines), default=0)
    framing = [f"{label.rjust(wide)} {left}{line}".rstrip() for label, line in zip(labels, lines, strict=True)]
    return [*framing, f"{' ' * wide} {corner}{below * width}"]


def marked(column: int, words: str, width: int, glyphs: Glyphs) -> str:
    """A mark below a column with words beside it, on the side that has room; without them where neither has."""
    after = f"{' ' * column}{glyphs.mark} {words}"
    if len(after) <= width:
        return after
    return f"{words if len(words) < column else ''} {glyphs.mark}".rjust(column + 1)


def ends(left: str, right: str, width: int) -> str:
    """What stands below the two ends of a chart; only the left where there is no room for both."""
    return left if len(left) + len(right) + 1 > width else left + right.rjust(width - len(left))


def _bar(value: float | None, top: float, glyphs: Glyphs) -> str:
    if value is None or not math.isfinite(value):
        return glyphs.gap
    finest = len(glyphs.steps) - 1
    if value <= 0 or top <= 0:
        return glyphs.steps[1]
    return glyphs.steps[max(2, min(finest, math.ceil(value / top * finest)))]


def _cell(value: float | None, row: int, scale: float, finest: int, blank: str, glyphs: Glyphs) -> str:
    filled = 0 if value is None or not math.isfinite(value) else int(max(0.0, value) * scale) - row * finest
    if filled <= 0:
        return blank
    return glyphs.steps[min(finest, filled)]
