"""A rollout is the fold of its events: the same events give the same state, in any process, after any crash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from deliverkit.domain.analysis import Analysis
from deliverkit.domain.approval import Decision, counted
from deliverkit.domain.carriage import Carriage, Handle, TargetReport
from deliverkit.domain.environment import OnFailure
from deliverkit.domain.gate import Check, Verdict
from deliverkit.domain.ledger import Event
from deliverkit.domain.plan import Leg, Plan
from deliverkit.errors import ExitCode, UsageError


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
    UNTRUSTED = "untrusted"
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
    Outcome.UNTRUSTED: ExitCode.INTEGRITY,
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
    UNTRUSTED = "untrusted"
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
class Offer:
    """A place besides this one where a question was put to people: an `input` step of a build.

    Attributes:
        question: Number of the question.
        job: Full name of the job.
        build: Number of the build.
        input: Id of the step.
    """

    question: int
    job: str
    build: int
    input: str


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
        analyses: Measurements of the current leg's checks, added up, by the check's key.
        measured_since: Number of the event from which on measurements add up, and `measured_from` its time.
        watched_from: When somebody came back after a time in which nobody drove it; None while there was none.
        is_admitted: True once the current leg may be begun, whether or not anybody did.
        admitted_by: The people who let the current leg in; empty when nobody had to.
        overridden: Gates of the current leg that a named person passed in spite of their verdict.
        excused: All overridden gates, as `leg/gate`.
        decisions: Human decisions on the current question.
        question: Number of the question that was put to people last: of the event that put it.
        settled: Whether each question that is not open any more was answered with yes, by its number.
        offers: Where the current question was put to people besides here.
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
        plan_digest: Digest of the plan, which takes its time to be computed.
    """

    id: str
    plan: Plan
    opened_at: datetime
    phase: Phase
    since: datetime
    last: Event
    plan_digest: str = ""
    leg_index: int = 0
    analyses: Mapping[str, Analysis] = field(default_factory=dict)
    measured_since: int = 1
    measured_from: datetime | None = None
    watched_from: datetime | None = None
    is_admitted: bool = False
    admitted_by: tuple[str, ...] = ()
    overridden: frozenset[str] = frozenset()
    excused: frozenset[str] = frozenset()
    decisions: tuple[Decision, ...] = ()
    question: int = 0
    settled: Mapping[int, bool] = field(default_factory=dict)
    offers: tuple[Offer, ...] = ()
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

    def sample(self, key: str) -> str:
        """A name for the next measurement of a check, the same one until it is on record, in whatever process.

        Promotions of two applications, or ledgers, may have the same id; their plans differ.
        """
        plan = (self.plan_digest or self.plan.digest).removeprefix("sha256:")[:12]
        return f"{self.plan.application}/{self.id}/{plan}/{self.measured_since}/{key}/{self.analysis(key).taken + 1}"

    def on_failure(self, gate: str = "") -> OnFailure:
        """What a failure in the current leg leads to: the gate's own answer, or the environment's."""
        named = self.plan.gates.get(gate)
        return (named.on_failure if named else None) or self.leg.on_failure

    def analysis(self, key: str) -> Analysis:
        """What was measured of a check so far, by its key."""
        return self.analyses.get(key) or Analysis(key)

    def check(self, key: str) -> Check:
        """The check that has the key.

        Raises:
            KeyError: If the plan has no such check.
        """
        gate = self.plan.gates[key.partition("/")[0]]
        name = key.partition("/")[2]
        found = next((check for check in gate.checks if check.name == name), None)
        if found is None:
            raise KeyError(key)
        return found


def open_question(rollout: Rollout) -> str:
    """Name of what waits for a human decision; empty when nothing does."""
    if rollout.phase is Phase.APPROVING:
        return rollout.leg.label
    if rollout.phase is Phase.PAUSED:
        return rollout.failure.gate if rollout.failure and rollout.failure.gate else rollout.leg.label
    return ""


def approvers(rollout: Rollout) -> tuple[Decision, ...]:
    """Decisions on the current leg's entry that count, the first of each person."""
    plan, policy = rollout.plan, rollout.leg.approvals
    if policy is None:
        return rollout.decisions
    return counted(policy, rollout.decisions, requester=plan.requester, plan_digest=plan.digest)


def answer_to(rollout: Rollout) -> bool | None:
    """What people have answered to the question that was put to them last; None while more of them are needed."""
    if not rollout.waits_for_human:
        return rollout.settled.get(rollout.question)
    if any(not decision.is_approved for decision in rollout.decisions):
        return False
    policy = rollout.leg.approvals if rollout.phase is Phase.APPROVING else None
    return len(approvers(rollout)) >= (policy.needed if policy else 1) or None


def stage_index(rollout: Rollout, stage: str) -> int:
    """Index of the last leg that an environment or pipeline stage names.

    Raises:
        UsageError: If no leg has that name.
    """
    named = [
        index
        for index, leg in enumerate(rollout.plan.legs)
        if stage in {leg.environment, leg.stage.stage if leg.stage else leg.environment}
    ]
    if not named:
        known = dict.fromkeys(leg.stage.stage if leg.stage else leg.environment for leg in rollout.plan.legs)
        hint = f"deliverkit wait {rollout.id} --stage {next(iter(known))}"
        raise UsageError(f"{rollout.id} has no stage {stage}; it has {', '.join(known)}", hint=hint)
    return named[-1]


def has_passed(rollout: Rollout, index: int) -> bool:
    """True when the leg was judged good and the rollout has moved on."""
    return rollout.leg_index > index or rollout.outcome is Outcome.SUCCEEDED
