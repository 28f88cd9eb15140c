"""What an alarm tells: descriptions for DescribeAlarms, messages for topics, details for events.

Source: CloudWatch User Guide, "Alarm events and EventBridge"; the message to topics is as alarms send it by mail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from deliverkit.sandbox.alarms.book import Suppression
from deliverkit.sandbox.alarms.evaluation import State
from deliverkit.sandbox.alarms.moto_alarms import AlarmView


def described(view: AlarmView, suppression: Suppression | None = None) -> dict[str, Any]:
    """A member of DescribeAlarms' answer."""
    inner = view.inner
    common = {
        "AlarmName": view.name,
        "AlarmArn": view.arn,
        "AlarmDescription": inner.description,
        "AlarmConfigurationUpdatedTimestamp": inner.configuration_updated_timestamp,
        "ActionsEnabled": inner.actions_enabled,
        "OKActions": list(inner.ok_actions or ()),
        "AlarmActions": list(inner.alarm_actions or ()),
        "InsufficientDataActions": list(inner.insufficient_data_actions or ()),
        "StateValue": inner.state_value,
        "StateReason": inner.state_reason,
        "StateReasonData": inner.state_reason_data,
        "StateUpdatedTimestamp": inner.state_updated_timestamp,
        "StateTransitionedTimestamp": getattr(inner, "state_transitioned_timestamp", inner.state_updated_timestamp),
    }
    more = _composite(view, suppression) if view.is_composite else _metric(view)
    return {name: value for name, value in (common | more).items() if value is not None}


def _metric(view: AlarmView) -> dict[str, Any]:
    inner = view.inner
    told = {
        "MetricName": inner.metric_name,
        "Namespace": inner.namespace,
        "Statistic": inner.statistic,
        "ExtendedStatistic": inner.extended_statistic,
        "Dimensions": [{"Name": each.name, "Value": each.value} for each in inner.dimensions],
        "Period": inner.period and int(inner.period),
        "Unit": inner.unit,
        "EvaluationPeriods": int(inner.evaluation_periods),
        "DatapointsToAlarm": inner.datapoints_to_alarm and int(inner.datapoints_to_alarm),
        "Threshold": None if inner.threshold is None else float(inner.threshold),
        "ComparisonOperator": inner.comparison_operator,
        "TreatMissingData": inner.treat_missing_data,
        "EvaluateLowSampleCountPercentile": inner.evaluate_low_sample_count_percentile,
        "ThresholdMetricId": inner.threshold_metric_id,
    }
    if inner.metric_data_queries:
        told |= {"Metrics": [_query(each) for each in inner.metric_data_queries]}
    return told


def _query(query: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "Id": query.id,
        "Label": query.label,
        "Expression": query.expression,
        "Period": query.period and int(query.period),
        "ReturnData": query.return_data,
    }
    if query.metric_stat is not None:
        metric, stat = query.metric_stat.metric, query.metric_stat
        dimensions = [{"Name": each.name, "Value": each.value} for each in metric.dimensions]
        named = {"Namespace": metric.namespace, "MetricName": metric.metric_name, "Dimensions": dimensions}
        shown = {"Metric": named, "Period": int(stat.period), "Stat": stat.stat, "Unit": stat.unit}
        told["MetricStat"] = {name: value for name, value in shown.items() if value is not None}
    return {name: value for name, value in told.items() if value is not None}


def _composite(view: AlarmView, suppression: Suppression | None) -> dict[str, Any]:
    told: dict[str, Any] = {"AlarmRule": view.inner.rule}
    if suppression is not None and suppression.suppressor:
        told |= {
            "ActionsSuppressor": suppression.suppressor,
            "ActionsSuppressorWaitPeriod": int(suppression.wait.total_seconds()),
            "ActionsSuppressorExtensionPeriod": int(suppression.extension.total_seconds()),
            "ActionsSuppressedBy": suppression.by,
            "ActionsSuppressedReason": suppression.by and f"Actions suppressed by {suppression.by}",
        }
    return told


@cache
def region_title(region: str) -> str:
    """The region's name for a person, `US East (N. Virginia)`."""
    import botocore.session  # noqa: PLC0415

    session: Any = botocore.session.get_session()
    for partition in session.get_data("endpoints")["partitions"]:
        if region in partition["regions"]:
            return str(partition["regions"][region]["description"])
    return region


