"""A rollout is the fold of its events: the same events give the same state, in any process, after any crash."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from deliverkit.domain.approval import Decision
from deliverkit.domain.carriage import Carriage, Handle, TargetReport
from deliverkit.domain.gate import Analysis, Measurement, Verdict
from deliverkit.domain.ledger import Event
from deliverkit.domain.plan import Leg, Plan
from deliverkit.errors import ExitCode, IntegrityError


class Phase(StrEnum):
    """What a rollout is doing."""

    CLAIMING = "claiming"
    CHECKING = "checking"
    APPROVING = "approving"
    DEPLOYING = "deploying"
    VERIFYING = "verifying"
    BAKING = "baking"
    ACCEPTING = "accepting"
    ANNOUNCING = "announcing"
    PAUSED = "paused"
    STOPPING = "stopping"
    REVERTING = "reverting"
    CONFIRMING = "confirming"
    SETTLING = "settling"
    CONCLUDED = "concluded"
    CLOSED = "closed"


FORWARD = frozenset(
    {
        Phase.CLAIMING,
        Phase.CHECKING,
        Phase.APPROVING,
        Phase.DEPLOYING,
        Phase.VERIFYING,
        Phase.BAKING,
        Phase.ACCEPTING,
        Phase.ANNOUNCING,
    }
)
"""Phases on the way to success."""


class Outcome(StrEnum):
    """How a promotion ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"
    LOCKED = "locked"
    ROLLED_BACK = "rolled_back"
    UNRESOLVED = "unresolved"
    DETACHED = "detached"

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of a command that watched it to its end."""
        return _EXIT_CODES[self]


_EXIT_CODES: Mapping[Outcome, ExitCode] = {
    Outcome.SUCCEEDED: ExitCode.DONE,
    Outcome.FAILED: ExitCode.FAILED,
    Outcome.REJECTED: ExitCode.REJECTED,
    Outcome.LOCKED: ExitCode.LOCKED,
    Outcome.ROLLED_BACK: ExitCode.ROLLED_BACK,
    Outcome.UNRESOLVED: ExitCode.HUMAN_NEEDED,
    Outcome.DETACHED: ExitCode.FAILED,
}


class Cause(StrEnum):
    """What made a rollout fail."""

    GATE = "gate"
    DEPLOYMENT = "deployment"
    VERIFICATION = "verification"
    REFUSED = "refused"
    REJECTED = "rejected"
    EXPIRED = "expired"
    LOCKED = "locked"
    SUPERSEDED = "superseded"
    BYPASSED = "bypassed"
    ABORTED = "aborted"


class AbortMode(StrEnum):
    """What an abort leaves behind."""

    STOP = "stop"
    ROLLBACK = "rollback"
    DETACH = "detach"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a rollout turned back.

    Attributes:
        cause: The kind of reason.
        reason: One line for humans.
        gate: The gate that failed, if it was one.
    """

    cause: Cause
    reason: str
    gate: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """One judged gate of one leg, for reports."""

    leg: str
    gate: str
    phase: str
    verdict: Verdict
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Rollout:
    """Everything known about one promotion.

    Attributes:
        id: Promotion id, such as `production-12`.
        plan: What was planned.
        opened_at: When it was recorded first, UTC.
        phase: What it is doing.
        since: When the phase began.
        leg_index: Index of the current leg.
        analyses: Measurements of the current leg's gates, added up.
        is_admitted: True once the current leg may be begun, whether or not anybody did.
        overridden: Gates of the current leg that a named person passed in spite of their verdict.
        excused: All overridden gates, as `leg/gate`.
        decisions: Human decisions on the current question.
        approval_expires_at: When the open approval request expires.
        bake_until: End of the current bake time.
        claims: Environments whose lease this promotion holds.
        begun: Handle of each leg that was begun, by index.
        carriage: The last look at the current leg, or at its rollback.
        paused_in: The phase to go on with after a pause.
        failure: Why it turned back.
        reverting: Legs that go back, the last first.
        reverts: Handle of each leg's rollback, by index.
        revert_attempts: How often each leg's rollback was begun.
        arrived: Legs whose rollback reached its targets.
        reports: What the targets last said they serve.
        passages: Every judged gate, in order.
        abort: What an abort asked for.
        outcome: How it ended.
        reason: Why it ended so.
        last: The last event folded.
    """

    id: str
    plan: Plan
    opened_at: datetime
    phase: Phase
    since: datetime
    last: Event
    leg_index: int = 0
    analyses: Mapping[str, Analysis] = field(default_factory=dict)
    is_admitted: bool = False
    overridden: frozenset[str] = frozenset()
    excused: frozenset[str] = frozenset()
    decisions: tuple[Decision, ...] = ()
    approval_expires_at: datetime | None = None
    bake_until: datetime | None = None
    claims: frozenset[str] = frozenset()
    begun: Mapping[int, Handle] = field(default_factory=dict)
    carriage: Carriage | None = None
    paused_in: Phase | None = None
    failure: Failure | None = None
    reverting: tuple[int, ...] = ()
    reverts: Mapping[int, Handle] = field(default_factory=dict)
    revert_attempts: Mapping[int, int] = field(default_factory=dict)
    arrived: frozenset[int] = frozenset()
    reports: tuple[TargetReport, ...] = ()
    passages: tuple[Passage, ...] = ()
    abort: AbortMode | None = None
    outcome: Outcome | None = None
    reason: str = ""

    @property
    def leg(self) -> Leg:
        """The current leg."""
        return self.plan.legs[self.leg_index]

    @property
    def is_closed(self) -> bool:
        """True when nothing is left to do."""
        return self.phase is Phase.CLOSED

    @property
    def waits_for_human(self) -> bool:
        """True when only a person can move it on."""
        return self.phase in {Phase.APPROVING, Phase.PAUSED}

    @property
    def changed_legs(self) -> tuple[int, ...]:
        """Legs of the current environment whose targets may have been touched, the last first."""
        here = (index for index in self.begun if self.plan.legs[index].environment == self.leg.environment)
        return tuple(index for index in sorted(here, reverse=True) if not self._is_untouched(index))

    def _is_untouched(self, index: int) -> bool:
        seen = self.carriage if index == self.leg_index else None
        return seen is not None and seen.status.is_over and not seen.deployments

    def is_excused(self, passage: Passage) -> bool:
        """True when the gate passed, or a named person overrode it."""
        return passage.verdict is Verdict.PASSED or f"{passage.leg}/{passage.gate}" in self.excused

    def analysis(self, gate: str) -> Analysis:
        """What was measured of a gate so far."""
        return self.analyses.get(gate) or Analysis(gate)


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
    return Rollout(event.payload["id"], plan, event.at, Phase.CLAIMING, event.at, event)


