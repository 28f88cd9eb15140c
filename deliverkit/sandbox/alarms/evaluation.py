"""How CloudWatch turns datapoints into an alarm's state. Pure.

Source: CloudWatch User Guide, "Evaluating an alarm" and "Configuring how CloudWatch alarms treat missing data".
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """States of an alarm (CloudWatch API reference, MetricAlarm.StateValue)."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Missing(StrEnum):
    """What a period without data counts as (CloudWatch API reference, PutMetricAlarm.TreatMissingData)."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
EXTRA_PERIODS = 2
"""How many periods beyond the evaluation periods are looked at for datapoints that arrived late."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When an alarm goes off.

    Attributes:
        comparison: Name of a comparison with the threshold.
        threshold: The value compared with.
        evaluation_periods: Periods looked at (N).
        datapoints_to_alarm: Breaching datapoints among them that raise the alarm (M).
        missing: What a period without data counts as.
        is_counting: True when the number of datapoints to alarm was given, which the reasons then tell.
    """

    comparison: str
    threshold: float
    evaluation_periods: int
    datapoints_to_alarm: int
    missing: Missing
    is_counting: bool = False

    @property
    def range(self) -> int:
        """Number of periods whose datapoints are wanted."""
        return self.evaluation_periods + EXTRA_PERIODS

    def is_breaching(self, value: float) -> bool:
        """True when the value is on the bad side of the threshold."""
        return COMPARISONS[self.comparison](value, self.threshold)


def evaluate(rule: Rule, datapoints: Sequence[float | None], present: State) -> State:
    """The alarm's state.

    Args:
        rule: The alarm.
        datapoints: One value for each period of the range, the newest last; None where there is no data.
        present: The state so far, which missing data may retain.
    """
    real = [value for value in datapoints if value is not None]
    if not real:
        return _WITHOUT_DATA.get(rule.missing, present)
    used = real[-rule.evaluation_periods :]
    breaching = sum(rule.is_breaching(value) for value in used)
    filled = rule.evaluation_periods - len(used)
    undecided = _age(datapoints) if filled and breaching == len(used) else None
    if rule.missing is Missing.BREACHING:
        breaching += filled
    return _state(rule, breaching, undecided, present=present)


def _age(datapoints: Sequence[float | None]) -> int:
    """How many periods ago the oldest datapoint is, the newest period being 1."""
    return len(datapoints) - next(index for index, value in enumerate(datapoints) if value is not None)


def _state(rule: Rule, breaching: int, undecided: int | None, *, present: State) -> State:
    """The state by the number of breaching datapoints.

    Args:
        rule: The alarm.
        breaching: How many of the datapoints breach, missing ones that count so included.
        undecided: When all the data there is breaches and some is missing, the age of the oldest datapoint.
        present: The state so far.
    """
    if breaching >= rule.datapoints_to_alarm:
        return State.ALARM
    if undecided is None or rule.missing is Missing.NOT_BREACHING:
        return State.OK
    if rule.missing is Missing.MISSING and undecided >= rule.datapoints_to_alarm:
        # As old as the datapoints to alarm, and nothing better came since: the alarm does not wait for more.
        return State.ALARM
    # The next datapoint may be a good one (user guide, "Avoiding premature transitions to alarm state").
    return present


_WITHOUT_DATA: Mapping[Missing, State] = {
    Missing.MISSING: State.INSUFFICIENT_DATA,
    Missing.BREACHING: State.ALARM,
    Missing.NOT_BREACHING: State.OK,
}
