"""Gates: what is measured, how measurements add up, and the verdict with its reason.

Failed means measured and bad; error means it could not be measured; inconclusive means a human must decide. Nothing
measured is never a pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

LATENCY_WINDOW = 40
"""How many of the latest latencies a percentile is taken over."""
LATENCY_MINIMUM = 5
"""Below this many samples a 95th percentile would merely be the slowest request."""


class Verdict(StrEnum):
    """What a measurement, an analysis or a whole gate comes to."""

    PASSED = "passed"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    FAILED = "failed"


_SEVERITY: Mapping[Verdict, int] = {
    Verdict.PASSED: 0,
    Verdict.INCONCLUSIVE: 1,
    Verdict.ERROR: 2,
    Verdict.FAILED: 3,
}


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The gravest of several verdicts; of none at all it is `error`, because nothing was measured."""
    return max(verdicts, key=_SEVERITY.__getitem__, default=Verdict.ERROR)


class GateKind(StrEnum):
    """What a gate asks."""

    HTTP = "http"
    ALARM = "alarm"
    COMMAND = "command"
    TARGETS = "targets"
    JENKINS = "jenkins"


@dataclass(frozen=True, slots=True)
class Policy:
    """When measurements become a verdict. All limits are strictly exceeded: `failed > failure_limit`.

    Attributes:
        every: Time from one measurement to the next.
        passes: Passing measurements in a row that a pass needs.
        failure_limit: Failed measurements that are still tolerated.
        error_limit: Errors in a row that are still tolerated.
        inconclusive_limit: Inconclusive measurements that are still tolerated.
        deadline: Time within which the passes must come once the gate has to be passed.
        p95: Upper bound of the 95th percentile of response times; None sets no bound.
    """

    every: timedelta = timedelta(seconds=5)
    passes: int = 1
    failure_limit: int = 0
    error_limit: int = 4
    inconclusive_limit: int = 0
    deadline: timedelta = timedelta(minutes=5)
    p95: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """A named point that must be passed.

    Attributes:
        name: As the configuration names it.
        kind: Which check measures it.
        spec: The check's own settings, JSON-able, placeholders not yet filled in.
        policy: When measurements become a verdict.
    """

    name: str
    kind: GateKind
    spec: Mapping[str, Any]
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One sample of one gate.

    Attributes:
        gate: Name of the gate.
        at: When it was taken, UTC.
        outcome: What the sample alone says.
        reason: One line: what was asked, what came back, why that is good or bad.
        latencies: Response times in seconds, one for each request; empty when nothing was timed.
    """

    gate: str
    at: datetime
    outcome: Verdict
    reason: str
    latencies: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Analysis:
    """All measurements of one gate so far, added up.

    Attributes:
        gate: The gate's name.
        taken: Measurements in all.
        failed: Failed ones.
        inconclusive: Inconclusive ones.
        passes_in_a_row: Passing ones since the last that did not pass.
        errors_in_a_row: Errors since the last that was not an error.
        last: The latest measurement.
        latencies: The latest response times in seconds, oldest first.
    """

    gate: str
    taken: int = 0
    failed: int = 0
    inconclusive: int = 0
    passes_in_a_row: int = 0
    errors_in_a_row: int = 0
    last: Measurement | None = None
    latencies: tuple[float, ...] = ()

    def including(self, measurement: Measurement, policy: Policy) -> Analysis:
        """The analysis with one more measurement; a percentile out of bounds turns a pass into a failure."""
        latencies = (*self.latencies, *measurement.latencies)[-LATENCY_WINDOW:]
        sample = _bounded_by_percentile(measurement, latencies, policy)
        return replace(
            self,
            taken=self.taken + 1,
            failed=self.failed + (sample.outcome is Verdict.FAILED),
            inconclusive=self.inconclusive + (sample.outcome is Verdict.INCONCLUSIVE),
            passes_in_a_row=self.passes_in_a_row + 1 if sample.outcome is Verdict.PASSED else 0,
            errors_in_a_row=self.errors_in_a_row + 1 if sample.outcome is Verdict.ERROR else 0,
            last=sample,
            latencies=latencies,
        )

    def is_due(self, now: datetime, policy: Policy) -> bool:
        """True when the next measurement should be taken."""
        return self.last is None or now >= self.last.at + policy.every

    def next_due(self, policy: Policy) -> datetime | None:
        """When the next measurement falls due; None for at once."""
        return self.last.at + policy.every if self.last else None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and the sentence that explains it."""

    verdict: Verdict
    reason: str


def condemn(analysis: Analysis, policy: Policy) -> Judgement | None:
    """The verdict that is already certain because a limit is exceeded; None while all limits hold."""
    because = f": {analysis.last.reason}" if analysis.last else ""
    if analysis.failed > policy.failure_limit:
        return Judgement(
            Verdict.FAILED, f"failed ({analysis.failed}) > failure_limit ({policy.failure_limit}){because}"
        )
    if analysis.errors_in_a_row > policy.error_limit:
        counted = f"errors in a row ({analysis.errors_in_a_row}) > error_limit ({policy.error_limit})"
        return Judgement(Verdict.ERROR, counted + because)
    if analysis.inconclusive > policy.inconclusive_limit:
        counted = f"inconclusive ({analysis.inconclusive}) > inconclusive_limit ({policy.inconclusive_limit})"
        return Judgement(Verdict.INCONCLUSIVE, counted + because)
    return None


def judge(analysis: Analysis, policy: Policy, *, waited: timedelta) -> Judgement | None:
    """The verdict on a gate that has to be passed now; None while it is still open.

    Args:
        analysis: What was measured so far.
        policy: The gate's rules.
        waited: Time since the gate has had to be passed.
    """
    condemned = condemn(analysis, policy)
    if condemned:
        return condemned
    if analysis.passes_in_a_row >= policy.passes:
        return Judgement(Verdict.PASSED, f"passed {analysis.passes_in_a_row} times in a row, {policy.passes} needed")
    if waited >= policy.deadline:
        within = f"within {policy.deadline.total_seconds():g} s"
        seen = f"{analysis.passes_in_a_row} of {policy.passes} passes in a row {within}"
        return Judgement(Verdict.INCONCLUSIVE if analysis.taken else Verdict.ERROR, f"not enough evidence: {seen}")
    return None


def percentile(values: Iterable[float], share: float) -> float:
    """The nearest-rank percentile: the smallest value that at least `share` of all values do not exceed.

    Raises:
        ValueError: If there are no values, or the share is not above 0 and at most 1.
    """
    ordered = sorted(values)
    if not ordered or not 0 < share <= 1:
        raise ValueError(f"no {share:.0%} percentile of {len(ordered)} values")
    return ordered[math.ceil(share * len(ordered)) - 1]


def _bounded_by_percentile(measurement: Measurement, latencies: tuple[float, ...], policy: Policy) -> Measurement:
    is_bounded = policy.p95 is not None and len(latencies) >= LATENCY_MINIMUM and measurement.outcome is Verdict.PASSED
    if not is_bounded or policy.p95 is None:
        return measurement
    observed, bound = percentile(latencies, 0.95), policy.p95.total_seconds()
    if observed <= bound:
        return measurement
    slow = f"p95 of the last {len(latencies)} requests is {observed * 1000:.0f} ms, allowed are {bound * 1000:.0f} ms"
    return replace(measurement, outcome=Verdict.FAILED, reason=slow)
