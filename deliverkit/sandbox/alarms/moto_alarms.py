"""moto's alarms and metric data, as the evaluator wants them; besides `moto_base` the one module inside moto."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from deliverkit.sandbox.alarms.evaluation import COMPARISONS, Missing, Rule, State

_UNCHECKED = "Unchecked: Initial alarm creation"
"""moto begins alarms with this reason in state OK; AWS begins them in INSUFFICIENT_DATA."""


@dataclass(frozen=True, slots=True)
class MetricAlarm:
    """One alarm of moto's CloudWatch.

    Attributes:
        account: Account id.
        region: Region name.
        inner: moto's object.
        backend: moto's CloudWatch of that account and region.
    """

    account: str
    region: str
    inner: Any
    backend: Any

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells alarms apart, also from one of the same name that was there before."""
        return self.account, self.region, f"{self.inner.name}@{id(self.inner)}"

    @property
    def state(self) -> State:
        """The state that DescribeAlarms shows."""
        return State(self.inner.state_value)

    @property
    def is_new(self) -> bool:
        """True until it was evaluated or set for the first time."""
        return bool(self.inner.state_reason == _UNCHECKED)

    @property
    def period(self) -> timedelta:
        """Length of a period."""
        return timedelta(seconds=int(self.inner.period))

    @property
    def data_count(self) -> int:
        """How many datapoints of any metric there are."""
        return len(self.backend.metric_data)

    @property
    def is_evaluable(self) -> bool:
        """True for a plain metric with a static threshold; metric math and anomaly bands are not evaluated."""
        alarm = self.inner
        return bool(alarm.metric_name and alarm.comparison_operator in COMPARISONS and alarm.threshold is not None)

    @property
    def rule(self) -> Rule:
        """When it goes off."""
        alarm, periods = self.inner, int(self.inner.evaluation_periods)
        return Rule(
            comparison=alarm.comparison_operator,
            threshold=float(alarm.threshold),
            evaluation_periods=periods,
            datapoints_to_alarm=int(alarm.datapoints_to_alarm or periods),
            missing=Missing(alarm.treat_missing_data or Missing.MISSING),
        )

    def datapoints(self, now: datetime) -> list[float | None]:
        """One value for each period of the rule's range, the newest last.

        The period under way counts once it has data, for CloudWatch looks at it too; empty it says nothing yet.
        """
        seconds = self.period.total_seconds()
        current = math.floor(now.timestamp() / seconds)
        buckets: dict[int, list[Any]] = {}
        for datum in self._data():
            buckets.setdefault(math.floor(_aware(datum.timestamp).timestamp() / seconds), []).append(datum)
        newest = current if current in buckets else current - 1
        numbers = range(newest - self.rule.range + 1, newest + 1)
        return [self._statistic(buckets[number]) if number in buckets else None for number in numbers]

    def set_state(self, state: State, reason: str, now: datetime) -> None:
        """Change the state, with an entry in the alarm's history."""
        self.inner.update_state(reason, "{}", state.value)
        self.inner.state_updated_timestamp = now.replace(tzinfo=None)

    def actions(self, state: State) -> Sequence[str]:
        """ARNs to notify when the alarm enters a state; none while its actions are disabled."""
        alarm = self.inner
        by_state = {State.ALARM: alarm.alarm_actions, State.OK: alarm.ok_actions}
        return (by_state.get(state, alarm.insufficient_data_actions) or []) if alarm.actions_enabled else []

    def _data(self) -> Iterator[Any]:
        wanted = {(dimension.name, dimension.value) for dimension in self.inner.dimensions}
        for datum in self.backend.metric_data:
            is_metric = (datum.namespace, datum.name) == (self.inner.namespace, self.inner.metric_name)
            has_unit = not self.inner.unit or datum.unit == self.inner.unit
            if is_metric and has_unit and {(d.name, d.value) for d in datum.dimensions} == wanted:
                yield datum

    def _statistic(self, data: Sequence[Any]) -> float:
        from moto.cloudwatch.models import Statistics  # noqa: PLC0415  (moto is imported by then)

        extended = self.inner.extended_statistic
        if extended:
            return _percentile([float(d.value) for d in data if hasattr(d, "value")], float(extended.lstrip("p")) / 100)
        statistics = Statistics([self.inner.statistic], datetime.now(UTC))
        statistics.metric_data = list(data)
        return float(statistics.get_statistics_for_type(self.inner.statistic) or 0.0)


def metric_alarms() -> Iterator[MetricAlarm]:
    """Every metric alarm of every account and region."""
    from moto.backends import get_backend  # noqa: PLC0415

    for account, regional in list(get_backend("cloudwatch").items()):
        for region, backend in list(regional.items()):
            for alarm in list(backend.alarms.values()):
                if not alarm.rule:
                    yield MetricAlarm(account, region, alarm, backend)


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
