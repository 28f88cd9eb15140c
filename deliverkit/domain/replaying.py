"""Replaying gates: outcomes and verdicts are computed anew from what was seen, under the same rules or under others.

Pure, and offline: nothing is asked again. Under the same rules everything must come out as it is on record; what does
not was recorded by another version, or was made up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from deliverkit.domain.analysis import Analysis, Judgement, condemn_gate, judge_gate
from deliverkit.domain.checks import ERROR, assess_again, assessor_of, is_stateful
from deliverkit.domain.gate import Check, Gate, Measurement, Verdict, key_of
from deliverkit.domain.recording import Sample, Trial
from deliverkit.domain.wording import in_plain_words

Analyses = Mapping[str, Analysis]


@dataclass(frozen=True, slots=True)
class Retold:
    """A sample, assessed anew.

    Attributes:
        sample: As it is on record.
        now: What comes of it now.
        is_kept: True when it was taken over as it is recorded, for what was seen is not there or cannot be assessed.
        state: What the check's kind carries on after it.
    """

    sample: Sample
    now: Measurement
    is_kept: bool
    state: Any = None


@dataclass(frozen=True, slots=True)
class Difference:
    """What does not come out as it is on record.

    Attributes:
        event: Number of the event; of the judgement 0.
        check: The check's key; of a gate's judgement the gate's name.
        what: `outcome`, `value`, `digits` of a value beyond the ninth, `reason` or `verdict`.
        recorded: As it is on record.
        computed: As it comes out.
    """

    event: int
    check: str
    what: str
    recorded: str
    computed: str

    @property
    def is_grave(self) -> bool:
        """False for words and last digits: another version may have said the same differently."""
        return self.what not in {"reason", "digits"}


@dataclass(frozen=True, slots=True)
class Replay:
    """A trial computed anew under the rules of then.

    Attributes:
        trial: As it is on record.
        retold: Its samples, assessed anew.
        differences: What does not come out as it is on record; empty when all does.
    """

    trial: Trial
    retold: tuple[Retold, ...]
    differences: tuple[Difference, ...]

    @property
    def kept(self) -> int:
        """Samples of which only the recorded outcome is known."""
        return sum(each.is_kept for each in self.retold)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial comes to.

    Attributes:
        judgement: The verdict with its reason; None when it is still open where the record ends.
        at: When it was certain, UTC; the record's end for one that is open.
        analyses: What was measured until then, by the check's key.
    """

    judgement: Judgement | None
    at: datetime
    analyses: Analyses

    @property
    def verdict(self) -> Verdict | None:
        """The verdict; None when it is still open."""
        return self.judgement.verdict if self.judgement else None


def replay(trial: Trial) -> Replay:
    """Everything of a trial computed anew, held against the record."""
    retold = reassess(trial, trial.gate)
    found = [difference for each in retold for difference in _differences(each)]
    if trial.verdict is not None:
        found += _verdict_differences(trial, _added_up(trial.gate, retold))
    return Replay(trial, retold, tuple(found))


def reassess(trial: Trial, gate: Gate) -> tuple[Retold, ...]:
    """A trial's samples as a gate's rules assess them; samples of checks that the gate does not have are left out."""
    checks = {check.name: check for check in gate.checks}
    kinds = {check.name: check.kind for check in trial.gate.checks}
    states: dict[str, Any] = {}
    arrived: set[str] = set()
    retold = []
    for sample in trial.samples:
        check = checks.get(sample.measurement.check)
        if check is None:
            continue
        is_same_kind = kinds.get(check.name) == check.kind
        # With the release's arrival everything begins anew, as it did then.
        state = states.get(check.key) if sample.is_early or check.key in arrived else None
        if not sample.is_early:
            arrived.add(check.key)
        each = _again(check, sample, state) if is_same_kind else Retold(sample, sample.measurement, is_kept=True)
        states[check.key] = each.state
        retold.append(each)
    return tuple(retold)


def judge_anew(trial: Trial, gate: Gate, retold: Sequence[Retold] | None = None) -> Outcome:
    """When a gate's rules would have come to a verdict on a trial's samples, and to which.

    The gate is judged whenever something was recorded, when it falls due, and when a check's deadline passes.

    Args:
        trial: As it is on record.
        gate: The gate with the rules.
        retold: The samples as these rules assess them, where that is known already.
    """
    retold = reassess(trial, gate) if retold is None else retold
    gate = replace(gate, checks=tuple(check for check in gate.checks if check.name in _names(trial.gate)))
    analyses = {check.key: Analysis(check.key) for check in gate.checks}
    moments = iter(_moments(trial, gate, retold))
    at = trial.ended_at
    for at, taken in moments:
        _add(analyses, gate, taken)
        judgement = _judged(gate, analyses, trial, at)
        if judgement is not None:
            return Outcome(judgement, at, analyses)
    return Outcome(None, at, analyses)


def _moments(trial: Trial, gate: Gate, retold: Sequence[Retold]) -> list[tuple[datetime, list[Retold]]]:
    """All moments at which a gate is judged, with what was recorded then."""
    batches = groupby(retold, key=lambda each: (each.sample.event, each.sample.recorded_at))
    moments = [(at, list(batch)) for (_, at), batch in batches]
    if trial.due_at is not None:
        awaited = trial.awaited_since or trial.due_at
        deadlines = {awaited + check.policy.deadline + check.policy.initial_delay for check in gate.checks}
        moments += [(at, []) for at in {trial.due_at, *deadlines} if at <= trial.ended_at]
    moments.append((trial.ended_at, []))
    return sorted(moments, key=lambda moment: moment[0])


