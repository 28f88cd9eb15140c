"""CloudWatch's metrics: many questions at once, at most one call in a second.

Source: CloudWatch API reference, GetMetricData. The session retries what is throttled; what is left is a problem.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from deliverkit.adapters.aws.errors import translated
from deliverkit.adapters.aws.metric_batches import Batch, batches, request_of, start_of
from deliverkit.adapters.aws.session import Aws
from deliverkit.domain.metrics import MetricQuery, MetricSeries
from deliverkit.errors import DeliverkitError, UsageError
from deliverkit.ports import Clock

BETWEEN_CALLS = timedelta(seconds=1)
"""GetMetricData is throttled by account and region at 50 calls a second, which dashboards and others use too."""
MOST_POINTS = 100_800
"""Values in one page (API reference, GetMetricData, MaxDatapoints)."""

_COMPLETE = "Complete"
_TROUBLES: Mapping[str, str] = {
    "PartialData": "CloudWatch gave only a part of the data",
    "InternalError": "CloudWatch could not work it out (InternalError)",
    "Forbidden": "CloudWatch may not show it to us (Forbidden)",
}
"""API reference, MetricDataResult.StatusCode."""


@dataclass
class _Answer:
    """What the pages of a call say to one question."""

    points: dict[int, float] = field(default_factory=dict)
    status: str = ""
    messages: list[str] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)


class CloudWatchMetrics:
    """Implements `check_ports.MetricSource`; threads may share it."""

    def __init__(self, aws: Aws, clock: Clock, *, between_calls: timedelta = BETWEEN_CALLS) -> None:
        """Take the session, the clock that calls are spaced by, and the time between two calls of this process."""
        self._aws = aws
        self._clock = clock
        self._between_calls = between_calls
        self._called_at: datetime | None = None
        self._lock = threading.Lock()
        self._refused: set[tuple[Any, ...]] = set()
        self._is_over = False

    def read(self, queries: Collection[MetricQuery]) -> Mapping[MetricQuery, MetricSeries]:
        """The series of every query; what cannot be read has a problem, and nothing is raised."""
        found: dict[MetricQuery, MetricSeries] = {}
        alone = frozenset(query for query in queries if _shape(query) in self._refused)
        for batch in batches(queries, alone):
            found.update(self._read(batch))
        return found

    def interrupt(self) -> None:
        """Call no more: what was not read yet is a problem."""
        self._is_over = True

    def _read(self, batch: Batch) -> Mapping[MetricQuery, MetricSeries]:
        """One batch; a refused one is asked again by halves, so that what is wrong in it harms nothing else."""
        if self._is_over:
            return dict.fromkeys(batch.queries, MetricSeries(problem="this process was told to end"))
        try:
            return self._ask(batch)
        except UsageError as error:
            if len(batch.queries) > 1:
                first, second = batch.halves()
                return {**self._read(first), **self._read(second)}
            self._refused.add(_shape(batch.queries[0]))
            return {batch.queries[0]: MetricSeries(problem=error.message)}
        except DeliverkitError as error:
            return dict.fromkeys(batch.queries, MetricSeries(problem=error.message))

    def _ask(self, batch: Batch) -> Mapping[MetricQuery, MetricSeries]:
        asked, questions = request_of(batch)
        answers: dict[str, _Answer] = {}
        general: list[str] = []
        for page in self._pages(batch, asked):
            general += [_told(message) for message in page.get("Messages", ())]
            for result in page.get("MetricDataResults", ()):
                _take(answers.setdefault(result["Id"], _Answer()), result)
        return {query: _series(query, answers.get(name), general) for name, query in questions.items()}

    def _pages(self, batch: Batch, asked: list[dict[str, Any]]) -> Iterator[Mapping[str, Any]]:
        token: dict[str, str] = {}
        while True:
            self._wait_for_my_turn()
            with translated(f"reading metrics in {batch.region}"):
                page = self._aws.client("cloudwatch", batch.region).get_metric_data(
                    MetricDataQueries=asked,
                    StartTime=datetime.fromtimestamp(start_of(batch), UTC),
                    EndTime=datetime.fromtimestamp(batch.end, UTC),
                    ScanBy="TimestampAscending",
                    MaxDatapoints=MOST_POINTS,
                    **token,
                )
            yield page
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}

    def _wait_for_my_turn(self) -> None:
        with self._lock:
            now = self._clock.now()
            if self._called_at is not None:
                # A clock that was set back must not make us wait longer than for one turn.
                left = min(self._called_at + self._between_calls - now, self._between_calls)
                # Where time stands still, in a sandbox, the turn would never come.
                if left > timedelta(0) and not getattr(self._clock, "is_standing", False):
                    self._clock.sleep_until(now + left)
            self._called_at = self._clock.now()


def _shape(query: MetricQuery) -> tuple[Any, ...]:
    """What does not change from one measurement to the next."""
    return (query.region, query.period, query.metrics, query.expression)


def _take(answer: _Answer, result: Mapping[str, Any]) -> None:
    for at, value in zip(result.get("Timestamps", ()), result.get("Values", ()), strict=False):
        answer.points[int(at.timestamp())] = float(value)
    answer.status = result.get("StatusCode", _COMPLETE)
    answer.messages += [_told(message) for message in result.get("Messages", ())]
    answer.labels.add(result.get("Label", ""))


def _series(query: MetricQuery, answer: _Answer | None, general: list[str]) -> MetricSeries:
    if answer is None:
        return MetricSeries(problem="; ".join(["CloudWatch did not answer for it", *general]))
    trouble = []
    if answer.status != _COMPLETE:
        trouble.append(_TROUBLES.get(answer.status, f"CloudWatch answered with status {answer.status}"))
    if len(answer.labels) > 1:
        trouble.append(f"it gives {len(answer.labels)} series, and one is needed: {', '.join(sorted(answer.labels))}")
    trouble += [*answer.messages, *general]
    points = tuple((at, answer.points[at]) for at in sorted(answer.points) if query.start <= at < query.end)
    return MetricSeries(points, "; ".join(dict.fromkeys(trouble)))


def _told(message: Mapping[str, str]) -> str:
    return f"{message.get('Code', '')}: {message.get('Value', '')}".strip(": ")
