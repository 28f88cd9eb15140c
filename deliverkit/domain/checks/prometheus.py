"""Assessing what a Prometheus query gave.

`seen` holds `answers`, one for each address that was asked:

    asked     the server, for people
    series    a list of {labels, value} for an instant query, and of {labels, last, avg, min, max, points, until} for
              one over a range: `until` is the time of the last point, epoch seconds; numbers that JSON has no word for
              are the texts NaN, +Inf and -Inf, as Prometheus writes them
    expected  points that a series has which was there all the time; over a range only
    warnings  what the server warned of: the result may be incomplete
    error     why there is no result, which is an error

A number that is none (NaN: a ratio without requests) is no data, and neither is a series that was not there all the
time: what is there may break a limit, but keeps none. An infinity never passes. No data is what the settings'
`missing_data` says, by default an error. Nor does a result pass that its server warns of: it is inconclusive.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from deliverkit.domain import limits
from deliverkit.domain.checks import Assessment, Seen, Spec
from deliverkit.domain.checks.several import together
from deliverkit.domain.gate import Verdict, worst
from deliverkit.domain.metrics import moment_in

REDUCERS = ("last", "avg", "min", "max")
DEFAULT_REDUCER = "avg"
MISSING = {
    "error": Verdict.ERROR,
    "inconclusive": Verdict.INCONCLUSIVE,
    "passed": Verdict.PASSED,
    "failed": Verdict.FAILED,
}
"""What `missing_data` may say."""
_REMARK = "PromQL info"
_Series = Mapping[str, Any]


def assess(spec: Spec, seen: Seen, _state: Any) -> Assessment:
    """Judge the series of all answers by the limits; the worst decides."""
    return together([_judged(spec, each) for each in seen.get("answers") or ()])


def number(written: Any) -> float:
    """A sample's value as Prometheus writes it: digits, NaN, +Inf or -Inf.

    Raises:
        ValueError: If it is none of those.
    """
    try:
        return float(written)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"{type(written).__name__} is no number that can be judged: {error}") from error


def _judged(spec: Spec, answer: Mapping[str, Any]) -> Assessment:
    asked = str(answer.get("asked", "it"))
    if answer.get("error"):
        return Assessment(Verdict.ERROR, f"{asked}: {answer['error']}")
    warned = f" (it warns: {'; '.join(map(str, answer['warnings']))})" if answer.get("warnings") else ""
    bounds = limits.limits_of(spec)
    if not bounds:
        return Assessment(Verdict.ERROR, f"{asked}: no limit is set, so that nothing is judged")
    if "series" not in answer:
        return Assessment(Verdict.ERROR, f"{asked}: no result is on record")
    expected = int(answer.get("expected", 0))
    found = _of_series(spec, answer["series"], bounds, expected)
    outcome = found.outcome
    if outcome is Verdict.PASSED and not all(map(_is_remark, answer.get("warnings") or ())):
        outcome = Verdict.INCONCLUSIVE
    return Assessment(outcome, found.reason + warned, found.value)


def _is_remark(warning: Any) -> bool:
    """True for what is said about a query's form, which Prometheus 2.48 to 2.53 lists among the warnings."""
    return str(warning).startswith(_REMARK)


def _of_series(spec: Spec, series: Sequence[_Series], bounds: Mapping[str, float], expected: int) -> Assessment:
    try:
        values = [(each, _value(spec, each)) for each in series]
    except (ValueError, KeyError, TypeError) as error:
        return Assessment(Verdict.ERROR, f"a value of the result is not on record or no number: {error}")
    there = [(each, value) for each, value in values if not math.isnan(value)]
    whole = [(each, value) for each, value in there if int(each.get("points", expected)) >= expected]
    absent = [each for each, value in values if (each, value) not in whole]
    if spec.get("series", "every") != "every":
        return _any(whole, bounds) if whole else _missing(spec, absent, expected)
    wrong = [found] if (found := _broken(there, bounds)) else []
    if absent or not there:
        wrong.append(_missing(spec, absent, expected))
    if not wrong:
        return _held(there, bounds)
    decisive = worst(each.outcome for each in wrong)
    return next(each for each in wrong if each.outcome is decisive)


def _value(spec: Spec, series: _Series) -> float:
    key = "value" if "value" in series else str(spec.get("reduce") or DEFAULT_REDUCER)
    return number(series[key])


def _missing(spec: Spec, absent: Sequence[_Series], expected: int) -> Assessment:
    outcome = MISSING[str(spec.get("missing_data") or "error")]
    why = _why(absent[0], expected) if absent else "the query gave no series: there is no data"
    return Assessment(outcome, why)


def _why(absent: _Series, expected: int) -> str:
    points = int(absent.get("points", expected))
    if points >= expected:
        return f"{_named(absent)} is NaN, which is no data"
    last = f"; the last is of {moment_in(int(absent['until']))}" if "until" in absent else ""
    return f"{_named(absent)} has {points:,} of {expected:,} points, so that data are missing{last}"


def _broken(there: Sequence[tuple[_Series, float]], bounds: Mapping[str, float]) -> Assessment | None:
    """The first series that breaks a limit; None when none does."""
    broken = [(each, value) for each, value in there if not limits.is_within(value, bounds)]
    if not broken:
        return None
    # A limit that is broken outweighs an infinity on its good side.
    each, value = next((pair for pair in broken if _violates(pair[1], bounds)), broken[0])
    count = f", and so are {len(broken) - 1} more of {len(there)} series" if len(broken) > 1 else ""
    outcome = Verdict.FAILED if _violates(value, bounds) else Verdict.ERROR
    reason = f"{_named(each)} is {value:g}, expected {limits.told(bounds)}{count}"
    return Assessment(outcome, reason, value if math.isfinite(value) else None)


def _violates(value: float, bounds: Mapping[str, float]) -> bool:
    """True unless it is an infinity on the good side of all limits, which speaks for a broken query."""
    clipped = max(min(value, 1.7e308), -1.7e308)
    return not limits.is_within(clipped, bounds)


def _held(there: Sequence[tuple[_Series, float]], bounds: Mapping[str, float]) -> Assessment:
    each, value = max(there, key=lambda pair: pair[1]) if _has_upper(bounds) else min(there, key=lambda pair: pair[1])
    count = "" if len(there) == 1 else f", the nearest to a limit of {len(there)} series"
    return Assessment(Verdict.PASSED, f"{_named(each)} is {value:g}, {limits.told(bounds)}{count}", value)


def _any(there: Sequence[tuple[_Series, float]], bounds: Mapping[str, float]) -> Assessment:
    good = [(each, value) for each, value in there if limits.is_within(value, bounds)]
    if good:
        each, value = good[0]
        return Assessment(Verdict.PASSED, f"{_named(each)} is {value:g}, {limits.told(bounds)}", value)
    each, value = there[0]
    reason = f"none of {len(there)} series is {limits.told(bounds)}: {_named(each)} is {value:g}"
    return Assessment(Verdict.FAILED, reason, value if math.isfinite(value) else None)


def _has_upper(bounds: Mapping[str, float]) -> bool:
    return limits.BELOW in bounds or limits.AT_MOST in bounds


def _named(series: _Series) -> str:
    return str(series.get("labels") or "the result")
