"""moto's alarms and metric data, as the evaluator wants them; besides `moto_base` the one module inside moto."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from deliverkit.sandbox import moto_hooks
from deliverkit.sandbox.alarms.checks import check_model
from deliverkit.sandbox.alarms.evaluation import COMPARISONS, Missing, Rule, State
from deliverkit.sandbox.alarms.metric_math import Scope, series_of
from deliverkit.sandbox.alarms.series import Datum, Series, statistic
from deliverkit.sandbox.kernel.errors import ApiError

UNCHECKED = "Unchecked: Initial alarm creation"
"""moto begins alarms with this reason in state OK; AWS begins them in INSUFFICIENT_DATA."""
MetricKey = tuple[str, str, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, with the statistic that is wanted of it.

    Attributes:
        key: Namespace, name and dimensions.
        stat: Name of the statistic.
        period: Seconds.
        unit: The unit that data must have; None for any.
    """

    key: MetricKey
    stat: str
    period: int
    unit: str | None


@dataclass
class _Index:
    """The data of one account and region by metric; moto keeps all in one list."""

    read: int = 0
    data: dict[MetricKey, list[tuple[float, str | None, Datum]]] = field(default_factory=dict)


_indexes: weakref.WeakKeyDictionary[Any, _Index] = weakref.WeakKeyDictionary()


def data_of(backend: Any, key: MetricKey) -> Sequence[tuple[float, str | None, Datum]]:
    """Epoch seconds, unit and datum of all data of a metric, in the order of arrival."""
    index = _indexes.setdefault(backend, _Index())
    if index.read > len(backend.metric_data):
        index = _indexes[backend] = _Index()
    fresh = backend.metric_data[index.read :]
    index.read += len(fresh)
    for datum in fresh:
        dimensions = frozenset((each.name, each.value) for each in datum.dimensions)
        found = index.data.setdefault((datum.namespace, datum.name, dimensions), [])
        found.append((_aware(datum.timestamp).timestamp(), datum.unit, _datum(datum)))
    return index.data.get(key, ())


def read_series(backend: Any, metric: Metric, start: int, end: int) -> Series:
    """The statistic of every period from the start to before the end that has data."""
    buckets: dict[int, list[Datum]] = {}
    for at, unit, datum in data_of(backend, metric.key):
        begin = math.floor(at / metric.period) * metric.period
        if start <= begin < end and metric.unit in (None, unit):
            buckets.setdefault(begin, []).append(datum)
    values = {begin: statistic(metric.stat, data) for begin, data in sorted(buckets.items())}
    points = {begin: value for begin, value in values.items() if value is not None}
    return Series(metric.period, points, f"{metric.key[1]} {metric.stat}")


def unit_at(backend: Any, key: MetricKey, begin: int, period: int) -> str:
    """The unit of the data of a period; `None`, in CloudWatch's word, for data without one."""
    found = data_of(backend, key)
    return next((unit for at, unit, _ in found if begin <= at < begin + period and unit), "None")


