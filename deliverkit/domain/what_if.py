"""What would have changed a verdict: the nearest setting under which the same measurements come to another one.

Each change is tried on the record itself, with the project's own judge; nothing is estimated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from deliverkit.domain.analysis import LATENCY_MINIMUM, LATENCY_WINDOW, Analysis, condemn, judge, percentile
from deliverkit.domain.checks import assessor_of
from deliverkit.domain.gate import Check, Gate, Verdict
from deliverkit.domain.recording import Trial
from deliverkit.domain.replaying import Outcome, judge_anew, reassess

TIME_BOUNDS = ("p95", "p99", "p50")
"""Bounds of response times, in seconds; the first that is set is the one people look at."""
BOUNDS = frozenset({"above", "below", "at_least", "at_most", *TIME_BOUNDS})
"""Settings of a kind that bound a value; the values that were observed are tried."""
MARGINS = frozenset({"harm", "ratio", "tolerate", "alpha"})
"""Settings of a comparison; multiples of what they are are tried."""
_BESIDE = frozenset({"harm", "alpha"})
"""Settings that stand beside the kind in the configuration, not in it."""
_FACTORS = (1.25, 1.5, 2, 3, 5, 10, 20, 50, 100)


@dataclass(frozen=True, slots=True)
class Change:
    """A setting under which the same measurements would have come to another verdict.

    Attributes:
        check: The check's key.
        setting: As the configuration spells it, such as `failures` or `http.p95`.
        was: Its value then; times in seconds.
        would_be: The nearest value that changes the verdict.
        verdict: What the gate would have come to; None for still open where the record ends.
        at: When.
    """

    check: str
    setting: str
    was: float
    would_be: float
    verdict: Verdict | None
    at: datetime


def what_would_have_changed(trial: Trial) -> tuple[Change, ...]:
    """Changes of one setting that change the verdict; empty for a trial that nobody has judged."""
    if trial.verdict is None:
        return ()
    desk = _Desk(trial)
    return tuple(change for check in trial.gate.counting for change in desk.changes(check))


Put = Callable[[Check, float], Check]
Setting = tuple[str, float, Iterable[float], Put]


class _Desk:
    """Tries settings on one trial."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._retold = reassess(trial, trial.gate)
        self._found = judge_anew(trial, trial.gate, self._retold)

    def changes(self, check: Check) -> Iterator[Change]:
        """What would have changed the verdict among the settings of a check."""
        analysis = self._found.analyses.get(check.key, Analysis(check.key))
        for setting, was, candidates, put in _settings(self._trial, check, analysis):
            change = self._nearest(check, setting, was, candidates, put)
            if change is not None:
                yield change

    def _nearest(self, check: Check, setting: str, was: float, candidates: Iterable[float], put: Put) -> Change | None:
        """The change to the nearest candidate, upwards or downwards, that changes the verdict; None when none does."""

        def tried(value: float) -> Change | None:
            outcome = self._judged(put(check, value), check)
            is_other = outcome.verdict is not self._found.verdict
            return Change(check.key, setting, was, value, outcome.verdict, outcome.at) if is_other else None

        values = sorted(set(candidates))
        upwards = _first([value for value in values if value > was], tried)
        downwards = _first([value for value in reversed(values) if value < was], tried)
        found = [change for change in (upwards, downwards) if change is not None]
        return min(found, key=lambda change: abs(change.would_be - was), default=None)

    def _judged(self, changed: Check, was: Check) -> Outcome:
        # Limits do not change what a sample is assessed as.
        retold = self._retold if changed.spec is was.spec else None
        return judge_anew(self._trial, _with(self._trial.gate, changed), retold)


def _first(values: Sequence[float], tried: Callable[[float], Change | None]) -> Change | None:
    """The first of the values, the nearest one first, that changes the verdict; each try judges the whole trial.

    By bisection: what a bound changes, a looser one changes, too.
    """
    found = tried(values[-1]) if values else None
    low, high = 0, len(values) - 1
    while found is not None and low < high:
        middle = (low + high) // 2
        nearer = tried(values[middle])
        low, high = (low, middle) if nearer else (middle + 1, high)
        found = nearer or found
    return found


def _with(gate: Gate, check: Check) -> Gate:
    return replace(gate, checks=tuple(check if each.name == check.name else each for each in gate.checks))


