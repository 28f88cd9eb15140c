"""What CloudWatch refuses before it makes or sets an alarm.

Source: CloudWatch API reference, PutMetricAlarm, MetricDataQuery and SetAlarmState. It documents the rules, and the
words of few: the others are the sandbox's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from deliverkit.sandbox.alarms.evaluation import COMPARISONS, Missing
from deliverkit.sandbox.alarms.math_syntax import ExpressionError
from deliverkit.sandbox.alarms.metric_math import check_expression
from deliverkit.sandbox.alarms.series import is_statistic
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.model import constraint_violations, service_model

Params = Mapping[str, Any]
_SHORT_PERIODS = frozenset({10, 20, 30})
_HOUR, _DAY, _WEEK = 3600, 86400, 604800
_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")
_OF_ONE_METRIC = ("Namespace", "MetricName", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic")
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")


def check_model(operation: str, params: Params) -> None:
    """Refuse what the service's own model does not allow.

    Raises:
        ApiError: `ValidationError` that tells every violation.
    """
    found = constraint_violations(service_model("cloudwatch").operation_model(operation), params)
    if found:
        told = "; ".join(re.sub(r"(?<= at ')\w", lambda first: first[0].lower(), text) for text in found)
        raise invalid(f"{len(found)} validation error{'' if len(found) == 1 else 's'} detected: {told}")


def check_metric_alarm(params: Params) -> None:
    """Refuse a metric alarm that can not be.

    Raises:
        ApiError: `ValidationError`, or `InvalidParameterCombination` for parameters that exclude each other.
    """
    if params.get("ThresholdMetricId") or params.get("ComparisonOperator") not in COMPARISONS:
        raise invalid("the sandbox has no anomaly detection: an alarm needs a Threshold and a plain comparison")
    for name in ("Threshold", "EvaluationPeriods"):
        if params.get(name) is None:
            raise invalid(f"{name} is required")
    needed, periods = params.get("DatapointsToAlarm"), int(params["EvaluationPeriods"])
    if needed is not None and not 1 <= int(needed) <= periods:
        raise invalid("DatapointsToAlarm must be at least 1 and at most EvaluationPeriods")
    if params.get("TreatMissingData", Missing.MISSING) not in list(Missing):
        raise invalid(f"TreatMissingData must be one of {', '.join(Missing)}")
    if params.get("EvaluateLowSampleCountPercentile", "evaluate") not in {"evaluate", "ignore"}:
        raise invalid("EvaluateLowSampleCountPercentile must be evaluate or ignore")
    _check_actions(params)
    if params.get("Metrics"):
        _check_queries(params)
    else:
        _check_single_metric(params)


def check_reason_data(data: str) -> None:
    """Refuse a state's data that are not JSON.

    Raises:
        ApiError: `InvalidFormat`.
    """
    try:
        json.loads(data or "{}")
    except ValueError as error:
        raise ApiError("InvalidFormat", "StateReasonData was not syntactically valid JSON") from error


def _check_actions(params: Params) -> None:
    for arn in (arn for name in _ACTIONS for arn in params.get(name, ())):
        if not arn.startswith("arn:"):
            raise invalid(f"Invalid arn syntax: {arn}")


def _check_single_metric(params: Params) -> None:
    if not params.get("MetricName") or not params.get("Namespace"):
        raise invalid("An alarm needs the Namespace and MetricName of a metric, or Metrics")
    stat, extended = params.get("Statistic"), params.get("ExtendedStatistic")
    if bool(stat) == bool(extended):
        raise bad_combination("Exactly one of Statistic and ExtendedStatistic must be given")
    if extended and not is_statistic(extended):
        raise invalid(f"The value {extended} for parameter ExtendedStatistic is not supported.")
    if params.get("Period") is None:
        raise invalid("Period is required")
    _check_period(int(params["Period"]), int(params["EvaluationPeriods"]))


def _check_period(period: int, periods: int) -> None:
    if period not in _SHORT_PERIODS and (period <= 0 or period % 60):
        raise invalid(f"Period must be 10, 20, 30 or a multiple of 60, not {period}")
    longest = _WEEK if period >= _HOUR else _DAY
    if period * periods > longest:
        raise invalid(f"Metrics cannot be checked across more than {longest} seconds (EvaluationPeriods * Period)")


def _check_queries(params: Params) -> None:
    alone = [name for name in _OF_ONE_METRIC if params.get(name)]
    if alone:
        raise bad_combination(f"{', '.join(alone)} cannot be given together with Metrics")
    queries: Sequence[Params] = params["Metrics"]
    ids = [str(query.get("Id", "")) for query in queries]
    if len(set(ids)) < len(ids) or not all(_ID.fullmatch(each) for each in ids):
        raise invalid("The Ids of Metrics must differ, begin with a small letter and hold letters, digits and _ only")
    for query in queries:
        _check_query(query, ids)
    if len([query for query in queries if query.get("ReturnData", True)]) != 1:
        raise invalid("Exactly one element of the metrics list should return data.")
    lengths = [int(query["MetricStat"]["Period"]) for query in queries if query.get("MetricStat")]
    lengths += [int(query["Period"]) for query in queries if query.get("Period")]
    for period in lengths:
        _check_period(period, int(params["EvaluationPeriods"]))


def _check_query(query: Params, ids: Sequence[str]) -> None:
    if bool(query.get("Expression")) == bool(query.get("MetricStat")):
        raise invalid(f"The metric {query.get('Id')} needs either Expression or MetricStat")
    if not query.get("Expression"):
        if not is_statistic(query["MetricStat"].get("Stat", "")):
            raise invalid(f"The metric {query.get('Id')} has no statistic that CloudWatch knows")
        return
    try:
        check_expression(query["Expression"], ids)
    except ExpressionError as error:
        raise invalid(f"Error in expression '{query.get('Id')}': {error}") from error


def invalid(text: str) -> ApiError:
    """The refusal of a request that is wrong in itself."""
    return ApiError("ValidationError", text)


def bad_combination(text: str) -> ApiError:
    """The refusal of parameters that exclude each other, or of which none is there."""
    return ApiError("InvalidParameterCombination", text)


def bad_value(text: str) -> ApiError:
    """The refusal of a parameter's value."""
    return ApiError("InvalidParameterValue", text)