def _judged(gate: Gate, analyses: Analyses, trial: Trial, at: datetime) -> Judgement | None:
    if trial.due_at is None or at < trial.due_at:
        return condemn_gate(gate, analyses.__getitem__)
    return judge_gate(gate, analyses.__getitem__, waited=trial.waited(at), now=at)


def _again(check: Check, sample: Sample, state: Any) -> Retold:
    was = sample.measurement
    if was.seen is None or (assessor_of(check.kind) is None and not was.seen.get(ERROR)):
        return Retold(sample, was, is_kept=True, state=state)
    found = assess_again(check, was.seen, state)
    now = replace(was, outcome=found.outcome, reason=found.reason, value=found.value, is_open=found.is_open)
    is_carried = is_stateful(check.kind) and not was.seen.get(ERROR)
    return Retold(sample, now, is_kept=False, state=found.state if is_carried else state)


def _differences(retold: Retold) -> Iterator[Difference]:
    was, now, event = retold.sample.measurement, retold.now, retold.sample.event
    key = key_of(was.gate, was.check)
    if (was.outcome, was.is_open) != (now.outcome, now.is_open):
        yield Difference(event, key, "outcome", _outcome(was), f"{_outcome(now)}: {now.reason}")
    elif was.value != now.value:
        yield Difference(event, key, _value(was.value, now.value), str(was.value), str(now.value))
    elif was.reason != now.reason:
        yield Difference(event, key, "reason", was.reason, now.reason)


def _value(was: float | None, now: float | None) -> str:
    is_close = was is not None and now is not None and math.isclose(was, now, rel_tol=1e-9)
    return "digits" if is_close else "value"


def _outcome(measurement: Measurement) -> str:
    return f"{measurement.outcome.value}, still open" if measurement.is_open else measurement.outcome.value


def _verdict_differences(trial: Trial, analyses: Analyses) -> Iterable[Difference]:
    found = _judged(trial.gate, analyses, trial, trial.ended_at)
    if found is None or found.verdict is not trial.verdict:
        told = f"{found.verdict.value}: {found.reason}" if found else "still open"
        recorded = trial.verdict.value if trial.verdict else "still open"
        yield Difference(0, trial.gate.name, "verdict", recorded, told)
    elif in_plain_words(trial.reason) != found.reason:
        yield Difference(0, trial.gate.name, "reason", trial.reason, found.reason)


def _added_up(gate: Gate, retold: Iterable[Retold]) -> Analyses:
    analyses = {check.key: Analysis(check.key) for check in gate.checks}
    _add(analyses, gate, retold)
    return analyses


def _add(analyses: dict[str, Analysis], gate: Gate, retold: Iterable[Retold]) -> None:
    checks = {check.name: check for check in gate.checks}
    for each in retold:
        check = checks.get(each.now.check)
        if check is not None:
            analyses[check.key] = analyses[check.key].taking(each.now, check, each.state, is_early=each.sample.is_early)


def _names(gate: Gate) -> frozenset[str]:
    return frozenset(check.name for check in gate.checks)


# --- other rules -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rejudged:
    """A recorded trial under other rules.

    Attributes:
        trial: As it is on record.
        before: What the rules of then come to.
        after: What the other rules come to.
        notes: What cannot be told from the record.
    """

    trial: Trial
    before: Outcome
    after: Outcome
    notes: tuple[str, ...]

    @property
    def sooner(self) -> timedelta | None:
        """How much sooner the verdict is certain, negative for later; None when one of the two is open."""
        if self.before.judgement is None or self.after.judgement is None:
            return None
        return self.before.at - self.after.at


def rejudge(trial: Trial, gate: Gate) -> Rejudged:
    """Judge a recorded trial under other rules.

    Args:
        trial: As it is on record.
        gate: The gate with the other rules; a single check stands for a single check, whatever their names are.
    """
    gate = _named_alike(trial.gate, gate)
    return Rejudged(trial, judge_anew(trial, trial.gate), judge_anew(trial, gate), tuple(_notes(trial, gate)))


def _named_alike(then: Gate, now: Gate) -> Gate:
    if len(then.checks) == len(now.checks) == 1:
        return replace(now, checks=(replace(now.checks[0], name=then.checks[0].name),))
    return now


def _notes(trial: Trial, gate: Gate) -> Iterator[str]:
    then = {check.name: check for check in trial.gate.checks}
    for check in gate.checks:
        was = then.get(check.name)
        if was is None:
            yield f"{check.key} was not measured then, and is left out"
        elif was.kind != check.kind:
            yield f"{check.key} was a check of kind {was.kind}: its outcomes are taken as recorded"
        elif was.policy.every != check.policy.every or was.policy.initial_delay != check.policy.initial_delay:
            yield f"{check.key} was measured every {was.policy.every.total_seconds():g} s: no other samples are there"
    gone = [each.key for name, each in then.items() if name not in _names(gate)]
    if gone:
        yield f"{', '.join(gone)} is not in the other rules, and does not count"
    kept = sum(each.is_kept for each in reassess(trial, gate))
    if kept:
        yield f"of {kept} of {len(trial.samples)} measurements only the outcome is on record, and is taken as it is"