def _settings(trial: Trial, check: Check, analysis: Analysis) -> Iterator[Setting]:
    """The settings of a check that bear on its verdict, with values to try."""
    policy, stood = check.policy, _stood(trial, check, analysis)
    if stood is Verdict.FAILED:
        yield "failures", policy.failure_limit, [analysis.failed], _limit("failure_limit")
    elif stood is Verdict.ERROR and analysis.taken:
        yield "errors", policy.error_limit, [analysis.most_errors_in_a_row], _limit("error_limit")
    elif stood is Verdict.INCONCLUSIVE and analysis.inconclusive > policy.inconclusive_limit:
        yield "inconclusive", policy.inconclusive_limit, [analysis.inconclusive], _limit("inconclusive_limit")
    elif stood is Verdict.INCONCLUSIVE:
        yield "passes", policy.passes, {analysis.passes_in_a_row, _longest_row(trial, check)} - {0}, _limit("passes")
    elif stood is Verdict.PASSED and analysis.failed:
        yield "failures", policy.failure_limit, [analysis.failed - 1], _limit("failure_limit")
    yield from _p95(trial, check)
    if assessor_of(check.kind) is not None:
        yield from _bounds(trial, check)


def _longest_row(trial: Trial, check: Check) -> int:
    """The most passing measurements in a row."""
    outcomes = [sample.measurement.outcome for sample in trial.of(check.name)]
    rows = (sum(1 for _ in row) for outcome, row in groupby(outcomes) if outcome is Verdict.PASSED)
    return max(rows, default=0)


def _stood(trial: Trial, check: Check, analysis: Analysis) -> Verdict | None:
    """How the check stood alone when its gate was judged."""
    at, policy = trial.ended_at, check.policy
    found = judge(analysis, policy, waited=trial.waited(at), now=at) if trial.is_due else condemn(analysis, policy)
    return found.verdict if found else None


def _limit(name: str) -> Put:
    def put(check: Check, value: float) -> Check:
        settings: dict[str, Any] = {name: int(value)}
        return replace(check, policy=replace(check.policy, **settings))

    return put


def _p95(trial: Trial, check: Check) -> Iterator[Setting]:
    """The bound on response times: the highest percentile that was seen, to the millisecond, and just below it."""
    if check.policy.p95 is None:
        return
    seen = [latency for sample in trial.of(check.name) for latency in sample.measurement.latencies]
    ends = range(LATENCY_MINIMUM, len(seen) + 1)
    worst = max((percentile(seen[max(0, end - LATENCY_WINDOW) : end], 0.95) for end in ends), default=0.0)
    if worst:
        whole = math.ceil(worst * 1000)
        yield f"{check.kind}.p95", check.policy.p95.total_seconds(), [whole / 1000, (whole - 1) / 1000], _put_p95


def _put_p95(check: Check, value: float) -> Check:
    return replace(check, policy=replace(check.policy, p95=timedelta(seconds=value)))


def _bounds(trial: Trial, check: Check) -> Iterator[Setting]:
    """The bounds and margins among a kind's own settings."""
    values = [sample.measurement.value for sample in trial.of(check.name)]
    seen = {each for value in values if value is not None for each in (_rounded(value, math.floor), value)}
    seen |= {_rounded(value, math.ceil) for value in values if value is not None}
    for path, was in _numbers(check.spec):
        name = path[-1] if path[-1] in _BESIDE else ".".join((check.kind, *path))
        if path[-1] in BOUNDS:
            yield name, was, seen, _put_spec(path)
        elif path[-1] in MARGINS and was:
            yield name, was, _multiples(was, path[-1]), _put_spec(path)


def _multiples(was: float, margin: str) -> list[float]:
    """Multiples and parts of a margin, as far as they mean anything."""
    tried = [was * factor for factor in _FACTORS] + [was / factor for factor in _FACTORS]
    low, high = (1.0, 100.0) if margin == "ratio" else (0.0, 0.5)
    return [_rounded(value, round) for value in tried if low < value <= high]


def _rounded(value: float, way: Callable[[float], int]) -> float:
    """To three digits, away from the value in one direction, so that people can read it."""
    if not math.isfinite(value) or not 1e-100 < abs(value) < 1e100:
        return value  # beyond what is measured, and what the arithmetic below bears
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    return float(f"{way(value / unit) * unit:.12g}")


def _numbers(spec: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    if isinstance(spec, Mapping):
        for key, value in spec.items():
            yield from _numbers(value, (*path, str(key)))
    elif isinstance(spec, int | float) and not isinstance(spec, bool) and path:
        yield path, spec


def _put_spec(path: tuple[str, ...]) -> Put:
    def put(check: Check, value: float) -> Check:
        return replace(check, spec=_replaced(check.spec, path, value))

    return put


def _replaced(spec: Mapping[str, Any], path: tuple[str, ...], value: float) -> dict[str, Any]:
    first, *rest = path
    return {**spec, first: _replaced(spec[first], tuple(rest), value) if rest else value}
