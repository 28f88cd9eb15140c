"""The way back: stop what runs, deploy the last good release, ask the instances, settle with the pipeline, file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec

from deliverkit.domain.analysis import judge_gate
from deliverkit.domain.carriage import TargetReport
from deliverkit.domain.drafts import are_right, conclusion, describe_wrong, measurements, observation
from deliverkit.domain.effects import (
    Begun,
    Effect,
    Fact,
    File,
    Filed,
    FollowRevert,
    Locate,
    NotBegun,
    Refused,
    Revert,
    RevertBegun,
    RevertSeen,
    Seen,
    Settle,
    Settled,
    Stop,
    Verified,
    Verify,
)
from deliverkit.domain.environment import OnFailure
from deliverkit.domain.gate import Check, CheckKind, Gate, Verdict
from deliverkit.domain.ledger import Draft
from deliverkit.domain.rollout import AbortMode, Cause, Outcome, Phase, Rollout

CONFIRM_PATIENCE = timedelta(minutes=2)
"""How long the targets may take to serve the last good release after its deployment succeeded."""
REVERT_ATTEMPTS = 2
"""Once through the pipeline if there is one, once directly."""
_ASKS_INSTANCES = frozenset({CheckKind.HTTP.value, CheckKind.COMMAND.value})
_OUTCOMES = {
    Cause.REJECTED: Outcome.REJECTED,
    Cause.LOCKED: Outcome.LOCKED,
    Cause.UNTRUSTED: Outcome.UNTRUSTED,
}
Facts = Sequence[Fact]


def gates_that_confirm(rollout: Rollout) -> tuple[str, ...]:
    """Gates that stand in for asking the instances what they serve, where the configuration does not say how to ask."""
    if rollout.leg.serves is not None:
        return ()
    watched = dict.fromkeys((*rollout.leg.after, *rollout.leg.during))
    return tuple(gate for gate in watched if _asking(rollout.plan.gates[gate]))


def _asking(gate: Gate) -> tuple[Check, ...]:
    """The checks that ask instances themselves: others judge a release that has just gone."""
    return tuple(check for check in gate.counting if check.kind in _ASKS_INSTANCES)


# --- stopping --------------------------------------------------------------------------------------


def _react_stopping(rollout: Rollout, facts: Facts, _now: datetime) -> Iterable[Draft]:
    for fact in facts:
        if isinstance(fact, Begun):
            return [Draft("deployment.begun", {"leg": fact.leg, "handle": dict(fact.handle)})]
        if isinstance(fact, NotBegun):
            return [Draft("deployment.not_begun", {"leg": fact.leg})]
        if isinstance(fact, Refused):
            return [conclusion(Outcome.UNRESOLVED, f"{_why(rollout)}; what runs could not be stopped: {fact.reason}")]
        if isinstance(fact, Seen) and fact.carriage != rollout.carriage:
            return [observation(fact.carriage)]
    return [] if _still_runs(rollout) else [_turn_back(rollout)]


def _still_runs(rollout: Rollout) -> bool:
    if _is_unknown(rollout):
        return True
    is_over = rollout.carriage is not None and rollout.carriage.status.is_over
    return _handle_to_stop(rollout) is not None and not is_over


def _is_unknown(rollout: Rollout) -> bool:
    return rollout.is_admitted and rollout.leg_index not in rollout.begun


def _handle_to_stop(rollout: Rollout) -> dict[str, str] | None:
    # A later leg of a pipeline that was not begun still has the running execution waiting in front of it.
    own = rollout.begun.get(rollout.leg_index)
    waiting = rollout.begun.get(rollout.leg_index - 1) if rollout.leg.stage else None
    handle = own or waiting
    return dict(handle) if handle else None


def _turn_back(rollout: Rollout) -> Draft:
    legs = rollout.changed_legs
    cause = rollout.failure.cause if rollout.failure else Cause.ABORTED
    if not legs:
        return conclusion(
            _OUTCOMES.get(cause, Outcome.FAILED), f"{_why(rollout)}; {rollout.leg.environment} is unchanged"
        )
    if rollout.abort is AbortMode.STOP:
        return conclusion(Outcome.UNRESOLVED, f"{_why(rollout)}; stopped without rollback, targets may differ")
    failed = rollout.failure.gate if rollout.failure else ""
    if rollout.on_failure(failed) is OnFailure.OBSERVE and rollout.abort is None:
        return conclusion(Outcome.UNRESOLVED, f"{_why(rollout)}; on_failure is observe, so nothing was rolled back")
    if any(rollout.plan.legs[index].previous is None for index in legs):
        return conclusion(Outcome.UNRESOLVED, f"{_why(rollout)}; there is no earlier good release to go back to")
    return Draft("rollback.requested", {"legs": list(legs), "reason": _why(rollout)})


def _why(rollout: Rollout) -> str:
    return rollout.failure.reason if rollout.failure else "aborted"


def _intend_stopping(rollout: Rollout, is_time: bool) -> Iterable[Effect]:
    handle = _handle_to_stop(rollout)
    if _is_unknown(rollout):
        yield Locate(rollout.leg_index)
    elif handle and is_time and _still_runs(rollout):
        yield Stop(rollout.leg_index, handle, f"deliverkit {rollout.id}: {_why(rollout)}")


# --- reverting -------------------------------------------------------------------------------------


def _react_reverting(rollout: Rollout, facts: Facts, _now: datetime) -> Iterable[Draft]:
    drafts: list[Draft] = []
    for fact in facts:
        if isinstance(fact, Refused):
            return [conclusion(Outcome.UNRESOLVED, f"{_why(rollout)}; the rollback was refused: {fact.reason}")]
        if isinstance(fact, RevertBegun):
            drafts.append(_revert_begun(rollout, fact))
        elif isinstance(fact, RevertSeen):
            drafts.extend(_react_to_revert(rollout, fact))
    is_there = rollout.arrived >= set(rollout.reverting)
    return drafts or ([Draft("rollback.deployed", {})] if is_there else [])


def _revert_begun(rollout: Rollout, fact: RevertBegun) -> Draft:
    previous = rollout.plan.legs[fact.leg].previous
    version = previous.version if previous else ""
    return Draft("rollback.begun", {"leg": fact.leg, "handle": dict(fact.handle), "version": version})


def _react_to_revert(rollout: Rollout, fact: RevertSeen) -> Iterable[Draft]:
    if fact.carriage != rollout.carriage:
        yield observation(fact.carriage)
    if fact.carriage.status.has_arrived:
        yield Draft("rollback.arrived", {"leg": fact.leg})
    elif fact.carriage.status.is_over:
        yield _after_failed_revert(rollout, fact)


def _after_failed_revert(rollout: Rollout, fact: RevertSeen) -> Draft:
    if rollout.revert_attempts.get(fact.leg, 0) < REVERT_ATTEMPTS:
        return Draft("rollback.retried", {"leg": fact.leg, "reason": fact.carriage.reason})
    return conclusion(Outcome.UNRESOLVED, f"{_why(rollout)}; the rollback failed too: {fact.carriage.reason}")


def _intend_reverting(rollout: Rollout, is_time: bool) -> Iterable[Effect]:
    for index in rollout.reverting:
        handle = rollout.reverts.get(index)
        if handle is None:
            yield Revert(index, rollout.revert_attempts.get(index, 0) + 1)
        elif is_time and index not in rollout.arrived:
            yield FollowRevert(index, handle)


# --- confirming and settling -----------------------------------------------------------------------


def _react_confirming(rollout: Rollout, facts: Facts, now: datetime) -> Iterable[Draft]:
    taken = measurements(facts)
    if taken:
        return taken
    reports = _reports_of_all_legs(rollout, facts)
    if reports is None:
        return []
    if are_right(reports) and _is_confirmed(rollout, reports, now):
        return [Draft("rollback.verified", {"targets": msgspec.to_builtins(reports)})]
    if now < rollout.since + CONFIRM_PATIENCE and not _can_never_be_confirmed(rollout, reports):
        return []
    return [conclusion(Outcome.UNRESOLVED, f"{_why(rollout)}; {_doubt(reports)}", reports)]


def _reports_of_all_legs(rollout: Rollout, facts: Facts) -> tuple[TargetReport, ...] | None:
    """What all targets serve; None until every leg has been asked. A leg without any target is reported as such."""
    asked = {fact.leg: fact.reports for fact in facts if isinstance(fact, Verified)}
    if set(asked) < set(rollout.reverting):
        return None
    if not all(asked.values()):
        return ()
    return tuple(report for index in rollout.reverting for report in asked[index])


def _is_confirmed(rollout: Rollout, reports: Sequence[TargetReport], now: datetime) -> bool:
    if all(report.was_asked for report in reports):
        return True
    gates = [rollout.plan.gates[name] for name in gates_that_confirm(rollout)]
    asking = [replace(gate, checks=_asking(gate)) for gate in gates]
    judged = [judge_gate(gate, rollout.analysis, waited=timedelta(0), now=now) for gate in asking]
    return bool(gates) and all(found is not None and found.verdict is Verdict.PASSED for found in judged)


def _can_never_be_confirmed(rollout: Rollout, reports: Sequence[TargetReport]) -> bool:
    is_unasked = any(not report.was_asked for report in reports)
    return is_unasked and not gates_that_confirm(rollout)


def _doubt(reports: Sequence[TargetReport]) -> str:
    if are_right(reports):
        return "rolled back, but nothing asked the instances what they serve: configure `serves` for the environment"
    return f"rolled back, but not every target serves the earlier release: {describe_wrong(reports)}"


def _intend_confirming(rollout: Rollout, is_time: bool) -> Iterable[Effect]:
    for index in rollout.reverting:
        previous = rollout.plan.legs[index].previous
        if is_time and previous is not None:
            yield Verify(index, previous)


def _react_settling(rollout: Rollout, facts: Facts, _now: datetime) -> Iterable[Draft]:
    previous = rollout.leg.previous
    verified = f"{_why(rollout)}; rolled back to {previous.version if previous else '?'}, verified at the targets"
    settled = {fact.leg for fact in facts if isinstance(fact, Settled)}
    if settled >= set(rollout.reverting):
        return [conclusion(Outcome.ROLLED_BACK, verified)]
    for fact in facts:
        if isinstance(fact, RevertSeen) and fact.carriage.status.is_over:
            return [
                conclusion(
                    Outcome.ROLLED_BACK, f"{verified}; the pipeline's own rollback ended: {fact.carriage.reason}"
                )
            ]
    return []


def _intend_settling(rollout: Rollout, is_time: bool) -> Iterable[Effect]:
    if is_time:
        yield from (Settle(index, rollout.reverts[index]) for index in rollout.reverting)


# --- filing ----------------------------------------------------------------------------------------


def _react_concluded(_rollout: Rollout, facts: Facts, _now: datetime) -> Iterable[Draft]:
    return [Draft("promotion.closed", {})] if any(isinstance(fact, Filed) for fact in facts) else []


def _intend_concluded(_rollout: Rollout, _is_time: bool) -> Iterable[Effect]:
    yield File()


REACTIONS = {
    Phase.STOPPING: _react_stopping,
    Phase.REVERTING: _react_reverting,
    Phase.CONFIRMING: _react_confirming,
    Phase.SETTLING: _react_settling,
    Phase.CONCLUDED: _react_concluded,
}
INTENTS = {
    Phase.STOPPING: _intend_stopping,
    Phase.REVERTING: _intend_reverting,
    Phase.CONFIRMING: _intend_confirming,
    Phase.SETTLING: _intend_settling,
    Phase.CONCLUDED: _intend_concluded,
}
