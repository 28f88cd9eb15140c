"""Why each gate was judged so, in a report: the rule, what would have changed the verdict, and measurements as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from deliverkit.domain.gate import Check, Verdict
from deliverkit.domain.recording import Trial
from deliverkit.domain.what_if import Change, what_would_have_changed
from deliverkit.reporting import gate_words
from deliverkit.reporting.charts import FONT
from deliverkit.reporting.colours import BAD, CALM, FAINT, LINE, SHADE, VERDICTS
from deliverkit.reporting.gate_series import Point, Series, gravest, series_of
from deliverkit.reporting.history import History
from deliverkit.reporting.markup import Html, joined, tag
from deliverkit.reporting.tables import code, facts, reason

CHECK_LIMIT = 12
"""Checks with a picture; those of gates that did not pass come first."""
POINT_LIMIT = 120
"""Points of a picture; of more measurements the worst of each stretch are drawn."""
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 960, 150, 70, 20, 22, 112


def gate_details(history: History) -> Html | None:
    """A part for each check that was measured, the worst gates first; None when nothing was."""
    measured = [trial for trial in history.trials if trial.samples]
    checks = [
        (trial, check)
        for trial in gate_words.gravest_first(measured)
        for check in trial.gate.checks
        if trial.of(check.name)
    ]
    shown = checks[:CHECK_LIMIT]
    more = len(checks) - len(shown)
    hint = tag("p", f"{more:,} checks more, and every sample: ", code(f"deliverkit gate explain {history.rollout.id}"))
    parts = [part for number, (trial, check) in enumerate(shown) for part in _part(shown, number, trial, check)]
    return joined(*parts, hint if more > 0 else None) if parts else None


def _part(shown: Sequence[tuple[Trial, Check]], number: int, trial: Trial, check: Check) -> Iterator[Html | None]:
    if number == 0 or shown[number - 1][0] is not trial:
        yield tag("h3", reason(gate_words.headline(trial)))
    samples = trial.of(check.name)
    query = next((each.measurement.query for each in reversed(samples) if each.measurement.query), "")
    changes = [each for each in _changes(trial) if each.check == check.key]
    yield facts(
        [
            ("Check", reason(check.name)),
            ("Rule", gate_words.rule(check)),
            ("Asked", code(query) if query else None),
            ("Measured", gate_words.counts(samples)),
            ("Would have changed it", "; ".join(gate_words.change(each, check) for each in changes)),
        ]
    )
    series = series_of(trial, check)
    if series is not None:
        yield measurements(series, trial)


def _changes(trial: Trial) -> tuple[Change, ...]:
    return () if trial.verdict is Verdict.PASSED else what_would_have_changed(trial)


# --- the picture -----------------------------------------------------------------------------------


def measurements(series: Series, trial: Trial) -> Html:
    """Measurements along the time, with the limit as a dashed line and the moment of the verdict."""
    points = _thinned(series.points)
    scale = _Scale(points[0].at, max(trial.ended_at, points[-1].at), series.top)
    verdict = VERDICTS[trial.verdict][1]
    shown = [point for point in points if point.value is not None]
    line = " ".join(f"{scale.x(point.at):.1f},{scale.y(point.value):.1f}" for point in shown if point.value is not None)
    return tag(
        "svg",
        tag("title", f"Measurements of {trial.gate.name}: {verdict} at {trial.ended_at:%H:%M:%S}"),
        tag(
            "desc",
            f"{series.what}; {len(series.points)} samples; {_limit_told(series)}; its numbers are above.",
        ),
        tag("rect", x=_LEFT, y=_TOP, width=_WIDTH - _LEFT - _RIGHT, height=_BOTTOM - _TOP, fill=SHADE),
        *_axes(series, scale),
        _limit(series, scale),
        tag("polyline", points=line, fill="none", stroke=CALM, stroke_width=1.5) if len(shown) > 1 else None,
        *(_dot(point, scale) for point in points if point.outcome not in {Verdict.PASSED, None} or len(points) == 1),
        *_moment_of_verdict(trial, scale),
        width="100%",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        font_family=FONT,
    )


class _Scale:
    """From moments and values to places in the picture."""

    def __init__(self, began_at: datetime, ended_at: datetime, top: float) -> None:
        self.began_at, self.ended_at, self._top = began_at, ended_at, top
        self._seconds = (ended_at - began_at).total_seconds() or 1.0

    def x(self, at: datetime) -> float:
        share = (at - self.began_at).total_seconds() / self._seconds
        return _LEFT + min(1.0, max(0.0, share)) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float | None) -> float:
        share = 0.5 if value is None else min(1.0, max(0.0, value / self._top))
        return _BOTTOM - share * (_BOTTOM - _TOP)


def _thinned(points: Sequence[Point]) -> list[Point]:
    """At most so many points: of each stretch the highest value with the worst outcome, at its end."""
    count = min(POINT_LIMIT, len(points))
    edges = [index * len(points) // count for index in range(count + 1)]
    stretches = (points[start:end] for start, end in pairwise(edges))
    return [Point(each[-1].at, _highest(each), gravest(each)) for each in stretches]


def _highest(points: Sequence[Point]) -> float | None:
    return max((point.value for point in points if point.value is not None), default=None)


def _axes(series: Series, scale: _Scale) -> Iterator[Html]:
    if series.has_values:
        yield _words(series.written(series.top), _LEFT - 8, _TOP + 10, FAINT, "end")
        yield _words("0", _LEFT - 8, _BOTTOM, FAINT, "end")
    yield _words(f"{scale.began_at:%H:%M:%S}", _LEFT, _BOTTOM + 18, FAINT, "start")
    yield _words(f"{scale.ended_at:%H:%M:%S}", _WIDTH - _RIGHT, _BOTTOM + 18, FAINT, "end")
    yield tag("line", x1=_LEFT, y1=_BOTTOM, x2=_WIDTH - _RIGHT, y2=_BOTTOM, stroke=LINE)


def _limit(series: Series, scale: _Scale) -> Html | None:
    if series.limit is None:
        return None
    y = f"{scale.y(series.limit):.1f}"
    return tag("line", x1=_LEFT, y1=y, x2=_WIDTH - _RIGHT, y2=y, stroke=BAD, stroke_dasharray="4 3")


def _limit_told(series: Series) -> str:
    return f"the dashed line is the limit, {series.written(series.limit)}" if series.limit is not None else "no limit"


def _dot(point: Point, scale: _Scale) -> Html:
    colour, words = VERDICTS[point.outcome]
    told = tag("title", f"{words} at {point.at:%H:%M:%S}")
    return tag("circle", told, cx=f"{scale.x(point.at):.1f}", cy=f"{scale.y(point.value):.1f}", r=4, fill=colour)


def _moment_of_verdict(trial: Trial, scale: _Scale) -> Iterator[Html]:
    if trial.verdict is None:
        return
    colour, words = VERDICTS[trial.verdict]
    x = f"{scale.x(trial.ended_at):.1f}"
    yield tag("line", x1=x, y1=_TOP - 4, x2=x, y2=_BOTTOM, stroke=colour, stroke_width=2)
    yield _words(f"{words} {trial.ended_at:%H:%M:%S}", float(x), _TOP - 8, colour, "end")


def _words(value: str, x: float, y: float, colour: str, anchor: str) -> Html:
    return tag("text", value, x=x, y=y, fill=colour, font_size=12, text_anchor=anchor)