def _enter(rollout: Rollout, event: Event, phase: Phase, **changes: Any) -> Rollout:
    return replace(rollout, phase=phase, since=event.at, **changes)


def _claimed(rollout: Rollout, event: Event) -> Rollout:
    return _enter(rollout, event, Phase.CHECKING, claims=rollout.claims | {event.payload["environment"]})


def _measured(rollout: Rollout, event: Event) -> Rollout:
    analyses = dict(rollout.analyses)
    for document in event.payload["measurements"]:
        sample = msgspec.convert(document, Measurement)
        gate = rollout.plan.gates[sample.gate]
        analyses[gate.name] = rollout.analysis(gate.name).including(sample, gate.policy)
    return replace(rollout, analyses=analyses)


def _judged(rollout: Rollout, event: Event) -> Rollout:
    payload = event.payload
    verdict = Verdict(payload["verdict"])
    passage = Passage(rollout.leg.label, payload["gate"], payload["phase"], verdict, payload["reason"], event.at)
    return replace(rollout, passages=(*rollout.passages, passage))


def _approval_requested(rollout: Rollout, event: Event) -> Rollout:
    expires_at = datetime.fromisoformat(event.payload["expires_at"])
    return _enter(rollout, event, Phase.APPROVING, approval_expires_at=expires_at, decisions=())


def _decided(rollout: Rollout, event: Event) -> Rollout:
    decision = msgspec.convert({**event.payload, "at": event.at.isoformat()}, Decision)
    return replace(rollout, decisions=(*rollout.decisions, decision))


def _admitted(rollout: Rollout, event: Event) -> Rollout:
    return _enter(
        rollout,
        event,
        Phase.DEPLOYING,
        is_admitted=True,
        analyses={},
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
        "overridden": frozenset(),
        "decisions": (),
        "bake_until": None,
        "reports": (),
    }
    return _enter(rollout, event, phase, leg_index=following, is_admitted=False, carriage=None, **fresh)


def _paused(rollout: Rollout, event: Event) -> Rollout:
    failure = Failure(Cause(event.payload["cause"]), event.payload["reason"], event.payload.get("gate", ""))
    return _enter(rollout, event, Phase.PAUSED, paused_in=rollout.phase, failure=failure, decisions=())


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
    fresh: dict[str, Any] = {"carriage": None, "analyses": {}, "overridden": frozenset(), "reports": ()}
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
    "gate.measured": _measured,
    "gate.judged": _judged,
    "approval.requested": _approval_requested,
    "approval.decided": _decided,
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
