"""Pictures of a promotion as inline SVG: presentation attributes alone, which no content security policy blocks.

Each has a title and a description for those who do not see it; what it shows is in a table, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby, pairwise

from deliverkit.domain.analysis import percentile
from deliverkit.domain.rollout import Phase
from deliverkit.reporting.colours import BAD, CALM, FAINT, INK, LINE, PAPER, PHASES, SHADE, outcome
from deliverkit.reporting.history import GateRun, History, Span
from deliverkit.reporting.markup import Html, joined, tag
from deliverkit.reporting.times import duration

FONT = "Helvetica, Arial, sans-serif"
_WIDTH, _LEFT, _ROW = 960, 190, 26
_NAME_LIMIT = 26


def banner(history: History) -> Html:
    """How it ended, in words, sign and colour."""
    colour, sign, words = outcome(history.rollout)
    return tag(
        "svg",
        tag("title", f"Outcome: {words}"),
        tag("rect", x=0, y=0, width=_WIDTH, height=64, rx=8, fill=colour),
        tag("circle", cx=36, cy=32, r=18, fill=PAPER),
        _words(sign, 36, 39, colour, size=20, anchor="middle", weight="bold"),
        _words(words, 68, 40, PAPER, size=24, weight="bold"),
        _words(duration(history.last_at - history.opened_at), _WIDTH - 20, 40, PAPER, size=18, anchor="end"),
        width="100%",
        viewBox=f"0 0 {_WIDTH} 64",
        role="img",
        font_family=FONT,
    )


def timeline(history: History) -> Html:
    """Phases along the time, a row for each leg."""
    rows = [(leg, list(spans)) for leg, spans in groupby(history.spans, key=lambda span: span.leg)]
    merged: dict[str, list[Span]] = {}
    for leg, spans in rows:
        merged.setdefault(leg, []).extend(spans)
    total = max(history.last_at - history.opened_at, timedelta(seconds=1))
    height = len(merged) * _ROW + 34
    bars = [_row(history, number, leg, spans, total) for number, (leg, spans) in enumerate(merged.items())]
    return tag(
        "svg",
        tag("title", "Phases along the time"),
        tag("desc", f"{len(merged)} legs within {duration(total)}; the table below has the same numbers."),
        *_grid(total, len(merged) * _ROW),
        *bars,
        width="100%",
        viewBox=f"0 0 {_WIDTH} {height}",
        role="img",
        font_family=FONT,
    )


def legend(history: History) -> Html:
    """Which colour is which phase."""
    phases = [phase for phase in PHASES if any(span.phase is phase for span in history.spans)]
    per_row = 7
    parts = []
    for number, phase in enumerate(phases):
        x, y = number % per_row * 135, number // per_row * 22
        parts.append(tag("rect", x=x, y=y + 3, width=14, height=14, rx=2, fill=PHASES[phase]))
        parts.append(_words(phase.value, x + 20, y + 15, INK, size=13))
    height = max(1, -(-len(phases) // per_row)) * 22
    title = tag("title", f"Colours of the phases: {', '.join(phases) or 'none'}")
    box = f"0 0 {_WIDTH} {height}"
    return tag("svg", title, *parts, width="100%", viewBox=box, role="img", font_family=FONT)


def sparkline(run: GateRun, bound: float | None, count: int = 60) -> Html | None:
    """The 95th percentile of response times along a gate's measurements; None where nothing was timed.

    Args:
        run: The gate's measurements.
        bound: The highest percentile that is allowed, in seconds; None for no bound.
        count: Points of the line, at most; more than 60 would not be seen.
    """
    points = p95_along(run.latencies, count)
    if not points:
        return None
    top = max(*points, bound or 0.0) * 1.1 or 1.0
    step = 150 / max(1, len(points) - 1)
    line = " ".join(f"{4 + index * step:.1f},{34 - value / top * 30:.1f}" for index, value in enumerate(points))
    first = tag("circle", cx=4, cy=f"{34 - points[0] / top * 30:.1f}", r=2, fill=CALM) if len(points) == 1 else None
    limit = None
    if bound is not None:
        y = f"{34 - bound / top * 30:.1f}"
        limit = tag("line", x1=4, y1=y, x2=154, y2=y, stroke=BAD, stroke_dasharray="3 3")
    told = f"p95 from {milliseconds(points[0])} to {milliseconds(points[-1])}, at most {milliseconds(max(points))}"
    return tag(
        "svg",
        tag("title", told if bound is None else f"{told}; allowed are {milliseconds(bound)}"),
        tag("rect", x=0, y=0, width=158, height=38, rx=3, fill=SHADE),
        limit,
        tag("polyline", points=line, fill="none", stroke=CALM, stroke_width=1.5),
        first,
        width=158,
        height=38,
        viewBox="0 0 158 38",
        role="img",
    )


def p95_along(latencies: Sequence[float], count: int) -> list[float]:
    """The 95th percentile of each of at most `count` equal stretches of response times."""
    count = min(count, len(latencies))
    edges = [index * len(latencies) // count for index in range(count + 1)] if count else []
    return [percentile(latencies[start:end], 0.95) for start, end in pairwise(edges)]


def milliseconds(seconds: float) -> str:
    """A response time as people read it."""
    return f"{seconds * 1000:,.0f} ms"


def _row(history: History, number: int, leg: str, spans: Sequence[Span], total: timedelta) -> Html:
    y = number * _ROW
    name = leg if len(leg) <= _NAME_LIMIT else f"{leg[: _NAME_LIMIT - 1]}\N{HORIZONTAL ELLIPSIS}"
    return joined(_words(name, 0, y + 17, INK, size=13), *(_bar(history, span, y, total) for span in spans))


def _bar(history: History, span: Span, y: int, total: timedelta) -> Html:
    scale = (_WIDTH - _LEFT) / total.total_seconds()
    x = _LEFT + (span.began_at - history.opened_at).total_seconds() * scale
    width = max(1.0, span.took.total_seconds() * scale)
    told = tag("title", f"{span.leg[:100]}: {span.phase.value}, {duration(span.took)}")
    colour = PHASES.get(span.phase, PHASES[Phase.SETTLING])
    return tag("rect", told, x=f"{x:.1f}", y=y + 4, width=f"{width:.1f}", height=_ROW - 8, fill=colour)


def _grid(total: timedelta, height: int) -> list[Html]:
    parts = []
    for quarter in range(5):
        x = _LEFT + (_WIDTH - _LEFT) * quarter / 4
        anchor = "start" if quarter == 0 else "end" if quarter == 4 else "middle"
        parts.append(tag("line", x1=x, y1=0, x2=x, y2=height + 6, stroke=LINE))
        parts.append(_words(duration(total * quarter / 4), x, height + 22, FAINT, size=12, anchor=anchor))
    return parts


def _words(
    value: str, x: float, y: float, colour: str, *, size: int, anchor: str = "start", weight: str | None = None
) -> Html:
    return tag("text", value, x=x, y=y, fill=colour, font_size=size, text_anchor=anchor, font_weight=weight)
