"""How fast the error budget of a service level objective burns, over pairs of a long and a short window.

Source: Google, The Site Reliability Workbook, chapter 5, "Alerting on SLOs", 6: multiwindow, multi-burn-rate alerts. A
burn rate of 1 spends just the budget; a pair fires when both its windows burn faster than its factor: the long one says
that it matters, the short one that it still goes on.

`seen`: {"windows": {"3600": {"bad", "total"}, ...}, "scale", "until", "has_bad", "regions"?, "problem"?}: counts of
each window, in seconds as the rules write it, over all regions; `scale` is what windows were shortened by, `has_bad`
says whether what counts bad (or good) requests had any data, and `regions` gives, where there are several, the
requests of each by window: {"eu-west-1": {"3600": 1000.0}}.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from deliverkit.domain.checks import Assessment, Seen, Spec
from deliverkit.domain.checks.without_data import problem_without_events
from deliverkit.domain.duration import format_duration
from deliverkit.domain.gate import Verdict
from deliverkit.domain.limits import USUAL_BURNS
from deliverkit.domain.metrics import from_json


@dataclass(frozen=True, slots=True)
class Window:
    """What a window counted.

    Attributes:
        seconds: Its length as the rules write it.
        bad: Requests that count against the objective.
        total: All requests.
    """

    seconds: int
    bad: float
    total: float

    def burns(self, objective: float) -> float:
        """How many times faster than allowed the budget burns; 0 without requests."""
        return self.bad / self.total / (1 - objective) if self.total else 0.0


def pairs_of(spec: Spec) -> Sequence[Mapping[str, float]]:
    """The pairs of windows that the rules name."""
    found: Sequence[Mapping[str, float]] = spec.get("windows") or USUAL_BURNS
    return found


def windows_of(spec: Spec) -> tuple[int, ...]:
    """The lengths of all windows, shortest first, as the rules write them."""
    return tuple(sorted({int(pair[end]) for pair in pairs_of(spec) for end in ("long", "short")}))


def assess(spec: Spec, seen: Seen, _state: Any) -> Assessment:
    """Judge the windows."""
    objective = float(spec["objective"])
    if not 0 < objective < 1:
        return Assessment(Verdict.ERROR, f"an objective of {objective:g} leaves no error budget, or asks for nothing")
    lengths = windows_of(spec)
    recorded: Mapping[str, Any] = seen["windows"]
    absent = [str(length) for length in lengths if str(length) not in recorded]
    if absent:
        return Assessment(Verdict.ERROR, f"windows of {', '.join(absent)} s were not measured")
    windows = {length: _window(length, recorded[str(length)]) for length in lengths}
    problem = next((each for each in map(_problem, windows.values()) if each), "")
    if problem:
        return Assessment(Verdict.ERROR, problem)
    found = _judged(spec, windows, objective, float(seen.get("scale", 1)))
    return _unproven(spec, seen) or found if found.outcome is Verdict.PASSED else found


def _unproven(spec: Spec, seen: Seen) -> Assessment | None:
    """What keeps windows that burn slowly from being a pass: a region in the dark, errors that nobody counts."""
    for region, totals in sorted(seen.get("regions", {}).items()):
        dark = [int(length) for length, total in totals.items() if not from_json(total) > 0]
        if dark:
            span = _span(min(dark) * float(seen.get("scale", 1)))
            return Assessment(
                Verdict.INCONCLUSIVE, f"no request in {region} in {span}: nobody knows how it fares there"
            )
    if "errors" in spec and not seen.get("has_bad", True):
        problem = problem_without_events(spec, str(spec["errors"]), str(spec["requests"]))
        return Assessment(Verdict.ERROR, problem) if problem else None
    return None


def _window(length: int, counted: Mapping[str, Any]) -> Window:
    return Window(length, from_json(counted["bad"]), from_json(counted["total"]))


def _problem(window: Window) -> str:
    counts = (window.bad, window.total)
    if not all(math.isfinite(each) and each >= 0 for each in counts):
        return f"in {_span(window.seconds)}: {window.bad} bad of {window.total} requests cannot be counted"
    if window.bad > window.total:
        return (
            f"in {_span(window.seconds)}: {window.bad:g} bad requests are more than all requests, {window.total:g}: "
            "the metrics do not belong together"
        )
    return ""


def _judged(spec: Spec, windows: Mapping[int, Window], objective: float, scale: float) -> Assessment:
    at_least = float(spec.get("requests_needed", 1))
    fastest = max((each.burns(objective) for each in windows.values()), default=0.0)
    for pair in pairs_of(spec):
        long, short = windows[int(pair["long"])], windows[int(pair["short"])]
        slowest = min(long.burns(objective), short.burns(objective))
        if slowest > pair["burns"] and short.total >= at_least:
            return Assessment(Verdict.FAILED, _burning(objective, pair, long, short, scale), slowest)
    shortest = windows[min(windows)]
    idle = [each for each in windows.values() if each.total < at_least]
    if idle:
        missing = max(1.0, at_least - idle[0].total)
        told = (
            f"{idle[0].total:g} requests in {_span(idle[0].seconds * scale)} say nothing: {missing:g} more are needed"
        )
        return Assessment(Verdict.INCONCLUSIVE, told)
    told = f"the budget of {_percent(1 - objective)} burns at {fastest:.2f} times at most; "
    told += _left(windows, objective, scale) + _thin(spec, shortest, objective, scale)
    return Assessment(Verdict.PASSED, told, fastest)


def _burning(objective: float, pair: Mapping[str, float], long: Window, short: Window, scale: float) -> str:
    return (
        f"the error budget burns at {long.burns(objective):.1f} times in {_span(long.seconds * scale)} "
        f"({long.bad:g} of {long.total:g} requests) and {short.burns(objective):.1f} times in "
        f"{_span(short.seconds * scale)} ({short.bad:g} of {short.total:g}); allowed are {pair['burns']:g} times "
        f"of {_percent(1 - objective)}"
    )


def _left(windows: Mapping[int, Window], objective: float, scale: float) -> str:
    longest = windows[max(windows)]
    budget = longest.total * (1 - objective)
    left = budget - longest.bad
    return (
        f"{left / budget:.0%} of the budget of the last {_span(longest.seconds * scale)} is left "
        f"({longest.bad:g} of {budget:g} errors spent)"
    )


def _thin(spec: Spec, shortest: Window, objective: float, scale: float) -> str:
    """A word when there are so few requests that a single error would be an alarm."""
    factor = min(pair["burns"] for pair in pairs_of(spec) if int(pair["short"]) == shortest.seconds)
    needed = math.ceil(1 / (factor * (1 - objective)))
    if shortest.total >= needed:
        return ""
    return (
        f"; little traffic: with fewer than {needed} requests in {_span(shortest.seconds * scale)} "
        "a single error is an alarm"
    )


def _span(seconds: float) -> str:
    return format_duration(timedelta(seconds=seconds))


def _percent(share: float) -> str:
    return f"{100 * share:g} %"
