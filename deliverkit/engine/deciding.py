"""Human decisions on what a promotion waits for: whether they may be recorded, and what is recorded of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from deliverkit.domain.approval import Decision, Relay, objection
from deliverkit.domain.environment import ApprovalPolicy
from deliverkit.domain.ledger import Draft
from deliverkit.domain.rollout import Offer, Phase, Rollout, answer_to, open_question
from deliverkit.errors import ConflictError, IntegrityError, NotEntitledError, RejectedError
from deliverkit.ports import Identity


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision as it was given.

    Attributes:
        is_approved: Yes or no.
        reason: In the person's words.
        gate: What is decided, as `status` names it; empty for whatever is open.
        relay: How it came here, when the person did not record it.
    """

    is_approved: bool
    reason: str
    gate: str = ""
    relay: Relay = field(default_factory=Relay)

    @property
    def verb(self) -> str:
        """What the person did to the release."""
        return "approve" if self.is_approved else "reject"


def decision_on(rollout: Rollout, ruling: Ruling, *, whoami: Callable[[], Identity], now: datetime) -> Draft | None:
    """The event that records a ruling; None when it adds nothing to what is recorded.

    Raises:
        ConflictError: If nothing waits for a decision, something else does, or the question was settled otherwise.
        IntegrityError: If it was made on another plan.
        RejectedError: If it is a yes to what was rejected.
        NotEntitledError: If this person's decision would not count.
    """
    require_plan(rollout, ruling.relay.plan_digest)
    if _is_settled(rollout, ruling):
        return None
    identity = whoami()
    decision = Decision(
        gate=_open_gate(rollout, ruling),
        by=identity.arn,
        groups=identity.groups,
        is_approved=ruling.is_approved,
        reason=ruling.reason,
        plan_digest=rollout.plan.digest,
        at=now,
        person=ruling.relay.person,
        via=ruling.relay.via,
    )
    if any(each.is_of(decision) and each.is_approved == decision.is_approved for each in rollout.decisions):
        return None
    if answer_to(rollout) is ruling.is_approved:
        return None  # enough have said so
    _require_entitled(rollout, decision)
    return Draft("approval.decided", _recorded(decision))


def offered(rollout: Rollout, offer: Offer) -> Draft | None:
    """The event that records where else a question was put; None when that is on record.

    Raises:
        ConflictError: If that question is not open.
    """
    if not rollout.waits_for_human or rollout.question != offer.question:
        raise ConflictError(
            f"question {offer.question} of {rollout.id} is not open", hint=f"deliverkit status {rollout.id}"
        )
    return None if offer in rollout.offers else Draft("approval.offered", msgspec.to_builtins(offer))


def require_plan(rollout: Rollout, digest: str) -> None:
    """See that what was shown to whoever agreed is what is going to happen; an empty digest demands nothing.

    Raises:
        IntegrityError: If the promotion has another plan.
    """
    if digest and digest != rollout.plan.digest:
        raise IntegrityError(
            f"{rollout.id} has the plan {rollout.plan.digest}, not {digest}: it is not what was agreed to",
            hint=f"deliverkit status {rollout.id}",
        )


def _is_settled(rollout: Rollout, ruling: Ruling) -> bool:
    number = ruling.relay.question
    if not number or (rollout.waits_for_human and number == rollout.question):
        return False
    is_yes = rollout.settled.get(number)
    hint = f"deliverkit status {rollout.id}"
    if is_yes is None:
        raise ConflictError(f"{rollout.id} has never asked a question {number}", hint=hint)
    if is_yes and not ruling.is_approved:
        raise ConflictError(f"too late: question {number} of {rollout.id} was answered with yes", hint=hint)
    if ruling.is_approved and not is_yes:
        raise RejectedError(f"question {number} of {rollout.id} was answered with no, withdrawn or expired", hint=hint)
    return True


def _open_gate(rollout: Rollout, ruling: Ruling) -> str:
    expected = open_question(rollout)
    if not expected:
        doing = rollout.outcome.value if rollout.outcome else rollout.phase.value
        raise ConflictError(
            f"{rollout.id} waits for no decision: it is {doing}", hint=f"deliverkit status {rollout.id}"
        )
    if ruling.gate not in {"", expected}:
        hint = f"deliverkit {ruling.verb} {rollout.id} --gate {expected} --reason TEXT"
        raise ConflictError(f"{rollout.id} waits for a decision on {expected}, not on {ruling.gate}", hint=hint)
    return expected


def _require_entitled(rollout: Rollout, decision: Decision) -> None:
    policy, plan = rollout.leg.approvals, rollout.plan
    if policy is None:
        # Anybody may decide, but nobody may name somebody else whom no policy trusts with names.
        bridges = [each for leg in plan.legs if leg.approvals for each in leg.approvals.bridges]
        policy = ApprovalPolicy(not_requester=False, bridges=tuple(bridges))
    why_not = objection(policy, decision, requester=plan.requester, plan_digest=plan.digest)
    if why_not:
        raise NotEntitledError(why_not, hint=f"somebody of {', '.join(policy.groups) or 'your team'} has to decide")
    is_expired = rollout.approval_expires_at is not None and decision.at >= rollout.approval_expires_at
    if rollout.phase is Phase.APPROVING and is_expired:
        raise ConflictError(
            f"the approval request of {rollout.id} expired {rollout.approval_expires_at:%Y-%m-%d %H:%M} UTC",
            hint=f"deliverkit promote {plan.release.version} --to {plan.environment}",
        )


def _recorded(decision: Decision) -> dict[str, object]:
    """What the ledger keeps of it; when it was recorded is the event's own."""
    document: dict[str, object] = msgspec.to_builtins(decision)
    del document["at"]
    return {name: value for name, value in document.items() if value != "" or name == "reason"}
