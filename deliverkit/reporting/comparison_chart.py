"""The picture of a comparison for a terminal: what both arms showed, and the evidence of harm along the time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from deliverkit.domain.judge.looks import Tally
from deliverkit.domain.judge.wording import chances, percent
from deliverkit.reporting.terminal_charts import (
    Glyphs,
    bars,
    column_of,
    curve,
    ends,
    fitted,
    framed,
    marked,
)

_HEIGHT = 6
_LEAST_WIDTH = 20
_HEADROOM, _CEILING = 1.2, 2.4
"""How much of the evidence is shown, in thresholds at least and at most: the threshold must be seen."""


class Looked(Protocol):
    """One look, as a comparison saw it."""

    @property
    def at(self) -> float:
        """Its moment."""

    @property
    def numbers(self) -> Mapping[str, Any]:
        """The numbers of its finding; `evidence` and `threshold` are natural logarithms."""

    @property
    def baseline(self) -> Tally | None:
        """What the arm showed; None for nothing."""

    @property
    def candidate(self) -> Tally | None:
        """The same of the other arm."""


class Canvas(NamedTuple):
    """Where a picture is drawn.

    Attributes:
        width: Columns.
        glyphs: What to draw with.
        moment: How a moment is written.
    """

    width: int
    glyphs: Glyphs
    moment: Callable[[float], str]


def picture(
    looks: Sequence[Looked], canvas: Canvas, *, failed_at: float | None, slower_than: float | None
) -> list[str]:
    """Both arms and the evidence along the time, as lines; empty without looks.

    Args:
        looks: In order of time.
        canvas: Where to draw.
        failed_at: The look whose evidence sufficed; None for none.
        slower_than: Seconds from which on a request is slow, where response times are compared.
    """
    if not looks:
        return []
    return [*_arms(looks, canvas, slower_than), "", *_evidence(looks, canvas, failed_at)]


def measured(tally: Tally | None, slower_than: float | None) -> float | None:
    """What one arm showed in one tick as one number: a share, a count, or a mean response time; None for nothing."""
    if tally is None or tally.is_empty:
        return None
    if tally.latencies:
        weight = sum(n for _, n in tally.latencies)
        slow = (n for seconds, n in tally.latencies if slower_than is not None and seconds > slower_than)
        return sum(slow) / weight if slower_than is not None else sum(s * n for s, n in tally.latencies) / weight
    return tally.events / tally.requests if tally.requests else tally.events


def _arms(looks: Sequence[Looked], canvas: Canvas, slower_than: float | None) -> list[str]:
    arms = {
        "candidate": [measured(look.candidate, slower_than) for look in looks],
        "baseline": [measured(look.baseline, slower_than) for look in looks],
    }
    written, what = _unit(looks, slower_than)
    top = max((each for values in arms.values() for each in values if each is not None), default=0.0)
    scale = f"0 to {written(top)}"
    width = max(_LEAST_WIDTH, canvas.width - 11)
    lines = [f"{what}, {scale}"]
    lines += [f"{name:>9}  {bars(fitted(values, width), top, canvas.glyphs)}" for name, values in arms.items()]
    shown = len(fitted(arms["baseline"], width))
    return [*lines, f"{'':11}{ends(canvas.moment(looks[0].at), canvas.moment(looks[-1].at), shown)}"]


def _unit(looks: Sequence[Looked], slower_than: float | None) -> tuple[Callable[[float], str], str]:
    tally = next(
        (each for look in looks for each in (look.candidate, look.baseline) if each and not each.is_empty), Tally()
    )
    if slower_than is not None:
        return percent, f"slower than {slower_than * 1000:g} ms, of the requests of each look"
    if tally.latencies:
        return (lambda value: f"{value * 1000:,.3g} ms"), "mean response time at each look"
    if tally.requests is not None or (tally.events <= 1 and any(_is_broken(look) for look in looks)):
        return percent, "bad requests, of those of each look"
    return (lambda value: f"{value:,g}"), "events at each look"


def _is_broken(look: Looked) -> bool:
    return any(tally is not None and tally.events % 1 for tally in (look.baseline, look.candidate))


def _evidence(looks: Sequence[Looked], canvas: Canvas, failed_at: float | None) -> list[str]:
    """The logarithm of the e-value; it starts at 1 to 1, and what is below is flat."""
    values = [look.numbers.get("evidence") for look in looks]
    threshold = next((look.numbers["threshold"] for look in looks if "threshold" in look.numbers), None)
    if threshold is None:
        return []
    top = max(each for each in (0.0, *values) if each is not None)
    top = min(max(top, threshold * _HEADROOM), threshold * _CEILING)
    labels = [""] * _HEIGHT
    labels[0], labels[-1] = chances(top), chances(0.0)
    line = _HEIGHT - 1 - min(_HEIGHT - 1, int(threshold / top * _HEIGHT))
    if 0 < line < _HEIGHT - 1:
        labels[line] = chances(threshold)
    left = max(map(len, labels)) + 2
    width = max(_LEAST_WIDTH, canvas.width - left)
    field = curve(fitted(values, width), _HEIGHT, top, canvas.glyphs, threshold)
    lines = ["evidence of harm (at the dashed line it fails)", *framed(field, labels, canvas.glyphs)]
    place = next((place for place, look in enumerate(looks) if look.at == failed_at), None)
    if place is not None:
        column = column_of(place, len(looks), width)
        words = f"failed here, {canvas.moment(looks[place].at)}"
        lines.append(" " * left + marked(column, words, width, canvas.glyphs))
    return lines
