"""The conductor: which events follow from facts, and which effects the state asks for. Pure; time is an argument.

`react` turns facts into events; `intend` reads the state the events lead to. Both only look at the state, so a process
that takes over after a crash goes on exactly where the other one ended. The way back is in `retreat`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from deliverkit.domain import retreat
from deliverkit.domain.carriage import Carriage, CarriageStatus
from deliverkit.domain.drafts import are_right, conclusion, describe_wrong, failure, measurements, observation
from deliverkit.domain.effects import (
    Accept,
    Announce,
    Announced,
    Begin,
    Begun,
    Claim,
    Claimed,
    Effect,
    Fact,
    Follow,
    Intent,
    Look,
    Measure,
    Refused,
    Seen,
    Verified,
    Verify,
)
from deliverkit.domain.judging import arrest, condemned, is_settled, judge_all, setback
from deliverkit.domain.ledger import Draft
from deliverkit.domain.rollout import FORWARD, AbortMode, Cause, Outcome, Phase, Rollout, approvers
from deliverkit.domain.window import parse_window

VERIFY_PATIENCE = timedelta(minutes=2)
"""How long the targets may take to serve the release after their deployment succeeded."""
Facts = Sequence[Fact]


def react(rollout: Rollout, facts: Facts, now: datetime) -> tuple[Draft, ...]:
    """The events that follow from the facts and from the passing of time; empty when nothing changed."""
    if rollout.phase in FORWARD or rollout.phase is Phase.PAUSED:
        aborted = _react_to_abort(rollout)
        if aborted:
            return aborted
    reaction = _REACTIONS.get(rollout.phase) or retreat.REACTIONS.get(rollout.phase)
    return tuple(reaction(rollout, facts, now)) if reaction else ()


def intend(rollout: Rollout, now: datetime, *, looked_at: datetime | None, pace: timedelta) -> Intent:
    """What to do next.

    Args:
        rollout: The state.
        now: The present moment.
        looked_at: When this process last looked at the remote side; None for never.
        pace: Time from one look to the next.
    """
    is_time = looked_at is None or now >= looked_at + pace
    planned = _INTENTS.get(rollout.phase) or retreat.INTENTS.get(rollout.phase)
    effects: tuple[Effect, ...] = tuple(planned(rollout, is_time)) if planned else ()
    watched = _gates_under_way(rollout, now)
    measuring = _due(rollout, watched, now)
    next_look = now + pace if looked_at is None or is_time else looked_at + pace
    wake_at = min([next_look, *_wake_times(rollout, watched, now)])
    return Intent((*effects, *measuring), wake_at)


# --- on the way ------------------------------------------------------------------------------------


def _react_to_abort(rollout: Rollout) -> tuple[Draft, ...]:
    if rollout.abort is None:
        return ()
    if rollout.abort is AbortMode.DETACH:
        where = f"in phase {rollout.phase} of {rollout.leg.label}; what AWS was doing goes on unwatched"
        return (conclusion(Outcome.DETACHED, f"detached {where}"),)
    return (failure(Cause.ABORTED, f"aborted while {rollout.phase} {rollout.leg.label}"),)


def _react_claiming(rollout: Rollout, facts: Facts, _now: datetime) -> Iterable[Draft]:
    for fact in facts:
        if isinstance(fact, Refused):
            yield failure(fact.cause, fact.reason)
        elif isinstance(fact, Claimed):
            yield Draft("environment.claimed", {"environment": fact.environment})


def _react_checking(rollout: Rollout, facts: Facts, now: datetime) -> Iterable[Draft]:
    taken = measurements(facts)
    if taken:
        return taken
    verdicts, is_open = judge_all(rollout, rollout.leg.before, rollout.since, now)
    if verdicts or is_open:
        return verdicts
    return _next_after_checks(rollout, now)


def _next_after_checks(rollout: Rollout, now: datetime) -> list[Draft]:
    policy = rollout.leg.approvals
    if policy is None or policy.needed == 0:
        return _admit(rollout, now, ())
    expires_at = now + policy.expires
    payload = {"leg": rollout.leg_index, "gate": rollout.leg.label, "needed": policy.needed}
    return [Draft("approval.requested", {**payload, "expires_at": expires_at.isoformat()})]


def _admit(rollout: Rollout, now: datetime, by: tuple[str, ...]) -> list[Draft]:
    # An approval given at noon must not deploy at midnight: the window is asked at the moment of entry.
    if rollout.leg.window and not parse_window(rollout.leg.window).is_open(now):
        return []
    return [Draft("leg.admitted", {"leg": rollout.leg_index, "by": list(by)})]


def _react_approving(rollout: Rollout, facts: Facts, now: datetime) -> Iterable[Draft]:
    policy = rollout.leg.approvals
    assert policy is not None
    decisions = approvers(rollout)
    refusal = next((decision for decision in rollout.decisions if not decision.is_approved), None)
    if refusal:
        return [failure(Cause.REJECTED, f"rejected by {refusal.who}: {refusal.reason}")]
    if len(decisions) >= policy.needed:
        return _admit(rollout, now, tuple(decision.who for decision in decisions))
    if rollout.approval_expires_at and now >= rollout.approval_expires_at:
        given = f"{len(decisions)} of {policy.needed} approvals were given"
        return [failure(Cause.EXPIRED, f"the approval request for {rollout.leg.label} expired: {given}")]
    return _react_to_pipeline_while_approving(facts)


def _react_to_pipeline_while_approving(facts: Facts) -> Iterable[Draft]:
    for fact in facts:
        if isinstance(fact, Refused):
            yield failure(fact.cause, fact.reason)
        elif isinstance(fact, Seen) and fact.carriage.status.is_over:
            yield arrest(fact.carriage)
        elif isinstance(fact, Seen) and fact.carriage.status is not CarriageStatus.WAITING:
            yield failure(Cause.BYPASSED, f"the pipeline went on without this approval: {fact.carriage.reason}")


def _react_deploying(rollout: Rollout, facts: Facts, now: datetime) -> Iterable[Draft]:
    drafts = measurements(facts)
    for fact in facts:
        if isinstance(fact, Refused):
            drafts.append(failure(fact.cause, fact.reason))
        elif isinstance(fact, Begun):
            drafts.append(Draft("deployment.begun", {"leg": fact.leg, "handle": dict(fact.handle)}))
        elif isinstance(fact, Seen):
            drafts.extend(_react_to_carriage(rollout, fact.carriage))
    return drafts or condemned(rollout, rollout.leg.during)


def _react_to_carriage(rollout: Rollout, carriage: Carriage) -> Iterable[Draft]:
    if carriage != rollout.carriage:
        yield observation(carriage)
    if carriage.status.has_arrived:
        yield Draft("leg.deployed", {"leg": rollout.leg_index})
    elif carriage.status.is_over:
        yield from setback(rollout, arrest(carriage))


def _react_verifying(rollout: Rollout, facts: Facts, now: datetime) -> Iterable[Draft]:
    drafts = measurements(facts)
    if drafts:
        return drafts
    for fact in facts:
        if isinstance(fact, Verified) and are_right(fact.reports):
            return [Draft("leg.verified", {"leg": rollout.leg_index, "targets": msgspec.to_builtins(fact.reports)})]
        if isinstance(fact, Verified) and now >= rollout.since + VERIFY_PATIENCE:
            wrong = describe_wrong(fact.reports)
            return setback(rollout, failure(Cause.VERIFICATION, f"not every target serves the release: {wrong}"))
    return condemned(rollout, rollout.leg.during)


def _react_baking(rollout: Rollout, facts: Facts, now: datetime) -> Iterable[Draft]:
    taken = measurements(facts)
    if taken:
        return taken
    required = _watched_while_baking(rollout)
    sentence = condemned(rollout, required)
    if sentence:
        return sentence
    until = rollout.bake_until or rollout.since
    if now < until:
        return []
    verdicts, is_open = judge_all(rollout, required, until, now)
    return verdicts if verdicts or is_open else [Draft("bake.finished", {"leg": rollout.leg_index})]


def _react_accepting(rollout: Rollout, facts: Facts, _now: datetime) -> Iterable[Draft]:
    for fact in facts:
        if isinstance(fact, Refused):
            yield failure(fact.cause, fact.reason)
        elif isinstance(fact, Seen):
            if fact.carriage.status is CarriageStatus.COMPLETED:
                yield Draft("leg.accepted", {"leg": rollout.leg_index})
            elif fact.carriage.status.is_over:
                yield arrest(fact.carriage)


def _react_announcing(rollout: Rollout, facts: Facts, _now: datetime) -> Iterable[Draft]:
    if not any(isinstance(fact, Announced) for fact in facts):
        return
    yield Draft("leg.completed", {"leg": rollout.leg_index})
    if rollout.leg_index + 1 == len(rollout.plan.legs):
        yield _end_of_the_road(rollout)


def _end_of_the_road(rollout: Rollout) -> Draft:
    serves = f"{rollout.plan.environment} serves {rollout.plan.release.version}"
    observed = sorted({passage.gate for passage in rollout.passages if not rollout.is_excused(passage)})
    if observed:
        noticed = f"{', '.join(observed)} failed and on_failure is observe, so nothing was rolled back"
        return conclusion(Outcome.UNRESOLVED, f"{serves}, but {noticed}")
    return conclusion(Outcome.SUCCEEDED, f"{serves}, verified at the targets")


def _react_paused(rollout: Rollout, _facts: Facts, _now: datetime) -> Iterable[Draft]:
    if not rollout.decisions:
        return
    decision = rollout.decisions[-1]
    gate = rollout.failure.gate if rollout.failure else ""
    if decision.is_approved:
        yield Draft("rollout.resumed", {"gate": gate, "by": decision.who, "reason": decision.reason})
    else:
        why = rollout.failure.reason if rollout.failure else "paused"
        cause = rollout.failure.cause if rollout.failure else Cause.GATE
        yield failure(cause, f"{why}; {decision.who} decided not to go on: {decision.reason}", gate)


_REACTIONS = {
    Phase.CLAIMING: _react_claiming,
    Phase.CHECKING: _react_checking,
    Phase.APPROVING: _react_approving,
    Phase.DEPLOYING: _react_deploying,
    Phase.VERIFYING: _react_verifying,
    Phase.BAKING: _react_baking,
    Phase.ACCEPTING: _react_accepting,
    Phase.ANNOUNCING: _react_announcing,
    Phase.PAUSED: _react_paused,
}


# --- what the state asks for -----------------------------------------------------------------------


def _intend_claiming(rollout: Rollout, _is_time: bool) -> Iterable[Effect]:
    yield Claim(rollout.leg.environment)


def _intend_approving(rollout: Rollout, is_time: bool) -> Iterable[Effect]:
    # The first leg's execution does not exist yet; later legs wait in front of an approval of the running one.
    handle = rollout.begun.get(rollout.leg_index - 1)
    if is_time and handle and rollout.leg.stage:
        yield Look(rollout.leg_index, handle)


def _intend_deploying(rollout: Rollout, is_time: bool) -> Iterable[Effect]:
    handle = rollout.begun.get(rollout.leg_index)
    if handle is None:
        yield Begin(rollout.leg_index)
    elif is_time:
        yield Follow(rollout.leg_index, handle)


def _intend_verifying(rollout: Rollout, is_time: bool) -> Iterable[Effect]:
    if is_time:
        yield Verify(rollout.leg_index, rollout.plan.release)


def _intend_accepting(rollout: Rollout, is_time: bool) -> Iterable[Effect]:
    if is_time:
        passed = [passage.gate for passage in rollout.passages if passage.leg == rollout.leg.label]
        gates = ", ".join(dict.fromkeys(passed)) or "no gates"
        reason = f"deliverkit {rollout.id}: judged good ({gates})"
        yield Accept(rollout.leg_index, rollout.begun[rollout.leg_index], reason)


def _intend_announcing(rollout: Rollout, _is_time: bool) -> Iterable[Effect]:
    yield Announce(rollout.leg_index)


_INTENTS = {
    Phase.CLAIMING: _intend_claiming,
    Phase.APPROVING: _intend_approving,
    Phase.DEPLOYING: _intend_deploying,
    Phase.VERIFYING: _intend_verifying,
    Phase.ACCEPTING: _intend_accepting,
    Phase.ANNOUNCING: _intend_announcing,
}


def _watched_while_baking(rollout: Rollout) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*rollout.leg.after, *rollout.leg.during)))


def _gates_under_way(rollout: Rollout, now: datetime) -> tuple[str, ...]:
    match rollout.phase:
        case Phase.CHECKING:
            watched: tuple[str, ...] = rollout.leg.before
        case Phase.DEPLOYING if rollout.leg_index in rollout.begun:
            watched = rollout.leg.during
        case Phase.VERIFYING:
            watched = rollout.leg.during
        case Phase.BAKING:
            watched = _watched_while_baking(rollout)
        case Phase.CONFIRMING:
            watched = retreat.gates_that_confirm(rollout)
        case _:
            watched = ()
    return tuple(gate for gate in watched if not is_settled(rollout, gate, now))


def _due_times(rollout: Rollout, gates: tuple[str, ...]) -> Iterator[tuple[str, datetime]]:
    """When each check of the gates falls due next, those that never do left out."""
    for gate in gates:
        since = _watched_since(rollout, gate)
        for check in rollout.plan.gates[gate].checks:
            due = rollout.analysis(check.key).next_due(check.policy, since)
            if due is not None:
                yield check.key, due


def _watched_since(rollout: Rollout, gate: str) -> datetime:
    if rollout.phase is Phase.BAKING and gate not in rollout.leg.during:
        return rollout.since
    return rollout.measured_from or rollout.opened_at


def _due(rollout: Rollout, gates: tuple[str, ...], now: datetime) -> tuple[Effect, ...]:
    due = tuple(key for key, at in _due_times(rollout, gates) if at <= now)
    if not due:
        return ()
    is_back = rollout.phase is Phase.CONFIRMING and rollout.leg.previous is not None
    release = rollout.leg.previous if is_back and rollout.leg.previous else rollout.plan.release
    return (Measure(rollout.leg_index, due, release),)


def _wake_times(rollout: Rollout, gates: tuple[str, ...], now: datetime) -> Iterable[datetime]:
    for _, due in _due_times(rollout, gates):
        # What is due already is measured now, and then falls due again.
        if due > now:
            yield due
    if rollout.phase is Phase.BAKING and rollout.bake_until and rollout.bake_until > now:
        yield rollout.bake_until
