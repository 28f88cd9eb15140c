"""Folding events into a rollout: one short function for each kind of event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from deliverkit.domain.analysis import Analysis
from deliverkit.domain.approval import Decision
from deliverkit.domain.carriage import Carriage, TargetReport
from deliverkit.domain.gate import Measurement, Verdict
from deliverkit.domain.ledger import Event
from deliverkit.domain.plan import Plan
from deliverkit.domain.rollout import AbortMode, Cause, Failure, Offer, Outcome, Passage, Phase, Rollout
from deliverkit.domain.watching import came_back, is_before_arrival
from deliverkit.errors import IntegrityError


def fold(events: Iterable[Event]) -> Rollout:
    """The state after all events of a promotion's stream.

    Raises:
        IntegrityError: If the stream does not begin with `promotion.opened`, or an event cannot be read.
    """
    remaining = iter(events)
    first = next(remaining, None)
    if first is None or first.kind != "promotion.opened":
        raise IntegrityError(f"{first.stream if first else 'the stream'} does not begin with promotion.opened")
    rollout = _opened(first)
    for event in remaining:
        rollout = apply(rollout, event)
    return rollout


def apply(rollout: Rollout, event: Event) -> Rollout:
    """The state after one more event; kinds this version does not know change nothing.

    Raises:
        IntegrityError: If the event's payload cannot be read.
    """
    change = _CHANGES.get(event.kind)
    try:
        changed = change(rollout, event) if change else rollout
    except (KeyError, ValueError, TypeError) as error:
        raise IntegrityError(
            f"event {event.sequence} ({event.kind}) of {event.stream} cannot be read: {error}"
        ) from error
    return replace(changed, last=event)


def _opened(event: Event) -> Rollout:
    plan = Plan.from_json(event.payload["plan"])
    return Rollout(event.payload["id"], plan, event.at, Phase.CLAIMING, event.at, event, plan.digest)


def _enter(rollout: Rollout, event: Event, phase: Phase, **changes: Any) -> Rollout:
    if rollout.waits_for_human:
        is_yes = event.kind in {"leg.admitted", "rollout.resumed"}
        changes |= {"settled": {**rollout.settled, rollout.question: is_yes}, "offers": ()}
    return replace(rollout, phase=phase, since=event.at, **changes)


def _claimed(rollout: Rollout, event: Event) -> Rollout:
    return _enter(rollout, event, Phase.CHECKING, claims=rollout.claims | {event.payload["environment"]})


def _measured(rollout: Rollout, event: Event) -> Rollout:
    analyses = dict(rollout.analyses)
    for document in event.payload["measurements"]:
        sample = msgspec.convert(document, Measurement)
        # The same check may have been measured twice in one batch: what was added a line before counts.
        known = analyses.get(sample.key) or Analysis(sample.key)
        is_early = is_before_arrival(rollout)
        analyses[sample.key] = known.including(sample, rollout.check(sample.key), is_early=is_early)
    return replace(rollout, analyses=analyses)


def _attached(rollout: Rollout, event: Event) -> Rollout:
    return replace(rollout, watched_from=came_back(rollout.last, event) or rollout.watched_from)


def _judged(rollout: Rollout, event: Event) -> Rollout:
    payload = event.payload
    verdict = Verdict(payload["verdict"])
    passage = Passage(rollout.leg.label, payload["gate"], payload["phase"], verdict, payload["reason"], event.at)
    return replace(rollout, passages=(*rollout.passages, passage))


def _approval_requested(rollout: Rollout, event: Event) -> Rollout:
    expires_at = datetime.fromisoformat(event.payload["expires_at"])
    fresh: dict[str, Any] = {"decisions": (), "question": event.sequence}
    return _enter(rollout, event, Phase.APPROVING, approval_expires_at=expires_at, **fresh)


def _decided(rollout: Rollout, event: Event) -> Rollout:
    decision = msgspec.convert({**event.payload, "at": event.at.isoformat()}, Decision)
    return replace(rollout, decisions=(*rollout.decisions, decision))


def _offered(rollout: Rollout, event: Event) -> Rollout:
    offer = msgspec.convert(event.payload, Offer)
    is_open = rollout.waits_for_human and offer.question == rollout.question
    return replace(rollout, offers=(*rollout.offers, offer)) if is_open else rollout


def _admitted(rollout: Rollout, event: Event) -> Rollout:
    return _enter(
        rollout,
        event,
        Phase.DEPLOYING,
        is_admitted=True,
        admitted_by=tuple(event.payload.get("by", ())),
        analyses={},
        measured_since=event.sequence,
        measured_from=event.at,
        overridden=frozenset(),
        decisions=(),
        carriage=None,
    )


def _begun(rollout: Rollout, event: Event) -> Rollout:
    return replace(rollout, begun={**rollout.begun, event.payload["leg"]: event.payload["handle"]})


def _not_begun(rollout: Rollout, event: Event) -> Rollout:
    return replace(rollout, is_admitted=False)


def _observed(rollout: Rollout, event: Event) -> Rollout:
    return replace(rollout, carriage=msgspec.convert(event.payload["carriage"], Carriage))


def _deployed(rollout: Rollout, event: Event) -> Rollout:
    return _enter(rollout, event, Phase.VERIFYING)


def _reports(event: Event) -> tuple[TargetReport, ...]:
    return msgspec.convert(event.payload["targets"], tuple[TargetReport, ...])


def _verified(rollout: Rollout, event: Event) -> Rollout:
    until = event.at + rollout.leg.bake_time
    return _enter(rollout, event, Phase.BAKING, bake_until=until, reports=_reports(event))


def _baked(rollout: Rollout, event: Event) -> Rollout:
    return _enter(rollout, event, Phase.ACCEPTING)


def _accepted(rollout: Rollout, event: Event) -> Rollout:
    return _enter(rollout, event, Phase.ANNOUNCING)


def _completed(rollout: Rollout, event: Event) -> Rollout:
    following = rollout.leg_index + 1
    if following == len(rollout.plan.legs):
        return replace(rollout, since=event.at, leg_index=following - 1)
    is_held = rollout.plan.legs[following].environment in rollout.claims
    phase = Phase.CHECKING if is_held else Phase.CLAIMING
    fresh: dict[str, Any] = {
        "analyses": {},
        "measured_since": event.sequence,
        "measured_from": event.at,
        "overridden": frozenset(),
        "decisions": (),
        "bake_until": None,
        "reports": (),
    }
    return _enter(rollout, event, phase, leg_index=following, is_admitted=False, admitted_by=(), carriage=None, **fresh)


def _paused(rollout: Rollout, event: Event) -> Rollout:
    failure = Failure(Cause(event.payload["cause"]), event.payload["reason"], event.payload.get("gate", ""))
    fresh: dict[str, Any] = {"decisions": (), "question": event.sequence}
    return _enter(rollout, event, Phase.PAUSED, paused_in=rollout.phase, failure=failure, **fresh)


def _resumed(rollout: Rollout, event: Event) -> Rollout:
    phase = rollout.paused_in or rollout.phase
    gate = event.payload["gate"]
    overridden, excused = rollout.overridden | {gate}, rollout.excused | {f"{rollout.leg.label}/{gate}"}
    changes: dict[str, Any] = {"overridden": overridden, "excused": excused}
    return _enter(rollout, event, phase, paused_in=None, failure=None, decisions=(), **changes)


def _failed(rollout: Rollout, event: Event) -> Rollout:
    failure = Failure(Cause(event.payload["cause"]), event.payload["reason"], event.payload.get("gate", ""))
    # What was seen before the failure says nothing about what still runs: the stop looks anew.
    return _enter(rollout, event, Phase.STOPPING, failure=failure, paused_in=None, carriage=None)


def _rollback_requested(rollout: Rollout, event: Event) -> Rollout:
    fresh: dict[str, Any] = {
        "carriage": None,
        "analyses": {},
        "measured_since": event.sequence,
        "measured_from": event.at,
        "overridden": frozenset(),
        "reports": (),
    }
    return _enter(rollout, event, Phase.REVERTING, reverting=tuple(event.payload["legs"]), **fresh)


def _rollback_begun(rollout: Rollout, event: Event) -> Rollout:
    index = event.payload["leg"]
    attempts = {**rollout.revert_attempts, index: rollout.revert_attempts.get(index, 0) + 1}
    return replace(rollout, reverts={**rollout.reverts, index: event.payload["handle"]}, revert_attempts=attempts)


def _rollback_retried(rollout: Rollout, event: Event) -> Rollout:
    remaining = {index: handle for index, handle in rollout.reverts.items() if index != event.payload["leg"]}
    return replace(rollout, reverts=remaining)


def _rollback_arrived(rollout: Rollout, event: Event) -> Rollout:
    return replace(rollout, arrived=rollout.arrived | {event.payload["leg"]})


def _rollback_deployed(rollout: Rollout, event: Event) -> Rollout:
    return _enter(rollout, event, Phase.CONFIRMING)


def _rollback_verified(rollout: Rollout, event: Event) -> Rollout:
    return _enter(rollout, event, Phase.SETTLING, reports=_reports(event))


def _aborted(rollout: Rollout, event: Event) -> Rollout:
    return replace(rollout, abort=rollout.abort or AbortMode(event.payload["mode"]))


def _concluded(rollout: Rollout, event: Event) -> Rollout:
    reports = _reports(event) if "targets" in event.payload else rollout.reports
    outcome = Outcome(event.payload["outcome"])
    return _enter(rollout, event, Phase.CONCLUDED, outcome=outcome, reason=event.payload["reason"], reports=reports)


def _closed(rollout: Rollout, event: Event) -> Rollout:
    return _enter(rollout, event, Phase.CLOSED, claims=frozenset())


_CHANGES: Mapping[str, Callable[[Rollout, Event], Rollout]] = {
    "environment.claimed": _claimed,
    "driver.attached": _attached,
    "gate.measured": _measured,
    "gate.judged": _judged,
    "approval.requested": _approval_requested,
    "approval.decided": _decided,
    "approval.offered": _offered,
    "leg.admitted": _admitted,
    "deployment.begun": _begun,
    "deployment.not_begun": _not_begun,
    "deployment.observed": _observed,
    "leg.deployed": _deployed,
    "leg.verified": _verified,
    "bake.finished": _baked,
    "leg.accepted": _accepted,
    "leg.completed": _completed,
    "rollout.paused": _paused,
    "rollout.resumed": _resumed,
    "rollout.failed": _failed,
    "rollback.requested": _rollback_requested,
    "rollback.begun": _rollback_begun,
    "rollback.retried": _rollback_retried,
    "rollback.arrived": _rollback_arrived,
    "rollback.deployed": _rollback_deployed,
    "rollback.verified": _rollback_verified,
    "promotion.aborted": _aborted,
    "promotion.concluded": _concluded,
    "promotion.closed": _closed,
}
