"""Approvals: recorded human decisions, and which of them count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from deliverkit.domain.environment import ApprovalPolicy


@dataclass(frozen=True, slots=True)
class Decision:
    """What one person decided about one gate.

    Attributes:
        gate: The approval's name: the leg's label, or the gate that waits for a human.
        by: AWS identity ARN.
        groups: IAM groups and role names of that identity.
        is_approved: True for yes.
        reason: In the person's words.
        plan_digest: The plan that was decided on.
        at: When, UTC.
    """

    gate: str
    by: str
    groups: tuple[str, ...]
    is_approved: bool
    reason: str
    plan_digest: str
    at: datetime


def objection(policy: ApprovalPolicy, decision: Decision, *, requester: str, plan_digest: str) -> str:
    """Why a decision does not count; empty when it does.

    A refusal counts from everybody who may approve, and from the requester, who may always withdraw.
    """
    if decision.plan_digest != plan_digest:
        return "it was given for another plan"
    if policy.groups and not set(policy.groups) & set(decision.groups):
        member_of = ", ".join(decision.groups) or "no group"
        return f"{decision.by} is in {member_of}; approvers come from {', '.join(policy.groups)}"
    if decision.is_approved and policy.not_requester and decision.by == requester:
        return f"{decision.by} asked for this promotion and may not approve it"
    return ""


def counted(
    policy: ApprovalPolicy, decisions: Iterable[Decision], *, requester: str, plan_digest: str
) -> tuple[Decision, ...]:
    """The decisions that count, the first of each person."""
    valid: dict[str, Decision] = {}
    for decision in decisions:
        if not objection(policy, decision, requester=requester, plan_digest=plan_digest):
            valid.setdefault(decision.by, decision)
    return tuple(valid.values())
