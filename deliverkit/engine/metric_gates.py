"""Checks of metrics: thresholds, burn rates and comparisons, all that fall due asked together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from deliverkit.check_ports import Asked, CheckContext, Interruptible, MetricSource
from deliverkit.domain.checks import ERROR, Seen, measurement, told
from deliverkit.domain.gate import Check, Measurement
from deliverkit.domain.metrics import MetricQuery, MetricSeries, command_for, last_complete
from deliverkit.engine.burn_rate_gate import ask_burn_rate
from deliverkit.engine.compare_gate import ask_compare
from deliverkit.engine.metric_questions import MINUTE, Answers, Question, recorded, regions_of, stat_of
from deliverkit.ports import Clock


def ask_metric(check: Check, context: CheckContext, now: datetime) -> Question:
    """What a check of kind `metric` asks: its window up to the last period whose data have had time to arrive.

    Raises:
        ValueError: If a placeholder has no value.
    """
    spec = check.spec
    period = int(spec.get("period", MINUTE))
    end = last_complete(now, period, float(spec.get("delay", MINUTE)))
    start = end - max(1, math.ceil(float(spec.get("window", period)) / period)) * period
    queries = tuple(_query(check, context, region, (period, start, end)) for region in regions_of(spec, context))

    def see(answers: Answers) -> Seen:
        absent = MetricSeries(problem="it was not answered")
        return {"series": [recorded(query, answers.get(query, absent)) for query in queries]}

    return Question(queries, see, "; ".join(map(command_for, queries)))


def _query(check: Check, context: CheckContext, region: str, times: tuple[int, int, int]) -> MetricQuery:
    spec = check.spec
    if not spec.get("math"):
        return MetricQuery.of(stat_of(spec, context, region), region, *times)
    named = ((name, stat_of(each, context, region)) for name, each in sorted(spec["metrics"].items()))
    return MetricQuery(region, *times, tuple(named), str(spec["math"]))


_ASKERS: Mapping[str, Callable[[Check, CheckContext, datetime], Question]] = {
    "metric": ask_metric,
    "burn_rate": ask_burn_rate,
    "compare": ask_compare,
}
KINDS = tuple(_ASKERS)
"""The kinds that ask together."""


class MetricChecker:
    """Implements `check_ports.Checker` and `BatchChecker` for the kinds that read metrics."""

    def __init__(self, metrics: MetricSource, clock: Clock) -> None:
        """Take where metrics are kept, and the clock that dates measurements and ends windows."""
        self._metrics = metrics
        self._clock = clock

    def measure(self, check: Check, context: CheckContext) -> Measurement | None:
        """Take one sample."""
        return self.measure_all([(check, context)])[0]

    def measure_all(self, asked: Sequence[Asked]) -> Sequence[Measurement | None]:
        """One sample of each check, with the fewest calls for all of them together."""
        now = self._clock.now()
        questions = [_question(check, context, now) for check, context in asked]
        answers = self._metrics.read({query: None for each in questions for query in each.queries}.keys())
        at = self._clock.now()
        return [
            measurement(check, at, _seen(question, answers), query=question.text, state=context.states.get(check.key))
            for (check, context), question in zip(asked, questions, strict=True)
        ]

    def interrupt(self) -> None:
        """Let no more calls follow the one that is under way: there is one in a second."""
        if isinstance(self._metrics, Interruptible):
            self._metrics.interrupt()


def _question(check: Check, context: CheckContext, now: datetime) -> Question:
    try:
        return _ASKERS[check.kind](check, context, now)
    except ValueError as error:
        seen = {ERROR: str(error)}
    except Exception as error:  # noqa: BLE001  (whatever it is: it is no reason to ask nothing of the others)
        seen = {ERROR: f"cannot be asked: {told(error)}"}
    return Question((), lambda _answers: seen)


def _seen(question: Question, answers: Answers) -> Seen:
    try:
        return question.see(answers)
    except Exception as error:  # noqa: BLE001  (nor to lose what was read for the others)
        return {ERROR: f"what came back cannot be read: {told(error)}"}
