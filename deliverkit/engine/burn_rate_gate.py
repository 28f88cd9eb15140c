"""What a check of kind `burn_rate` asks: bad and all requests of each window, up to now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from deliverkit.check_ports import CheckContext
from deliverkit.domain.checks import ERROR, Seen
from deliverkit.domain.checks.burn_rate import windows_of
from deliverkit.domain.gate import Check
from deliverkit.domain.metrics import MetricQuery, as_json, command_for, last_complete
from deliverkit.engine.metric_questions import MINUTE, Answers, Question, problem_in, regions_of, stat_of

FINE = 6 * 3600
"""Seconds: longer windows are asked for in periods of five minutes, for three days of minutes are 4,320 values."""
COARSE = 300


def ask_burn_rate(check: Check, context: CheckContext, now: datetime) -> Question:
    """Counts of every window that the rules name, shortened to the bake time when they say so.

    Raises:
        ValueError: If a placeholder has no value, or the bake time is not known and is needed.
    """
    spec = check.spec
    scale = _scale(spec, context)
    period = int(spec.get("period", MINUTE))
    spans = {length: max(period, math.ceil(length * scale / period) * period) for length in windows_of(spec)}
    by_period: dict[int, list[int]] = {}
    for length, span in spans.items():
        by_period.setdefault(_period(span, period), []).append(length)
    series: dict[tuple[int, str], list[MetricQuery]] = {}
    for step, lengths in by_period.items():
        end = last_complete(now, step, float(spec.get("delay", MINUTE)))
        start = end - max(math.ceil(spans[length] / step) * step for length in lengths)
        for region in regions_of(spec, context):
            for role in _roles(spec):
                stat = stat_of(_named(spec), context, region, key=role, statistic="Sum")
                series.setdefault((step, role), []).append(MetricQuery.of(stat, region, step, start, end))
    queries = tuple(query for group in series.values() for query in group)

    def see(answers: Answers) -> Seen:
        problem = problem_in(queries, answers)
        if problem:
            return {ERROR: problem}
        windows: dict[str, Any] = {}
        regions: dict[str, dict[str, Any]] = {}
        for length, span in spans.items():
            step = _period(span, period)
            counts = {role: _sum(series[step, role], answers, span) for role in _roles(spec)}
            windows[str(length)] = _counted(counts)
            for query in series[step, "requests"]:
                regions.setdefault(query.region, {})[str(length)] = as_json(_sum([query], answers, span))
        seen = {"windows": windows, "scale": scale, "until": max(query.end for query in queries)}
        seen["has_bad"] = any(answers[query].points for step in by_period for query in series[step, _roles(spec)[0]])
        return {**seen, "regions": regions} if len(regions) > 1 else seen

    return Question(queries, see, "; ".join(map(command_for, queries)))


def _named(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The spec with the metric whose namespace the other one may leave out."""
    return {**spec, "metric": spec["requests"]}


def _roles(spec: Mapping[str, Any]) -> tuple[str, str]:
    return ("good" if "good" in spec else "errors", "requests")


def _period(span: int, period: int) -> int:
    return period if span <= FINE else math.lcm(COARSE, period)


def _scale(spec: Mapping[str, Any], context: CheckContext) -> float:
    """What windows are shortened by: such that the longest is the bake time, and never lengthened."""
    if not spec.get("scale_to_bake"):
        return 1.0
    if context.since is None or context.until is None:
        raise ValueError("scale_to_bake: the bake time is not known here")
    return min(1.0, (context.until - context.since).total_seconds() / max(windows_of(spec)))


def _sum(queries: list[MetricQuery], answers: Answers, span: int) -> float:
    values = (value for query in queries for at, value in answers[query].points if at >= query.end - span)
    return sum(values, 0.0)


def _counted(counts: Mapping[str, float]) -> dict[str, float | str]:
    total = counts["requests"]
    bad = total - counts["good"] if "good" in counts else counts["errors"]
    return {"bad": as_json(bad), "total": as_json(total)}
