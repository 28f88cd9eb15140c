"""A metric, or an expression over several, held against limits.

`seen`: {"series": [{"region", "start", "end", "period", "points": [[epoch, value], ...], "problem"?}, ...]}: the
complete periods of the window, in each region. Every one of them has to keep the limits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deliverkit.domain.checks import Assessment, Seen, Spec
from deliverkit.domain.checks.without_data import ZERO, broken, outcome_without, problem_with
from deliverkit.domain.gate import Verdict, worst
from deliverkit.domain.limits import limits_of, told
from deliverkit.domain.metrics import from_json, moment_in


@dataclass(frozen=True, slots=True)
class _Told:
    outcome: Verdict
    reason: str
    value: float | None = None


def assess(spec: Spec, seen: Seen, _state: Any) -> Assessment:
    """Judge the window: the worst of its regions."""
    name = name_of(spec)
    found = [_of_region(spec, series, f"{name} ({series['region']})") for series in seen.get("series", ())]
    outcome = worst(each.outcome for each in found)
    speaking = [each for each in found if each.outcome is outcome]
    if not speaking:
        return Assessment(Verdict.ERROR, f"{name} was asked for in no region")
    return Assessment(outcome, "; ".join(each.reason for each in speaking), speaking[0].value)


def name_of(spec: Spec) -> str:
    """What is measured, in a few words."""
    return str(spec.get("math") or f"{spec.get('statistic', 'Sum')} of {spec.get('metric', '')}")


def _of_region(spec: Spec, series: Mapping[str, Any], name: str) -> _Told:
    limits = limits_of(spec)
    problem = str(series.get("problem", "")) or problem_with(limits)
    if problem:
        return _Told(Verdict.ERROR, f"{name}: {problem}")
    points = {int(at): from_json(value) for at, value in series["points"]}
    expected = _periods(spec, series)
    missing = [at for at in expected if at not in points]
    gaps = f"no data in {len(missing)} of {len(expected)} periods" if missing else ""
    if spec.get("missing_data") == ZERO:
        points |= dict.fromkeys(missing, 0.0)
        missing, gaps = [], gaps and f" ({gaps}, taken as 0)"
    elif gaps:
        gaps = f" ({gaps}, which passes here)"
    judged = [(at, points[at]) for at in expected if at in points]
    return (
        # A number that breaks a limit outweighs one that is none: measuring more never improves a verdict.
        _broken(name, limits, judged)
        or _unfit(name, judged)
        or _missing(spec, name, series, missing, expected)
        or _kept(name, limits, judged, gaps)
    )


def _periods(spec: Spec, series: Mapping[str, Any]) -> range:
    """The periods that are judged: the window of the rules, as far as it was seen."""
    start, end, period = int(series["start"]), int(series["end"]), int(series["period"])
    periods = max(1, math.ceil(float(spec.get("window", period)) / period))
    return range(max(start, end - periods * period), end, period)


def _unfit(name: str, judged: list[tuple[int, float]]) -> _Told | None:
    for at, value in judged:
        if not math.isfinite(value):
            return _Told(Verdict.ERROR, f"{name} is {value} at {moment_in(at)}, which is no number to judge")
    return None


def _broken(name: str, limits: Mapping[str, float], judged: list[tuple[int, float]]) -> _Told | None:
    bad = [(at, value) for at, value in judged if math.isfinite(value) and broken(limits, value)]
    if not bad:
        return None
    at, value = bad[-1]
    often = f" ({len(bad)} of {len(judged)} periods)" if len(judged) > 1 else ""
    wanted = told(broken(limits, value))
    return _Told(Verdict.FAILED, f"{name} is {value:g} at {moment_in(at)}{often}, allowed is {wanted}", value)


def _missing(spec: Spec, name: str, series: Mapping[str, Any], missing: list[int], expected: range) -> _Told | None:
    if not missing:
        return None
    outcome = outcome_without(spec.get("missing_data"))
    why = f"{name} has no data for {len(missing)} of {len(expected)} periods since {moment_in(expected.start)}"
    if not series["points"]:
        return _Told(outcome, why if outcome is not Verdict.PASSED else f"{why}, which passes here")
    if outcome is Verdict.PASSED:
        return None
    last_at, last = series["points"][-1]
    return _Told(outcome, f"{why}; the last is {last} at {moment_in(last_at)}")


def _kept(name: str, limits: Mapping[str, float], judged: list[tuple[int, float]], gaps: str) -> _Told:
    if not judged:
        return _Told(Verdict.ERROR, f"{name} has no complete period to judge")
    at, value = judged[-1]
    within = f" in {len(judged)} periods" if len(judged) > 1 else ""
    return _Told(Verdict.PASSED, f"{name} is {value:g} at {moment_in(at)}{within}, {told(limits)}{gaps}", value)
