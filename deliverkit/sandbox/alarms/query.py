"""GetMetricData and GetMetricStatistics: series of metrics and of metric math over a time range.

Source: CloudWatch API reference. Metrics Insights queries and SEARCH are not built and are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from deliverkit.sandbox.alarms.checks import bad_combination, bad_value, invalid
from deliverkit.sandbox.alarms.math_syntax import ExpressionError
from deliverkit.sandbox.alarms.metric_math import Scope, series_of
from deliverkit.sandbox.alarms.moto_alarms import Metric, MetricKey, read_series, unit_at
from deliverkit.sandbox.alarms.series import Series, is_statistic
from deliverkit.sandbox.alarms.trouble import troubled
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

Params = Mapping[str, Any]
MOST_QUERIES = 500
MOST_DATAPOINTS = 100_800
"""Of one answer, and what holds without MaxDatapoints."""


def get_metric_data(world: World, params: Params, account: str, region: str, _by_moto: Any) -> dict[str, Any]:
    """The series of every query that returns data.

    Raises:
        ApiError: `ValidationError` for a query that CloudWatch would refuse, or that needs what is not built.
    """
    start, end = _epoch(params["StartTime"]), _epoch(params["EndTime"])
    if start >= end:
        raise invalid("The parameter EndTime must be greater than StartTime.")
    queries = params.get("MetricDataQueries", [])
    _check_queries(params, queries)
    backend = world.moto.backend("cloudwatch", account, region)
    metrics: dict[str, Series] = {}
    for query in queries:
        if "MetricStat" in query:
            metric = _metric(query)
            # The start is rounded down to the beginning of a period.
            metrics[query["Id"]] = read_series(backend, metric, start // metric.period * metric.period, end)
        elif not query.get("Expression"):
            raise invalid("The parameter MetricDataQueries.member.1.MetricStat is required.\n")
    is_descending = params.get("ScanBy") != "TimestampAscending"
    results: list[dict[str, Any]] = []
    for query in queries:
        if query.get("ReturnData", True):
            found = _series(query, queries, metrics, (start, end))
            told = [_result(query, series, is_descending=is_descending) for series in found]
            names = _names(query, queries)
            results += [troubled(world, each, names, account, region) for each in told]
    page, token = _page(results, params)
    return {"MetricDataResults": page, "Messages": [], **token}


def _names(query: Mapping[str, Any], queries: Sequence[Mapping[str, Any]]) -> set[str]:
    """The metrics that a query looks at; of an expression all those of the call."""
    meant = [query] if "MetricStat" in query else [each for each in queries if "MetricStat" in each]
    return {str(each["MetricStat"]["Metric"].get("MetricName", "")) for each in meant}


def _check_queries(params: Params, queries: Sequence[Mapping[str, Any]]) -> None:
    """What one call may ask for (API reference, GetMetricData); the words are partly the sandbox's own."""
    if len(queries) > MOST_QUERIES:
        raise invalid(f"The collection MetricDataQueries must not have a size greater than {MOST_QUERIES}.")
    ids = [each["Id"] for each in queries]
    twice = sorted({each for each in ids if ids.count(each) > 1}) if len(set(ids)) < len(ids) else []
    if twice:
        raise invalid(f"The values for parameter id in MetricDataQueries are not unique: {', '.join(twice)}")
    wrong = [each for each in ids if not re.fullmatch(r"[a-z][a-zA-Z0-9_]*", each)]
    if wrong:
        raise invalid(
            f"The value {wrong[0]} for parameter MetricDataQueries.member.1.Id is not matching the expected format."
        )
    if not 1 <= int(params.get("MaxDatapoints", MOST_DATAPOINTS)) <= MOST_DATAPOINTS:
        raise invalid(f"The parameter MaxDatapoints must be between 1 and {MOST_DATAPOINTS}.")


