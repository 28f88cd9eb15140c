"""How CloudWatch words the reason for a state. Pure.

Source: CloudWatch User Guide, "Alarm events and EventBridge", has one; the other forms are as alarms tell them in
messages that their owners published. The newest datapoint comes first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from deliverkit.sandbox.alarms.evaluation import Missing, Rule, State

Point = tuple[int, float]
"""Epoch seconds at the beginning of a period, and its value."""

_COMPARED: Mapping[str, str] = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
_TREATED: Mapping[Missing, str] = {Missing.BREACHING: "Breaching", Missing.NOT_BREACHING: "NonBreaching"}


def reason_for(rule: Rule, state: State, points: Sequence[Point]) -> str:
    """The reason.

    Args:
        rule: The alarm.
        state: What was decided.
        points: The datapoints that were evaluated, the oldest first; a period without data has none.
    """
    periods = rule.evaluation_periods
    if state is State.INSUFFICIENT_DATA:
        return f"Insufficient Data: {_counted(periods, 'datapoint')} {_were(periods)} unknown."
    if not points:
        return f"Threshold Crossed: no datapoints were received for {_counted(periods, 'period')}{_filled(rule, 0)}."
    told = _told(rule, state, points)
    if not told and _filled(rule, len(points)):
        received = (
            f"{_counted(len(points), 'datapoint')} {_were(len(points))} received for {_counted(periods, 'period')}"
        )
        return f"Threshold Crossed: {received}{_filled(rule, len(points))}."
    told = told or list(reversed(points))
    if rule.is_counting:
        compared = f"{len(told)} out of the last {_compared(rule, periods, told)}"
        return f"Threshold Crossed: {compared}{_least(rule, state)}."
    return f"Threshold Crossed: {_compared(rule, len(told), told)}{_filled(rule, len(points))}."


def _told(rule: Rule, state: State, points: Sequence[Point]) -> list[Point]:
    """The datapoints that speak for the state, the newest first."""
    return [point for point in reversed(points) if rule.is_breaching(point[1]) == (state is State.ALARM)]


def _compared(rule: Rule, count: int, told: Sequence[Point]) -> str:
    shown = ", ".join(f"{value!r} ({datetime.fromtimestamp(at, UTC):%d/%m/%y %H:%M:%S})" for at, value in told)
    is_breaching = all(rule.is_breaching(value) for _, value in told)
    word = f"{'' if is_breaching else 'not '}{_COMPARED[rule.comparison]}"
    noun = "datapoints" if rule.is_counting else f"datapoint{_s(count)}"
    return f"{count} {noun} [{shown}] {_were(len(told))} {word} the threshold ({rule.threshold!r})"


def _least(rule: Rule, state: State) -> str:
    if state is State.ALARM:
        return f" (minimum {_counted(rule.datapoints_to_alarm, 'datapoint')} for OK -> ALARM transition)"
    good = rule.evaluation_periods - rule.datapoints_to_alarm + 1
    return f" (minimum {_counted(good, 'datapoint')} for ALARM -> OK transition)"


def _filled(rule: Rule, found: int) -> str:
    filled = rule.evaluation_periods - found
    if filled <= 0 or rule.missing not in _TREATED:
        return ""
    return f" and {_counted(filled, 'missing datapoint')} {_were(filled)} treated as [{_TREATED[rule.missing]}]"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{_s(count)}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
