"""A canary's comparison: candidate against baseline, period after period, until one of them proves worse or time is up.

`seen`: {"looks": [[end, baseline events, its requests, candidate events, its requests], ...], "through", "begin",
"origin", "bake", "is_final"}, or {"looks": [], "waiting": true} while the release is on its way. Times are epoch
seconds, `end` that of the candidate's period, `through` the end of the last period that was taken; requests are None
where the rules count none. The state folds from that alone, so whoever takes over goes on bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from deliverkit.domain.checks import Assessment, Seen, Spec
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
        comparison, arms = _taken_in(rules_of(spec, bake), before, seen.get("looks", ()))
    except ValueError as error:
        # Nothing was taken in: late data may yet mend it, and is asked for again.
        return Assessment(Verdict.ERROR, f"{_name(spec)}: {error}", state=state)
    found = comparison.at_look()
    if not found.verdict and seen.get("is_final"):
        found = _at_end(comparison, arms)
    after = {
        "comparison": comparison.to_json(),
        "through": seen.get("through", before.get("through")),
        "begin": before.get("begin", seen.get("begin")),
        "origin": before.get("origin", seen.get("origin")),
        "bake": bake,
        "arms": arms,
    }
    return _assessed(spec, found, after)


def _taken_in(rules: Rules, before: Mapping[str, Any], rows: Sequence[Any]) -> tuple[Comparison, list[bool]]:
    """The comparison with more looks, up to one that fails it, and whether each arm has ever had data."""
    comparison, arms = _resumed(rules, before), list(before.get("arms", (False, False)))
    for row in rows:
        look = _look(row, rules)
        if comparison.state.at is not None and look.at <= comparison.state.at:
            continue  # a period is never taken twice
        comparison = comparison.including(look)
        arms = [arms[0] or _has_data(row[1:3]), arms[1] or _has_data(row[3:5])]
        if comparison.at_look().verdict:
            break
    return comparison, arms


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


def _at_end(comparison: Comparison, arms: list[bool]) -> Finding:
    if not comparison.state.looks:
        return Finding(Verdict.ERROR, TOO_SHORT)
    absent = [arm for arm, has_data in zip(("baseline", "candidate"), arms, strict=True) if not has_data]
    if absent:
        return Finding(Verdict.ERROR, f"No data all along: {' and '.join(absent)}; that is never a pass.")
    return comparison.at_end()


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