def _page(results: Sequence[dict[str, Any]], params: Params) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The results with as many datapoints as one answer may hold; what goes on in the next is `PartialData`."""
    token = str(params.get("NextToken") or "0")
    if not token.isdigit():
        raise ApiError("InvalidNextToken", "The next token specified is invalid.")
    begin, position, page = int(token), 0, []
    end = begin + int(params.get("MaxDatapoints", MOST_DATAPOINTS))
    for result in results:
        low, high = max(begin - position, 0), max(end - position, 0)
        count = len(result["Values"])
        if (low < count and high > 0) or (count == 0 and begin <= position < end):
            shown = {name: result[name][low:high] for name in ("Timestamps", "Values")}
            status = "PartialData" if high < count else result["StatusCode"]
            page.append({**result, **shown, "StatusCode": status})
        position += count
    return page, ({"NextToken": str(end)} if end < position else {})


def get_metric_statistics(world: World, params: Params, account: str, region: str, _by_moto: Any) -> dict[str, Any]:
    """Statistics of one metric, a datapoint for each period that has data (API reference, GetMetricStatistics).

    Raises:
        ApiError: `InvalidParameterCombination` or `InvalidParameterValue`.
    """
    plain, extended = params.get("Statistics", []), params.get("ExtendedStatistics", [])
    start, end, period = _epoch(params["StartTime"]), _epoch(params["EndTime"]), int(params["Period"])
    if bool(plain) == bool(extended):
        raise bad_combination("Must specify either Statistics or ExtendedStatistics")
    if start >= end:
        raise bad_value("The parameter StartTime must be less than the parameter EndTime.")
    unknown = [name for name in extended if not is_statistic(name)]
    if unknown:
        raise bad_value(f"The value {unknown[0]} for parameter ExtendedStatistics is not supported.")
    backend, first = world.moto.backend("cloudwatch", account, region), start // period * period
    found: dict[int, dict[str, Any]] = {}
    for name in [*plain, *extended]:
        metric = Metric(_key(params), name, period, params.get("Unit"))
        for at, value in read_series(backend, metric, first, end).points.items():
            point = found.setdefault(at, {"Timestamp": datetime.fromtimestamp(at, UTC)})
            (point if name in plain else point.setdefault("ExtendedStatistics", {}))[name] = value
    for at, point in found.items():
        point["Unit"] = params.get("Unit") or unit_at(backend, _key(params), at, period)
    return {"Label": params["MetricName"], "Datapoints": [found[at] for at in sorted(found)]}


def _key(named: Mapping[str, Any]) -> MetricKey:
    dimensions = frozenset((each["Name"], each["Value"]) for each in named.get("Dimensions", ()))
    return (named.get("Namespace", ""), named.get("MetricName", ""), dimensions)


def _metric(query: Mapping[str, Any]) -> Metric:
    stat = query["MetricStat"]
    if not is_statistic(stat["Stat"]):
        raise invalid(f"The value {stat['Stat']} for parameter MetricDataQueries.member.1.MetricStat.Stat is invalid.")
    return Metric(_key(stat["Metric"]), stat["Stat"], int(stat["Period"]), stat.get("Unit"))


def _series(
    query: Mapping[str, Any], queries: list[Mapping[str, Any]], metrics: Mapping[str, Series], limits: tuple[int, int]
) -> list[Series]:
    if query["Id"] in metrics:
        return [metrics[query["Id"]]]
    expressions = {each["Id"]: each["Expression"] for each in queries if each.get("Expression")}
    period = int(query.get("Period") or max((each.period for each in metrics.values()), default=300))
    start = limits[0] // period * period
    try:
        return series_of(query["Expression"], Scope(metrics, expressions, start, limits[1], period))
    except ExpressionError as error:
        raise invalid(f"Error in expression '{query['Id']}': {error}") from error


def _result(query: Mapping[str, Any], series: Series, *, is_descending: bool) -> dict[str, Any]:
    points = sorted(series.points.items(), reverse=is_descending)
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or (query["Id"] if query.get("Expression") else series.label),
        "Timestamps": [datetime.fromtimestamp(at, UTC) for at, _ in points],
        "Values": [value for _, value in points],
        "StatusCode": "Complete",
    }


def _epoch(moment: datetime) -> int:
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
