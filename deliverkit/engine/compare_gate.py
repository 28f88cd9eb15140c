"""What a check of kind `compare` asks: the periods of both arms that were not taken yet.

Periods are taken in order, each once. One whose data have not arrived for both arms is waited for, `late` seconds at
most, and then taken as one in which an arm had no requests. The last look waits for the last period in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deliverkit.check_ports import CheckContext
from deliverkit.domain.checks import ERROR, Seen
from deliverkit.domain.checks.compare import is_side_by_side
from deliverkit.domain.gate import Check
from deliverkit.domain.metrics import MetricQuery, MetricStat, as_json, command_for, last_complete
from deliverkit.engine.metric_questions import MINUTE, Answers, Question, problem_in, regions_of, stat_of

LATE = 180
"""Seconds that a period's data are waited for after its end."""
GAP = 600
"""Seconds before the release's arrival that belong to neither arm of a comparison with the past: it was arriving."""
LONGEST_BACKLOG = 1440
"""Periods that one measurement takes at most: a process that was away for long catches up in steps."""

Counts = tuple[float | None, float | None]
"""Events and requests of an arm in one period; None where no data are there."""


@dataclass(frozen=True, slots=True)
class _Course:
    """Where a comparison stands. All in epoch seconds.

    Attributes:
        period: Length of a period.
        begin: Beginning of the first one.
        origin: End of the baseline's first period when the baseline is the past, which is then gone back from.
        through: End of the last period that was taken.
        end: End of the last one that will be; None while nobody knows.
        ends_at: When the comparison is over.
        to: End of the last one that may have its data.
    """

    period: int
    begin: int
    origin: int
    through: int
    end: int | None
    ends_at: float
    to: int

    @property
    def periods(self) -> range:
        """Beginnings of the periods to take now."""
        to = self.to if self.end is None else min(self.to, self.end)
        return range(self.through, min(to, self.through + LONGEST_BACKLOG * self.period), self.period)

    def past(self, at: int) -> int:
        """The baseline's period for one of the candidate's, when the baseline is the past."""
        return self.origin - (at - self.begin) - self.period


def ask_compare(check: Check, context: CheckContext, now: datetime) -> Question:
    """The periods that were not taken yet.

    Raises:
        ValueError: If a placeholder has no value, or nobody knows since when there is something to compare.
    """
    if context.until is None and "for" not in check.spec and not is_side_by_side(check.spec):
        # While it is on its way, the past is not over yet.
        return Question((), lambda _answers: {"looks": [], "waiting": True})
    course = _course(check.spec, context, context.states.get(check.key) or {}, now)
    arms = _arms(check.spec, context, course) if course.periods else ()
    queries = tuple(query for arm in arms for queries in arm.values() for query in queries.values())

    def see(answers: Answers) -> Seen:
        problem = problem_in(queries, answers)
        return {ERROR: problem} if problem else _seen(check.spec, course, arms, answers, now)

    return Question(queries, see, "; ".join(map(command_for, queries)))


def _course(spec: Mapping[str, Any], context: CheckContext, state: Mapping[str, Any], now: datetime) -> _Course:
    period = int(spec.get("period", MINUTE))
    if context.since is None and "begin" not in state:
        raise ValueError("nobody knows since when the release has been there to be compared")
    since = context.since.timestamp() if context.since else 0.0
    warmed = math.ceil((since + float(spec.get("warm_up", 0))) / period) * period
    begin = int(state.get("begin") or warmed)
    origin = int(state.get("origin") or math.floor((since - float(spec.get("gap", GAP))) / period) * period)
    ends = [context.until.timestamp()] if context.until else []
    if "for" in spec:
        ends.append(begin + float(spec["for"]))
    return _Course(
        period,
        begin,
        origin,
        int(state.get("through") or begin),
        math.floor(min(ends) / period) * period if ends else None,
        min(ends, default=math.inf),
        last_complete(now, period, float(spec.get("delay", MINUTE))),
    )


# --- what is asked -----------------------------------------------------------------------------------

_Arm = Mapping[str, Mapping[str, MetricQuery]]
"""The questions of one arm, by region and by role."""


def _arms(spec: Mapping[str, Any], context: CheckContext, course: _Course) -> tuple[_Arm, _Arm]:
    """The questions of the baseline, and of the candidate."""
    periods = course.periods
    now = (periods.start, periods.stop)
    before = now if is_side_by_side(spec) else (course.past(periods[-1]), course.past(periods[0]) + course.period)
    return (
        _arm(spec, context, "baseline", (course.period, *before)),
        _arm(spec, context, "candidate", (course.period, *now)),
    )