def topic_message(view: AlarmView, was: State, now: datetime) -> dict[str, Any]:
    """The JSON that topics receive."""
    shown = described(view)
    told: dict[str, Any] = {
        "AlarmName": view.name,
        "AlarmDescription": shown.get("AlarmDescription"),
        "AWSAccountId": view.account,
        "AlarmConfigurationUpdatedTimestamp": stamp(shown["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": shown["StateValue"],
        "NewStateReason": shown["StateReason"],
        "StateChangeTime": stamp(now),
        "Region": region_title(view.region),
        "AlarmArn": view.arn,
        "OldStateValue": was.value,
        "OKActions": shown["OKActions"],
        "AlarmActions": shown["AlarmActions"],
        "InsufficientDataActions": shown["InsufficientDataActions"],
    }
    if view.is_composite:
        return {**told, "AlarmRule": view.inner.rule}
    return {**told, "Trigger": _trigger(shown)}


def _trigger(shown: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "Period": shown.get("Period"),
        "EvaluationPeriods": shown["EvaluationPeriods"],
        "DatapointsToAlarm": shown.get("DatapointsToAlarm"),
        "ComparisonOperator": shown["ComparisonOperator"],
        "Threshold": shown.get("Threshold"),
        "TreatMissingData": shown.get("TreatMissingData", "missing"),
        "EvaluateLowSampleCountPercentile": shown.get("EvaluateLowSampleCountPercentile", ""),
    }
    if "Metrics" in shown:
        return {**told, "Metrics": [_mailed(query) for query in shown["Metrics"]]}
    return {
        "MetricName": shown["MetricName"],
        "Namespace": shown["Namespace"],
        "StatisticType": "ExtendedStatistic" if "ExtendedStatistic" in shown else "Statistic",
        "Statistic": shown.get("ExtendedStatistic") or str(shown.get("Statistic", "")).upper(),
        "Unit": shown.get("Unit"),
        "Dimensions": _mailed_dimensions(shown["Dimensions"]),
        **told,
    }


def _mailed(query: Mapping[str, Any]) -> dict[str, Any]:
    """A query as messages have it: their dimensions are written small."""
    if "MetricStat" not in query:
        return dict(query)
    metric = query["MetricStat"]["Metric"]
    mailed = {**metric, "Dimensions": _mailed_dimensions(metric["Dimensions"])}
    return {**query, "MetricStat": {**query["MetricStat"], "Metric": mailed}}


def _mailed_dimensions(dimensions: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    return [{"value": each["Value"], "name": each["Name"]} for each in dimensions]


def event_detail(view: AlarmView, before: Mapping[str, Any]) -> dict[str, Any]:
    """The detail of a `CloudWatch Alarm State Change`; `before` is the state so far in the same form."""
    shown = described(view)
    configuration: dict[str, Any] = {"description": shown.get("AlarmDescription", "")}
    if view.is_composite:
        configuration["alarmRule"] = view.inner.rule
    else:
        configuration["metrics"] = [_event_metric(each) for each in _queries(view)]
    return {
        "alarmName": view.name,
        "state": state_told(view),
        "previousState": dict(before),
        "configuration": configuration,
    }


def state_told(view: AlarmView) -> dict[str, Any]:
    """The present state as events have it."""
    inner = view.inner
    told = {"value": inner.state_value, "reason": inner.state_reason}
    if inner.state_reason_data:
        told["reasonData"] = inner.state_reason_data
    return {**told, "timestamp": stamp(inner.state_updated_timestamp)}


def _queries(view: AlarmView) -> list[dict[str, Any]]:
    if view.inner.metric_data_queries:
        return [_query(each) for each in view.inner.metric_data_queries]
    shown = _metric(view)
    metric = {name: shown[name] for name in ("Namespace", "MetricName", "Dimensions")}
    stat = shown["ExtendedStatistic"] or shown["Statistic"]
    return [{"Id": "metric", "MetricStat": {"Metric": metric, "Period": shown["Period"], "Stat": stat}}]


def _event_metric(query: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"id": query["Id"], "returnData": query.get("ReturnData", True)}
    if "Expression" in query:
        return {**told, "expression": query["Expression"]}
    stat = query["MetricStat"]
    metric = stat["Metric"]
    dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
    named = {"namespace": metric["Namespace"], "name": metric["MetricName"], "dimensions": dimensions}
    return {**told, "metricStat": {"metric": named, "period": stat["Period"], "stat": stat["Stat"]}}


def stamp(moment: datetime) -> str:
    """A moment as alarms write it, `2019-10-02T17:04:40.989+0000`."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{aware.microsecond // 1000:03d}+0000"