@dataclass(frozen=True, slots=True)
class AlarmView:
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
    def name(self) -> str:
        """Its name."""
        return str(self.inner.name)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return str(self.inner.alarm_arn)

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells alarms apart, also from one of the same name that was there before."""
        return self.account, self.region, f"{self.inner.name}@{id(self.inner)}"

    @property
    def state(self) -> State:
        """The state that DescribeAlarms shows."""
        return State(self.inner.state_value)

    @property
    def changed_at(self) -> datetime:
        """When it came into its state."""
        inner = self.inner
        moment: datetime = getattr(inner, "state_transitioned_timestamp", inner.state_updated_timestamp)
        return _aware(moment)

    @property
    def is_new(self) -> bool:
        """True until it was evaluated or set for the first time."""
        return bool(self.inner.state_reason == UNCHECKED)

    @property
    def is_composite(self) -> bool:
        """True for an alarm on alarms."""
        return bool(self.inner.rule)

    @property
    def metrics(self) -> dict[str, Metric]:
        """The metrics that it looks at, by id; that of a plain alarm has the id `metric`."""
        if not self.inner.metric_data_queries:
            dimensions = self.inner.dimensions
            key = (self.inner.namespace, self.inner.metric_name, _dimensions(dimensions))
            stat = self.inner.extended_statistic or self.inner.statistic
            return {"metric": Metric(key, stat, int(self.inner.period), self.inner.unit or None)}
        found = {}
        for query in self.inner.metric_data_queries:
            if query.metric_stat is not None:
                metric, stat = query.metric_stat.metric, query.metric_stat
                key = (metric.namespace, metric.metric_name, _dimensions(metric.dimensions))
                found[query.id] = Metric(key, stat.stat, int(stat.period), stat.unit or None)
        return found

    @property
    def expressions(self) -> dict[str, str]:
        """Texts of its expressions, by id."""
        return {each.id: each.expression for each in self.inner.metric_data_queries if each.expression}

    @property
    def period(self) -> int:
        """Seconds of a period: of an expression, those of its longest metric."""
        given = [int(each.period) for each in self.inner.metric_data_queries if each.period]
        return max([metric.period for metric in self.metrics.values()] + given, default=60)

    @property
    def data_count(self) -> int:
        """How many datapoints its metrics have."""
        return sum(len(data_of(self.backend, metric.key)) for metric in self.metrics.values())

    @property
    def is_evaluable(self) -> bool:
        """True for a static threshold; anomaly bands are not evaluated."""
        return self.inner.comparison_operator in COMPARISONS and self.inner.threshold is not None

    @property
    def rule(self) -> Rule:
        """When it goes off."""
        alarm, periods = self.inner, int(self.inner.evaluation_periods)
        return Rule(
            comparison=alarm.comparison_operator,
            threshold=float(alarm.threshold),
            evaluation_periods=periods,
            datapoints_to_alarm=int(alarm.datapoints_to_alarm or periods),
            missing=self._missing,
            is_counting=bool(alarm.datapoints_to_alarm),
        )

    @property
    def _missing(self) -> Missing:
        # Alarms on DynamoDB's metrics always ignore missing data (CloudWatch API reference, PutMetricAlarm).
        if any(metric.key[0] == "AWS/DynamoDB" for metric in self.metrics.values()):
            return Missing.IGNORE
        return Missing(self.inner.treat_missing_data or Missing.MISSING)

    def datapoints(self, now: datetime) -> dict[int, float | None]:
        """One value for each period of the rule's range by the period's beginning, the newest last.

        The period under way counts once it has data, for CloudWatch looks at it too; empty it says nothing yet.

        Raises:
            ExpressionError: If its expression can not be computed.
        """
        period, width = self.period, self.rule.range
        current = math.floor(now.timestamp() / period) * period
        points = self._series(current - width * period, current + period).points
        newest = current if current in points else current - period
        times = (newest - age * period for age in reversed(range(width)))
        return {at: points.get(at) for at in times}

    def sample_counts(self, start: int, now: datetime) -> Mapping[int, float]:
        """How many samples each period since the start has; nothing for an alarm on expressions."""
        if self.inner.metric_data_queries:
            return {}
        counting = replace(self.metrics["metric"], stat="SampleCount")
        return read_series(self.backend, counting, start, int(now.timestamp()) + 1).points

    def _series(self, start: int, end: int) -> Series:
        metrics = {name: read_series(self.backend, metric, start, end) for name, metric in self.metrics.items()}
        returned = [each for each in self.inner.metric_data_queries if each.return_data is not False]
        if not self.inner.metric_data_queries:
            return metrics["metric"]
        # Of several queries exactly one returns data: the one that the alarm is about.
        query = returned[0]
        if not query.expression:
            return metrics[query.id]
        return series_of(query.expression, Scope(metrics, self.expressions, start, end, self.period))[0]

    def set_state(self, state: State, reason: str, data: str, now: datetime) -> None:
        """Change the state."""
        has_changed = state is not self.state
        self.inner.update_state(reason, data or None, state.value)
        self.inner.state_updated_timestamp = now.replace(tzinfo=None)
        if has_changed:
            self.inner.state_transitioned_timestamp = self.inner.state_updated_timestamp

    def actions(self, state: State) -> Sequence[str]:
        """ARNs to notify when the alarm enters a state; none while its actions are disabled."""
        alarm = self.inner
        by_state = {State.ALARM: alarm.alarm_actions, State.OK: alarm.ok_actions}
        return (by_state.get(state, alarm.insufficient_data_actions) or []) if alarm.actions_enabled else []


def alarms_of(account: str | None = None, region: str | None = None) -> Iterator[AlarmView]:
    """Every alarm, metric and composite, in the order of creation; narrowed to an account and region when given."""
    from moto.backends import get_backend  # noqa: PLC0415

    for account_id, regional in list(get_backend("cloudwatch").items()):
        for region_name, backend in list(regional.items()):
            if account in (None, account_id) and region in (None, region_name):
                for alarm in list(backend.alarms.values()):
                    yield AlarmView(account_id, region_name, alarm, backend)


def metric_alarms() -> Iterator[AlarmView]:
    """Every metric alarm of every account and region."""
    return (view for view in alarms_of() if not view.is_composite)


def add_composite(account: str, region: str, params: Mapping[str, Any]) -> AlarmView:
    """Make a composite alarm, which moto can keep but has no operation for; one of that name is replaced."""
    from moto.backends import get_backend  # noqa: PLC0415

    backend: Any = get_backend("cloudwatch")[account][region]
    unused = dict.fromkeys(("namespace", "metric_name", "comparison_operator", "threshold", "statistic"))
    inner = backend.put_metric_alarm(
        name=params["AlarmName"],
        evaluation_periods=None,
        period=None,
        description=params.get("AlarmDescription"),
        dimensions=[],
        alarm_actions=list(params.get("AlarmActions", ())),
        ok_actions=list(params.get("OKActions", ())),
        insufficient_data_actions=list(params.get("InsufficientDataActions", ())),
        actions_enabled=params.get("ActionsEnabled", True),
        rule=params["AlarmRule"],
        tags=list(params.get("Tags", ())),
        **unused,
    )
    return AlarmView(account, region, inner, backend)


# --- operations -------------------------------------------------------------------------------------

Operation = Callable[[Mapping[str, Any], str, str, Callable[..., None]], Mapping[str, Any] | None]
"""`(params, account, region, moto's own operation) -> answer`; moto's own takes parameters in place of those given."""


