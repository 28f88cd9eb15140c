"""What a check asks of metrics, and how the answers become what it has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deliverkit.check_ports import CheckContext
from deliverkit.domain.checks import Seen
from deliverkit.domain.metrics import (
    MetricQuery,
    MetricSeries,
    MetricStat,
    as_json,
    dimensions_of,
    parse_metric,
)
from deliverkit.domain.placeholders import expand, needs_target

Answers = Mapping[MetricQuery, MetricSeries]
MINUTE = 60
"""Seconds of a period, and of the time that data are given to arrive, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Question:
    """What one check asks at one time.

    Attributes:
        queries: All series that it needs.
        see: Makes of the answers what the check has seen.
        text: How a person asks again.
    """

    queries: tuple[MetricQuery, ...]
    see: Callable[[Answers], Seen]
    text: str = ""


def regions_of(spec: Mapping[str, Any], context: CheckContext) -> tuple[str, ...]:
    """Where a check asks: in the region that it names, or in all of the leg's."""
    return (str(spec["region"]),) if spec.get("region") else context.regions


def stat_of(
    named: Mapping[str, Any],
    context: CheckContext,
    region: str,
    *,
    key: str = "metric",
    dimensions: Mapping[str, str] | None = None,
    statistic: str = "",
) -> MetricStat:
    """The statistic that a part of a spec names.

    Args:
        named: The part, with the metric, its dimensions and its statistic.
        context: Values of placeholders in dimensions.
        region: Region that is asked, the value of `${region}`.
        key: Where the metric is named; a name alone is of the namespace of `metric`.
        dimensions: More dimensions, which win.
        statistic: The statistic, instead of the one that is named.

    Raises:
        ValueError: If a placeholder has no value, or the metric's name is none.
    """
    namespace = parse_metric(str(named["metric"]))[0]
    own, name = parse_metric(str(named[key]), namespace)
    values = {**context.values, "region": region}
    if context.endpoint and not needs_target(context.endpoint):
        values["endpoint"] = expand(context.endpoint, values)
    written = {**named.get("dimensions", {}), **(dimensions or {})}
    filled = {each: expand(str(value), values) for each, value in written.items()}
    return MetricStat(own, name, statistic or str(named.get("statistic", "Sum")), dimensions_of(filled))


def problem_in(queries: Iterable[MetricQuery], answers: Answers) -> str:
    """Why the answers cannot be relied on, each reason once; empty when they can."""
    found = (answers[query] if query in answers else MetricSeries(problem="it was not answered") for query in queries)
    return "; ".join(dict.fromkeys(series.problem for series in found if series.problem))


def recorded(query: MetricQuery, series: MetricSeries) -> dict[str, Any]:
    """A series as a record holds it."""
    made: dict[str, Any] = {
        "region": query.region,
        "start": query.start,
        "end": query.end,
        "period": query.period,
        "points": [[at, as_json(value)] for at, value in series.points],
    }
    return {**made, "problem": series.problem} if series.problem else made
