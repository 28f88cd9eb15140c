"""A canary's comparison: candidate against baseline, period after period, until one of them proves worse or time is up.

`seen`: {"looks": [[end, baseline events, its requests, candidate events, its requests], ...], "through", "begin",
"origin", "bake", "is_final"}, or {"looks": [], "waiting": true} while the release is on its way. Times are epoch
seconds, `end` that of the candidate's period, `through` the end of the last period that was taken; requests are None
where the rules count none, and events are None where there were requests and no data on events. The state folds from
that alone, so whoever takes over goes on bit for bit. Several regions are counted together; "regions" says of each,
by name, whether each arm had data there in these periods: [baseline, candidate].
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deliverkit.domain.checks import Assessment, Seen, Spec
from deliverkit.domain.checks.without_data import problem_without_events
from deliverkit.domain.gate import Verdict
from deliverkit.domain.judge.comparison import Comparison
from deliverkit.domain.judge.finding import Finding
from deliverkit.domain.judge.looks import Look, Tally
from deliverkit.domain.judge.rules import HALF_AN_HOUR, Rules, SeriesKind
from deliverkit.domain.metrics import from_json

SEQUENTIAL = "before and after, not side by side: a daily cycle is not told apart"
"""What is said of a comparison whose baseline is the past."""

WAITING = "waits for the bake time, or a time of its own (`for`), to compare it with the time before"
TOO_SHORT = "No period was there to compare: give it more time than `warm_up` and a period, or a metric that has data."


def rules_of(spec: Spec, bake: float = HALF_AN_HOUR) -> Rules:
    """The judge's rules that a check's settings name.

    Args:
        spec: The settings.
        bake: Seconds for which it is planned to run.

    Raises:
        ValueError: If a number is out of its range.
    """
    numbers = {
        name: spec[name]
        for name in ("harm", "ratio", "tolerate", "tolerated_ratio", "alpha", "metrics", "slower_than", "dispersion")
        if name in spec
    }
    if "candidate_share" in spec:
        low, high = spec["candidate_share"]
        numbers["candidate_share"] = (float(low), float(high))
    return Rules(kind=SeriesKind(spec.get("kind", SeriesKind.ERRORS)), bake=bake, **numbers)


def is_side_by_side(spec: Spec) -> bool:
    """True when both arms run at the same time, told apart by their dimensions."""
    return bool(spec.get("baseline") or spec.get("candidate"))


def assess(spec: Spec, seen: Seen, state: Any) -> Assessment:
    """Take in the looks, and judge: failed as soon as that is certain, anything else at the end only."""
    before: Mapping[str, Any] = state or {}
    if before.get("ended"):
        # Measured again although it has ended: what was found then holds.
        outcome, reason, value = before["ended"]
        return Assessment(Verdict(outcome), reason, value, state)
    if seen.get("waiting"):
        return Assessment(Verdict.INCONCLUSIVE, f"{_name(spec)}: {WAITING}", state=state, is_open=True)
    bake = float(before.get("bake") or seen.get("bake") or HALF_AN_HOUR)
    try:
        comparison = _taken_in(rules_of(spec, bake), before, seen.get("looks", ()))
    except ValueError as error:
        # Nothing was taken in: late data may yet mend it, and is asked for again.
        return Assessment(Verdict.ERROR, f"{_name(spec)}: {error}", state=state)
    there = _There.before(before).including(seen)
    found = comparison.at_look()
    if not found.verdict and seen.get("is_final"):
        found = _at_end(spec, comparison, there)
    after = {
        "comparison": comparison.to_json(),
        "through": seen.get("through", before.get("through")),
        "begin": before.get("begin", seen.get("begin")),
        "origin": before.get("origin", seen.get("origin")),
        "bake": bake,
        "arms": list(there.arms),
        "has_events": there.has_events,
        "regions": {region: list(arms) for region, arms in there.regions.items()},
    }
    return _assessed(spec, found, after)


Arms = tuple[bool, bool]
"""Something that holds for the baseline, and for the candidate."""
_NAMES = ("baseline", "candidate")


@dataclass(frozen=True, slots=True)
class _There:
    """Which data have ever been there.

    Attributes:
        arms: Whether each arm had any.
        has_events: True when there was a value of the events, in either arm.
        regions: Whether each arm had any, by region; empty for a single region.
    """

    arms: Arms
    has_events: bool
    regions: Mapping[str, Arms]

    @classmethod
    def before(cls, state: Mapping[str, Any]) -> _There:
        regions = {region: _arms(pair) for region, pair in state.get("regions", {}).items()}
        return cls(_arms(state.get("arms", (False, False))), bool(state.get("has_events")), regions)

    def including(self, seen: Seen) -> _There:
        rows, regions = seen.get("looks", ()), dict(self.regions)
        arms = _arms([any(_has_data(row[begin : begin + 2]) for row in rows) for begin in (1, 3)])
        for region, pair in seen.get("regions", {}).items():
            regions[region] = _either(regions.get(region, (False, False)), _arms(pair))
        has_events = self.has_events or any(row[1] is not None or row[3] is not None for row in rows)
        return _There(_either(self.arms, arms), has_events, regions)

    @property
    def absent(self) -> list[str]:
        """What never had data: arms, and arms in a region."""
        arms = [name for name, is_there in zip(_NAMES, self.arms, strict=True) if not is_there]
        return arms or [
            f"{name} in {region}"
            for region, pair in sorted(self.regions.items())
            for name, is_there in zip(_NAMES, pair, strict=True)
            if not is_there
        ]


def _arms(pair: Sequence[Any]) -> Arms:
    baseline, candidate = pair
    return bool(baseline), bool(candidate)


def _either(one: Arms, other: Arms) -> Arms:
    return one[0] or other[0], one[1] or other[1]


def _taken_in(rules: Rules, before: Mapping[str, Any], rows: Sequence[Any]) -> Comparison:
    """The comparison with more looks, up to one that fails it."""
    comparison = _resumed(rules, before)
    for row in rows:
        look = _look(row, rules)
        if comparison.state.at is not None and look.at <= comparison.state.at:
            continue  # a period is never taken twice
        comparison = comparison.including(look)
        if comparison.at_look().verdict:
            break
    return comparison


def _resumed(rules: Rules, before: Mapping[str, Any]) -> Comparison:
    return Comparison.from_json(rules, before["comparison"]) if "comparison" in before else Comparison(rules)


def _look(row: list[Any], rules: Rules) -> Look:
    end, x0, n0, x1, n1 = (None if each is None else from_json(each) for each in row)
    if end is None or (rules.kind is not SeriesKind.COUNT and (n0 is None or n1 is None)):
        raise ValueError("a look without a time or without its requests")
    return Look(end, _tally(x0, n0), _tally(x1, n1))


def _tally(events: float | None, requests: float | None) -> Tally:
    return Tally(events or 0.0, requests)


def _has_data(tally: list[Any]) -> bool:
    events, requests = tally
    return events is not None if requests is None else from_json(requests) > 0


def _at_end(spec: Spec, comparison: Comparison, there: _There) -> Finding:
    if not comparison.state.looks:
        return Finding(Verdict.ERROR, TOO_SHORT)
    if there.absent:
        return Finding(Verdict.ERROR, f"No data all along: {' and '.join(there.absent)}; that is never a pass.")
    found = comparison.at_end()
    if found.verdict is Verdict.PASSED and spec.get("per") and not there.has_events:
        problem = problem_without_events(spec, str(spec["metric"]), str(spec["metric"]))
        return Finding(Verdict.ERROR, problem) if problem else found
    return found


def _assessed(spec: Spec, found: Finding, after: dict[str, Any]) -> Assessment:
    value = found.numbers.get("evidence")
    value = value if value is not None and math.isfinite(value) else None
    reason = " ".join([f"{_name(spec)}: {found.reason}", *found.warnings])
    if not is_side_by_side(spec):
        reason += f" ({SEQUENTIAL})"
    if found.verdict is None:
        return Assessment(Verdict.INCONCLUSIVE, reason, value, after, is_open=True)
    after["ended"] = [found.verdict.value, reason, value]
    return Assessment(found.verdict, reason, value, after)


def _name(spec: Spec) -> str:
    per = f" per {spec['per']}" if spec.get("per") else ""
    return f"{spec.get('metric', '')}{per}"