def answer_with(operations: Mapping[str, Operation]) -> None:
    """Let moto's CloudWatch answer with these operations, in every protocol that it speaks.

    Args:
        operations: By name as the model has it.
    """
    from moto.cloudwatch.responses import CloudWatchResponse  # noqa: PLC0415
    from moto.core.utils import camelcase_to_underscores  # noqa: PLC0415

    for name, operation in operations.items():
        moto_hooks.replace(CloudWatchResponse, camelcase_to_underscores(name), partial(_method, name, operation))


def _method(name: str, operation: Operation, original: Any) -> Callable[[Any], Any]:
    from moto.cloudwatch.exceptions import ValidationError  # noqa: PLC0415
    from moto.core.responses import ActionResult  # noqa: PLC0415

    def answer(response: Any) -> Any:
        def by_moto(**instead: Any) -> None:
            asked = response._get_param  # noqa: SLF001
            response._get_param = lambda key, *rest: instead[key] if key in instead else asked(key, *rest)  # noqa: SLF001
            original(response)

        try:
            params = response._get_params()  # noqa: SLF001
            check_model(name, params)
            found = operation(params, response.current_account, response.region, by_moto)
        except ApiError as error:
            # moto finds an error's shape in the model of the service whose module the class belongs to.
            refusal = ValidationError(error.message)
            refusal.code = error.code
            raise refusal from error
        return ActionResult(found or {})

    return answer


def _dimensions(dimensions: Sequence[Any]) -> frozenset[tuple[str, str]]:
    return frozenset((each.name, each.value) for each in dimensions)


def _datum(datum: Any) -> Datum:
    if hasattr(datum, "value"):
        value = float(datum.value)
        return Datum(1, value, value, value, value)
    return Datum(float(datum.sample_count), float(datum.sum), float(datum.min), float(datum.max), None)


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def period_of(view: AlarmView) -> timedelta:
    """Length of an alarm's period."""
    return timedelta(seconds=view.period)
