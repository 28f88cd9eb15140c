"""Metrics as checks ask for them: a statistic of a metric, or an expression over several, over a range of time.

All moments are epoch seconds, UTC; a period is told by its beginning.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_FUNCTIONS = re.compile(r"\b([A-Za-z_][A-Za-z0-9_]*)\s*\(")
_POINTWISE = frozenset({"ABS", "CEIL", "FLOOR", "IF", "LOG", "LOG10"})
"""CloudWatch user guide, "Using metric math", functions: RATE, AVG and others look at the whole range."""
_NAMES = re.compile(r"\"[^\"]*\"|'[^']*'|\b[a-z][A-Za-z0-9_]*\b")


@dataclass(frozen=True, slots=True, order=True)
class MetricStat:
    """One statistic of one metric; sorted, so that equal questions are grouped alike in every process.

    Attributes:
        namespace: Such as `AWS/ApplicationELB`.
        name: Such as `RequestCount`.
        statistic: Such as `Sum` or `p99`.
        dimensions: Names and values, sorted.
    """

    namespace: str
    name: str
    statistic: str
    dimensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """What is asked of metrics: one series.

    Attributes:
        region: Where the metrics are.
        period: Seconds that one value stands for.
        start: Beginning of the first period, a multiple of `period`.
        end: End of the last period.
        metrics: What is asked, by the name that the expression gives it; exactly one without an expression.
        expression: Metric math; empty for the metric itself.
    """

    region: str
    period: int
    start: int
    end: int
    metrics: tuple[tuple[str, MetricStat], ...]
    expression: str = ""

    @classmethod
    def of(cls, stat: MetricStat, region: str, period: int, start: int, end: int) -> MetricQuery:
        """A question for one metric."""
        return cls(region, period, start, end, (("m", stat),))

    @property
    def is_pointwise(self) -> bool:
        """True when each value follows from its own period alone, so that a longer range changes none of them."""
        return _POINTWISE.issuperset(_FUNCTIONS.findall(self.expression))


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """What came back.

    Attributes:
        points: Beginnings of periods with their values, ascending, no period twice, all of them within the range.
        problem: Why the answer cannot be relied on; empty for one that can, which may still have no points.
    """

    points: tuple[tuple[int, float], ...] = ()
    problem: str = ""


def parse_metric(text: str, namespace: str = "") -> tuple[str, str]:
    """Namespace and name of a metric that is written `NAMESPACE NAME`.

    Args:
        text: What is written.
        namespace: The namespace of a text that is no more than a name; empty when it must say its own.

    Raises:
        ValueError: If a part is missing.
    """
    first, _, rest = text.strip().partition(" ")
    if rest.strip():
        return first, rest.strip()
    if first and namespace:
        return namespace, first
    raise ValueError(f"{text!r} names no metric: write NAMESPACE NAME, such as AWS/ApplicationELB RequestCount")


def names_in(expression: str) -> set[str]:
    """What an expression names: words with a small letter first, which functions never have; not texts in quotes."""
    return {name for name in _NAMES.findall(expression) if name[0] not in "'\""}


def renamed(expression: str, names: Mapping[str, str]) -> str:
    """An expression over other names; texts in quotes stay."""
    return _NAMES.sub(lambda match: names.get(match[0], match[0]), expression)


def last_complete(now: datetime, period: int, delay: float = 0.0) -> int:
    """End of the last period that was complete `delay` seconds ago."""
    return math.floor((now.timestamp() - delay) / period) * period


def moment_in(epoch: float) -> str:
    """A moment as people read it, UTC: `2026-01-05T09:00:00Z`."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_json(value: float) -> float | str:
    """A number that a record can hold: JSON knows neither NaN nor infinity, so they become texts."""
    return value if math.isfinite(value) else str(value)


def from_json(value: float | str) -> float:
    """The number that `as_json` wrote."""
    return float(value)


def as_queries(query: MetricQuery) -> list[dict[str, Any]]:
    """The question as CloudWatch's `MetricDataQueries` (API reference, MetricDataQuery)."""
    stats = [
        {"Id": name, "MetricStat": as_metric_stat(stat, query.period), "ReturnData": not query.expression}
        for name, stat in query.metrics
    ]
    if not query.expression:
        return stats
    return [*stats, {"Id": "result", "Expression": query.expression, "Period": query.period}]


def as_metric_stat(stat: MetricStat, period: int) -> dict[str, Any]:
    """A statistic as CloudWatch's `MetricStat`."""
    dimensions = [{"Name": name, "Value": value} for name, value in stat.dimensions]
    metric: dict[str, Any] = {"Namespace": stat.namespace, "MetricName": stat.name}
    if dimensions:
        metric["Dimensions"] = dimensions
    return {"Metric": metric, "Period": period, "Stat": stat.statistic}


def command_for(query: MetricQuery) -> str:
    """The command by which a person asks again."""
    queries = json.dumps(as_queries(query), separators=(",", ":"))
    quoted = queries.replace("'", "'\\''")
    times = f"--start-time {moment_in(query.start)} --end-time {moment_in(query.end)}"
    return f"aws cloudwatch get-metric-data --region {query.region} {times} --metric-data-queries '{quoted}'"


def dimensions_of(written: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Dimensions in the order in which equal ones are equal."""
    return tuple(sorted(written.items()))
