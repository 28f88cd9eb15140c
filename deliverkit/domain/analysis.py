"""How the measurements of checks add up, and the verdicts on a check and on a whole gate, each with its reason."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from deliverkit.domain.checks import carry_on
from deliverkit.domain.gate import Check, Gate, Measurement, Policy, Verdict, worst

FRESH = timedelta(minutes=2)
"""How long a measurement may take on top of two intervals, before the one before it is too old to go by."""
REASONS_LIMIT = 5
"""Checks of a gate whose reasons are told, of those that came to the same verdict."""
LATENCY_WINDOW = 40
"""How many of the latest latencies a percentile is taken over."""
LATENCY_MINIMUM = 5
"""Below this many samples a 95th percentile would merely be the slowest request."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """All measurements of one check so far, added up.

    Attributes:
        key: The check's key.
        taken: Measurements in all.
        counted: Those among them that may speak for the release: it was there when they were taken.
        failed: Failed ones.
        inconclusive: Inconclusive ones.
        passes_in_a_row: Passing ones since the last that did not pass.
        errors_in_a_row: Errors since the last that was not an error.
        most_errors_in_a_row: The longest such row so far: a limit that was exceeded stays so, whatever comes after.
        last: The latest measurement.
        latencies: The latest response times in seconds, oldest first.
        state: What the check's kind carries from one measurement to the next; None for most kinds.
    """

    key: str
    taken: int = 0
    counted: int = 0
    failed: int = 0
    inconclusive: int = 0
    passes_in_a_row: int = 0
    errors_in_a_row: int = 0
    most_errors_in_a_row: int = 0
    last: Measurement | None = None
    latencies: tuple[float, ...] = ()
    state: Any = None

    def including(self, measurement: Measurement, check: Check, *, is_early: bool = False) -> Analysis:
        """The analysis with one more measurement; a percentile out of bounds turns a pass into a failure.

        Args:
            measurement: What was measured.
            check: Of which check.
            is_early: True while the release is not yet at its targets: that may fail a gate, and never passes it.
        """
        state = carry_on(check, measurement, self.carried(is_early=is_early))
        return self.taking(measurement, check, state, is_early=is_early)

    def carried(self, *, is_early: bool) -> Any:
        """The state that the next measurement goes on with: none for the first that may speak for the release."""
        return self.state if is_early or self.counted else None

    def taking(self, measurement: Measurement, check: Check, state: Any, *, is_early: bool = False) -> Analysis:
        """The same, where the state that the measurement leaves is known already."""
        counted = self.counted + (not is_early)
        if measurement.is_open:
            # Only the last word counts as a pass, and this one says that it cannot be told yet.
            undecided: dict[str, Any] = {"passes_in_a_row": 0, "errors_in_a_row": 0}
            return replace(self, taken=self.taken + 1, counted=counted, last=measurement, state=state, **undecided)
        policy = check.policy
        before = self.latencies if is_early or self.counted else ()
        latencies = (*before, *measurement.latencies)[-LATENCY_WINDOW:]
        sample = _bounded_by_percentile(measurement, latencies, policy)
        errors = self.errors_in_a_row + 1 if sample.outcome is Verdict.ERROR else 0
        return replace(
            self,
            taken=self.taken + 1,
            counted=counted,
            failed=self.failed + (sample.outcome is Verdict.FAILED),
            inconclusive=self.inconclusive + (sample.outcome is Verdict.INCONCLUSIVE),
            passes_in_a_row=self.passes_in_a_row + 1 if sample.outcome is Verdict.PASSED and not is_early else 0,
            errors_in_a_row=errors,
            most_errors_in_a_row=max(self.most_errors_in_a_row, errors),
            last=sample,
            latencies=latencies,
            state=state,
        )

    def is_complete(self, policy: Policy) -> bool:
        """True when all measurements that the policy allows have been taken."""
        return bool(policy.count) and self.counted >= policy.count

    def is_fresh(self, policy: Policy, now: datetime) -> bool:
        """False when the last measurement is too old to say how things are: nobody watched, or the next never came."""
        return self.last is not None and now <= self.last.at + 2 * policy.every + FRESH

    def next_due(self, policy: Policy, since: datetime) -> datetime | None:
        """When the next measurement falls due, which may have passed; None for never.

        Args:
            policy: The check's rules.
            since: When the check began to be watched.
        """
        if self.is_complete(policy):
            return None
        return self.last.at + policy.every if self.last else since + policy.initial_delay


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and the sentence that explains it."""

    verdict: Verdict
    reason: str


def condemn(analysis: Analysis, policy: Policy) -> Judgement | None:
    """The verdict that is already certain because a limit is exceeded; None while all limits hold."""
    because = f": {analysis.last.reason}" if analysis.last else ""
    if analysis.failed > policy.failure_limit:
        return Judgement(Verdict.FAILED, f"failed {tolerated(analysis.failed, policy.failure_limit)}{because}")
    errors = analysis.most_errors_in_a_row
    if errors > policy.error_limit:
        counted = f"could not be measured {tolerated(errors, policy.error_limit, 'in a row')}"
        return Judgement(Verdict.ERROR, counted + because)
    if analysis.inconclusive > policy.inconclusive_limit:
        counted = f"inconclusive {tolerated(analysis.inconclusive, policy.inconclusive_limit)}"
        return Judgement(Verdict.INCONCLUSIVE, counted + because)
    return None


