"""Many questions for metrics in the fewest calls of GetMetricData, and one call's questions in CloudWatch's words.

Source: CloudWatch API reference, GetMetricData: 500 queries a call; an expression and all it names stand in one call.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from deliverkit.domain.metrics import MetricQuery, MetricStat, as_metric_stat, renamed

LARGEST = 500
"""Queries in one call."""
MOST_POINTS = 50_000
"""Values for which a call's range is widened: reading more takes longer than the second that another call costs."""


@dataclass
class Batch:
    """One call.

    Attributes:
        region: Where it goes.
        start: Beginning of its range, epoch seconds.
        end: End of its range.
        is_exact: True when an expression in it forbids to widen the range, because it sees all of it.
        queries: What it asks.
        size: How many queries CloudWatch counts, at most.
        density: Values that a second of the range has, over all queries.
    """

    region: str
    start: int
    end: int
    is_exact: bool = False
    queries: list[MetricQuery] = field(default_factory=list)
    size: int = 0
    density: float = 0.0

    def has_room_for(self, query: MetricQuery) -> bool:
        """True when one more question fits, with its range."""
        if query.region != self.region or self.size + _size(query) > LARGEST:
            return False
        start, end = min(self.start, query.start), max(self.end, query.end)
        if self.is_exact or not query.is_pointwise:
            is_inside = (start, end) == (self.start, self.end)
            return is_inside and (query.is_pointwise or (query.start, query.end) == (self.start, self.end))
        if (start, end) == (self.start, self.end):
            return True
        return (end - start) * (self.density + 1 / query.period) <= MOST_POINTS

    def add(self, query: MetricQuery) -> None:
        """Ask one more."""
        self.queries.append(query)
        self.size += _size(query)
        self.density += 1 / query.period
        self.start, self.end = min(self.start, query.start), max(self.end, query.end)

    def halves(self) -> tuple[Batch, Batch]:
        """The same questions in two calls."""
        middle = len(self.queries) // 2
        return self._with(self.queries[:middle]), self._with(self.queries[middle:])

    def _with(self, queries: list[MetricQuery]) -> Batch:
        half = Batch(self.region, self.start, self.end, self.is_exact)
        for query in queries:
            half.add(query)
        return half


def batches(queries: Iterable[MetricQuery], alone: frozenset[MetricQuery] = frozenset()) -> list[Batch]:
    """Questions grouped into calls.

    Args:
        queries: All of them.
        alone: Those that get a call of their own, because CloudWatch is known to refuse them.
    """
    made: list[Batch] = []
    # First what needs its range exactly: the others then fit in with it.
    for query in sorted(set(queries), key=_order):
        open_one = None if query in alone else _open_one(made, query, alone)
        if open_one is None:
            open_one = Batch(query.region, query.start, query.end, not query.is_pointwise)
            made.append(open_one)
        open_one.add(query)
    return made


def _order(query: MetricQuery) -> tuple[Any, ...]:
    return (query.is_pointwise, query.region, query.start, query.end, query.period, query.metrics, query.expression)


def _open_one(made: list[Batch], query: MetricQuery, alone: frozenset[MetricQuery]) -> Batch | None:
    # Sorted as they are, an earlier call than the last few has no room: 4,000 questions must not be tried 8 times each.
    for batch in reversed(made):
        if batch.has_room_for(query) and not alone.intersection(batch.queries[:1]):
            return batch
    return None


def _size(query: MetricQuery) -> int:
    return len(query.metrics) + bool(query.expression)


def request_of(batch: Batch) -> tuple[list[dict[str, Any]], dict[str, MetricQuery]]:
    """The call's `MetricDataQueries`, and which of our questions each id answers."""
    made: list[dict[str, Any]] = []
    answers: dict[str, MetricQuery] = {}
    hidden: dict[tuple[MetricStat, int], str] = {}
    for number, query in enumerate(batch.queries):
        answers[f"q{number}"] = query
        if not query.expression:
            made.append({"Id": f"q{number}", "MetricStat": as_metric_stat(query.metrics[0][1], query.period)})
            continue
        names = {}
        for name, stat in query.metrics:
            key = (stat, query.period)
            if key not in hidden:
                hidden[key] = f"m{len(hidden)}"
                made.append({"Id": hidden[key], "MetricStat": as_metric_stat(stat, query.period), "ReturnData": False})
            names[name] = hidden[key]
        made.append({"Id": f"q{number}", "Expression": renamed(query.expression, names), "Period": query.period})
    return made, answers


def start_of(batch: Batch) -> int:
    """Where the call's range begins: where periods of all its lengths do, unless an expression forbids that."""
    if batch.is_exact:
        return batch.start
    common = math.lcm(*(query.period for query in batch.queries))
    step = common if common <= 86_400 else max(query.period for query in batch.queries)
    return batch.start // step * step
