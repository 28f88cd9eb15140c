"""Why gates were judged as they were, for a terminal: verdict, rule, samples, a chart, and what would have changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from deliverkit.domain.analysis import Analysis
from deliverkit.domain.gate import Check, Verdict
from deliverkit.domain.recording import Sample, Trial
from deliverkit.domain.replaying import judge_anew
from deliverkit.domain.what_if import what_would_have_changed
from deliverkit.reporting import gate_words
from deliverkit.reporting.gate_series import Point, Series, gravest, series_of
from deliverkit.reporting.gates_document import Subject, stand
from deliverkit.reporting.markup import clipped
from deliverkit.reporting.terminal_charts import Glyphs, column_of, curve, ends, fitted, framed, marked

SAMPLE_LIMIT = 8
"""Samples of a check that are shown; all of them are in the JSON document."""
_REASON_LIMIT, _SAMPLE_WIDTH, _HEIGHT = 300, 150, 4
_SIGNS = {None: "~", Verdict.PASSED: ".", Verdict.FAILED: "F", Verdict.ERROR: "E", Verdict.INCONCLUSIVE: "?"}


def explained(subject: Subject, trials: Sequence[Trial], *, width: int, glyphs: Glyphs) -> str:
    """Everything of the trials.

    Args:
        subject: Whose gates they are.
        trials: In order.
        width: Columns of the terminal.
        glyphs: What charts are drawn with.
    """
    what = f"{subject.version} to {subject.environment}" if subject.version else subject.environment
    head = f"{subject.id}: {what}" if what else subject.id
    blocks = [head, *("\n".join(_trial(trial, width, glyphs)) for trial in gate_words.gravest_first(trials))]
    if not trials:
        blocks.append("no gate was measured or judged")
    return "\n\n".join(blocks)


def _trial(trial: Trial, width: int, glyphs: Glyphs) -> Iterator[str]:
    yield f"{gate_words.headline(trial)} at {trial.ended_at:%Y-%m-%d %H:%M:%S} UTC"
    yield f"  {clipped(gate_words.because(trial), _REASON_LIMIT * 2)}"
    outcome = judge_anew(trial, trial.gate)
    changes = what_would_have_changed(trial)
    for check in trial.gate.checks:
        analysis = outcome.analyses.get(check.key) or Analysis(check.key)
        yield from _check(trial, check, analysis, width, glyphs)
        told = [gate_words.change(each, check) for each in changes if each.check == check.key]
        near = gate_words.margin(check, analysis) if trial.verdict is Verdict.PASSED else ""
        yield from _listed("what would have changed the verdict", [*filter(None, [near]), *told])


def _check(trial: Trial, check: Check, analysis: Analysis, width: int, glyphs: Glyphs) -> Iterator[str]:
    samples = trial.of(check.name)
    if check.name:
        verdict, reason = stand(trial, check, analysis)
        yield ""
        yield f"  check {check.name}, {verdict.value if verdict else 'open'}: {clipped(reason, _REASON_LIMIT)}"
    yield f"  rule      {gate_words.rule(check)}"
    query = next((each.measurement.query for each in reversed(samples) if each.measurement.query), "")
    if query:
        yield f"  asked     {clipped(query, _REASON_LIMIT)}"
    yield f"  measured  {gate_words.counts(samples)}"
    yield from _samples(samples)
    series = series_of(trial, check)
    if series is not None and len(series.points) > 1:
        yield from (f"    {line}" for line in chart(series, trial, width - 4, glyphs))


def _samples(samples: Sequence[Sample]) -> Iterator[str]:
    shown = gate_words.important(samples, SAMPLE_LIMIT)
    for sample, left_out in zip(shown.samples, shown.left_out, strict=False):
        if left_out:
            yield f"    {'':8}  ({left_out:,} more)"
        taken = sample.measurement
        yield f"    {taken.at:%H:%M:%S}  {_short(gate_words.sample(taken))}"


def _short(line: str) -> str:
    return line if len(line) <= _SAMPLE_WIDTH else f"{line[: _SAMPLE_WIDTH - 1]}\N{HORIZONTAL ELLIPSIS}"


def _listed(title: str, lines: Iterable[str]) -> Iterator[str]:
    listed = list(lines)
    if listed:
        yield f"  {title}"
        yield from (f"    {line}" for line in listed)


# --- the chart -------------------------------------------------------------------------------------


def chart(series: Series, trial: Trial, width: int, glyphs: Glyphs) -> list[str]:
    """Measurements along the time, with the limit as a dashed line, outcomes below, and the moment of the verdict."""
    labels = [""] * _HEIGHT
    labels[0], labels[-1] = series.written(series.top), "0"
    left = (max(map(len, labels)) if series.has_values else len("outcome")) + 2
    room = max(20, width - left)
    lines = []
    if series.has_values:
        columns = fitted([point.value for point in series.points], room)
        lines += framed(curve(columns, _HEIGHT, series.top, glyphs, series.limit), labels, glyphs)
    outcomes = _outcomes(series.points, room)
    lines.append(f"{'outcome' if not series.has_values else '':>{left - 2}}  {outcomes}")
    first, last = (f"{point.at:%H:%M:%S}" for point in (series.points[0], series.points[-1]))
    lines.append(" " * left + ends(first, last, len(outcomes)))
    if trial.verdict is not None:
        column = column_of(len(series.points) - 1, len(series.points), room)
        verdict = f"{trial.verdict.value} here, {trial.ended_at:%H:%M:%S}"
        lines.append(" " * left + marked(column, verdict, room, glyphs))
    limit = f"; the dashed line is the limit, {series.written(series.limit)}" if series.limit is not None else ""
    named = ((sign, verdict.value if verdict else "adds evidence") for verdict, sign in _SIGNS.items())
    key = ", ".join(f"{sign} {name}" for sign, name in named if sign in outcomes)
    return [f"{series.what}{limit}; {key}" if series.has_values else key, *lines]


def _outcomes(points: Sequence[Point], width: int) -> str:
    """The worst outcome in each column, as `fitted` divides them."""
    columns = [column_of(place, len(points), width) for place in range(len(points))]
    wide = len(fitted([0.0] * len(points), width))
    signs = [" "] * wide
    for column in sorted(set(columns)):
        here = [point for point, place in zip(points, columns, strict=True) if place == column]
        signs[column] = _SIGNS[gravest(here)]
    return "".join(signs).rstrip()