def tolerated(count: int, limit: int, how: str = "") -> str:
    """A count beside its limit, for people: `3 times, 2 are tolerated`; `how` says how they are counted."""
    allowed = {0: "none is", 1: "1 is"}.get(limit, f"{limit} are")
    return f"{times(count)}{f' {how}' if how and count != 1 else ''}, {allowed} tolerated"


def times(count: int) -> str:
    """How often: `1 time`, `3 times`."""
    return "1 time" if count == 1 else f"{count:,} times"


def judge(analysis: Analysis, policy: Policy, *, waited: timedelta, now: datetime) -> Judgement | None:
    """The verdict on a check that has to be passed now; None while it is still open.

    Args:
        analysis: What was measured so far.
        policy: The check's rules.
        waited: Time since its gate has had to be passed, and somebody could measure.
        now: The present moment, in whose light passes may be too old to go by.
    """
    condemned = condemn(analysis, policy)
    if condemned:
        return condemned
    is_current = analysis.is_complete(policy) if policy.count else analysis.is_fresh(policy, now)
    if analysis.passes_in_a_row >= policy.passes and is_current:
        return Judgement(Verdict.PASSED, f"passed {times(analysis.passes_in_a_row)} in a row, {policy.passes} needed")
    if analysis.is_complete(policy):
        seen = (
            f"{analysis.passes_in_a_row} of {policy.passes} passes in a row at the end of {policy.count} measurements"
            f"{_last_word(analysis)}"
        )
        return Judgement(Verdict.INCONCLUSIVE, f"not enough evidence: {seen}")
    if waited >= policy.deadline + policy.initial_delay:
        if analysis.last and not analysis.is_fresh(policy, now):
            since = f"the last measurement is of {analysis.last.at:%Y-%m-%d %H:%M:%S} UTC"
            return Judgement(Verdict.INCONCLUSIVE, f"not enough evidence: {since}, and the next has not come back")
        within = f"within {policy.deadline.total_seconds():g} s"
        seen = f"{analysis.passes_in_a_row} of {policy.passes} passes in a row {within}{_last_word(analysis)}"
        return Judgement(Verdict.INCONCLUSIVE if analysis.taken else Verdict.ERROR, f"not enough evidence: {seen}")
    return None


def _last_word(analysis: Analysis) -> str:
    """Why the last measurement was no pass; empty when it was one."""
    last = analysis.last
    return f"; the last: {last.reason}" if last and (last.is_open or last.outcome is not Verdict.PASSED) else ""


Analyses = Callable[[str], Analysis]
"""Gives what was measured of a check so far, by its key."""


def condemn_gate(gate: Gate, analyses: Analyses) -> Judgement | None:
    """The verdict that is already certain because a check exceeds a limit; None while all limits hold.

    Raises nothing; a gate all of whose checks are merely observed is never condemned here, and never passes.
    """
    found = [(check, condemn(analyses(check.key), check.policy)) for check in gate.counting]
    return _together(gate, [(check, each) for check, each in found if each], analyses)


def judge_gate(gate: Gate, analyses: Analyses, *, waited: timedelta, now: datetime) -> Judgement | None:
    """The verdict on a gate that has to be passed now: the worst of its checks'; None while one is still open.

    Args:
        gate: The gate.
        analyses: What was measured so far.
        waited: Time since the gate has had to be passed, and somebody could measure.
        now: The present moment.
    """
    if not gate.counting:
        return Judgement(worst(()), "every check is only observed: nothing was measured that counts")
    condemned = condemn_gate(gate, analyses)
    if condemned:
        return condemned
    found = [(check, judge(analyses(check.key), check.policy, waited=waited, now=now)) for check in gate.counting]
    judged = [(check, each) for check, each in found if each]
    return _together(gate, judged, analyses) if len(judged) == len(found) else None


def _together(gate: Gate, judged: list[tuple[Check, Judgement]], analyses: Analyses) -> Judgement | None:
    """The worst of several judgements, with the reasons of all that are as bad; None for none."""
    if not judged:
        return None
    verdict = worst(judgement.verdict for _, judgement in judged)
    reasons = [_named(check, judgement) for check, judgement in judged if judgement.verdict is verdict]
    return Judgement(verdict, "; ".join([*_shortened(verdict, reasons), *_observed(gate, analyses)]))


def _shortened(verdict: Verdict, reasons: list[str]) -> list[str]:
    """As many as people read."""
    if len(reasons) <= REASONS_LIMIT:
        return reasons
    if verdict is Verdict.PASSED:
        return [f"all {len(reasons)} checks passed"]
    return [*reasons[:REASONS_LIMIT], f"and {len(reasons) - REASONS_LIMIT} checks more"]


def _named(check: Check, judgement: Judgement) -> str:
    return f"{check.name}: {judgement.reason}" if check.name else judgement.reason


def _observed(gate: Gate, analyses: Analyses) -> Iterable[str]:
    """What checks that do not count would have said against it."""
    for check in gate.checks:
        against = condemn(analyses(check.key), check.policy) if check.policy.observe_only else None
        if against:
            yield f"only observed: {_named(check, against)}"


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