def _arm(spec: Mapping[str, Any], context: CheckContext, arm: str, times: tuple[int, int, int]) -> _Arm:
    return {
        region: {
            role: MetricQuery.of(stat, region, *times)
            for role, stat in _stats(spec, context, region, spec.get(arm, {})).items()
        }
        for region in regions_of(spec, context)
    }


def _stats(
    spec: Mapping[str, Any], context: CheckContext, region: str, dimensions: Mapping[str, str]
) -> dict[str, MetricStat]:
    """What one arm is asked for: the events, and the requests where they are counted."""

    def stat(statistic: str, key: str = "metric") -> MetricStat:
        return stat_of(spec, context, region, key=key, dimensions=dimensions, statistic=statistic)

    if spec.get("kind") == "latency":
        # The percentage of requests that were as quick as the limit, or quicker (user guide, "Statistics definitions").
        return {"quick": stat(f"PR(:{float(spec['slower_than']):g})"), "requests": stat("SampleCount")}
    if spec.get("per"):
        return {"events": stat("Sum"), "requests": stat("Sum", "per")}
    return {"events": stat("Sum")}


# --- what came back ----------------------------------------------------------------------------------


def _seen(
    spec: Mapping[str, Any], course: _Course, arms: Sequence[_Arm], answers: Answers, now: datetime
) -> dict[str, Any]:
    looks: list[list[Any]] = []
    has_requests = spec.get("kind") == "latency" or bool(spec.get("per"))
    # The answers are those to all checks' questions; ours are few among them.
    table = {query: dict(answers[query].points) for arm in arms for own in arm.values() for query in own.values()}
    through, regions = course.through, tuple(arms[1]) if arms else ()
    there = {region: [False, False] for region in regions}
    for at in course.periods:
        before = at if is_side_by_side(spec) else course.past(at)
        counts = [(_counts(arms[0][region], table, before), _counts(arms[1][region], table, at)) for region in regions]
        is_late = now.timestamp() >= at + course.period + float(spec.get("late", LATE))
        if not _is_whole(counts, has_requests=has_requests) and not is_late:
            break
        through = at + course.period
        for region, pair in zip(regions, counts, strict=True):
            there[region] = [there[region][arm] or _has_data(pair[arm], has_requests) for arm in (0, 1)]
        row = _row(through, counts, has_requests=has_requests)
        # Without requests, no data in both arms may mean no events or no metric: nothing can be concluded.
        if has_requests or row[1] is not None or row[3] is not None:
            looks.append(row)
    seen: dict[str, Any] = {"looks": looks, "through": through, "begin": course.begin, "origin": course.origin}
    if len(regions) > 1:
        seen["regions"] = there
    if course.end is not None:
        seen["bake"] = max(course.end - course.begin, course.period)
        seen["is_final"] = through >= course.end and now.timestamp() >= course.ends_at
    return seen


_Table = Mapping[MetricQuery, Mapping[int, float]]
"""Values by question and by the beginning of their period."""


def _counts(queries: Mapping[str, MetricQuery], table: _Table, at: int) -> Counts:
    found = {role: table[query].get(at) for role, query in queries.items()}
    if "quick" in found:
        quick, requests = found["quick"], found["requests"]
        slow = None if quick is None or requests is None else round(requests * (100 - quick) / 100)
        return slow, requests if slow is not None else None
    if "requests" not in found:
        return found["events"], None
    # Many metrics of errors have no data while there are none: that there are none is for the assessment to say.
    return found["events"], found["requests"]


def _is_whole(counts: list[tuple[Counts, Counts]], *, has_requests: bool) -> bool:
    """True when both arms have their data in every region; what was counted and is 0 has arrived too."""
    return all(arm[1 if has_requests else 0] is not None for pair in counts for arm in pair)


def _has_data(counts: Counts, has_requests: bool) -> bool:
    events, requests = counts
    return bool(requests) if has_requests else events is not None


def _row(end: int, counts: list[tuple[Counts, Counts]], *, has_requests: bool) -> list[Any]:
    """One look, over the regions in which both arms had requests."""
    if not has_requests:
        sums = [_sum([pair[arm][0] for pair in counts]) for arm in (0, 1)]
        return [end, sums[0], None, sums[1], None]
    both = [pair for pair in counts if pair[0][1] and pair[1][1]]
    row: list[Any] = [end]
    for arm in (0, 1):
        usable = both or [((None, 0.0), (None, 0.0))]
        row += [_sum([pair[arm][0] for pair in usable]), _sum([pair[arm][1] for pair in usable])]
    return row


def _sum(values: list[float | None]) -> float | str | None:
    there = [value for value in values if value is not None]
    return as_json(sum(there)) if there else None
