"""Approvals: recorded human decisions, and which of them count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from deliverkit.domain.environment import ApprovalPolicy


@dataclass(frozen=True, slots=True)
class Relay:
    """How a decision came here when somebody else recorded it than made it, and what it was made on.

    Attributes:
        person: Who decided, as the server that asked them calls them; empty when whoever records it decided.
        via: What passed it on, such as a build; empty for nothing.
        question: Number of the question that was asked; 0 for whatever is open.
        plan_digest: The plan that the person was shown; empty for the one on record.
    """

    person: str = ""
    via: str = ""
    question: int = 0
    plan_digest: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What one person decided about one gate.

    Attributes:
        gate: The approval's name: the leg's label, or the gate that waits for a human.
        by: AWS identity ARN of whoever recorded it.
        groups: IAM groups and role names of that identity.
        is_approved: True for yes.
        reason: In the person's words.
        plan_digest: The plan that was decided on.
        at: When, UTC.
        person: Who decided, where the identity passed it on; empty when it decided itself.
        via: What passed it on, such as a build; empty for nothing.
    """

    gate: str
    by: str
    groups: tuple[str, ...]
    is_approved: bool
    reason: str
    plan_digest: str
    at: datetime
    person: str = ""
    via: str = ""

    @property
    def who(self) -> str:
        """The person, for people to read."""
        return f"{self.person} (through {self.by})" if self.person else self.by

    def is_of(self, other: Decision) -> bool:
        """True when the same person decided both.

        Two ARNs are compared whole. Where a server's user is one of them, all that can be compared is the name: of two
        people with the same name it makes one, so that nobody can agree twice.
        """
        if self.person or other.person:
            return _name(self.person or self.by) == _name(other.person or other.by)
        return self.by == other.by


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asked for a promotion.

    Attributes:
        arn: AWS identity ARN.
        person: For whom it asked, where it passed a person's request on; empty when it asked itself.
    """

    arn: str
    person: str = ""

    @property
    def who(self) -> str:
        """The person, for people to read."""
        return f"{self.person} (through {self.arn})" if self.person else self.arn


def objection(policy: ApprovalPolicy, decision: Decision, *, requester: Requester, plan_digest: str) -> str:
    """Why a decision does not count; empty when it does.

    A refusal counts from everybody who may approve, and from the requester, who may always withdraw. Whoever passes a
    decision on is not asked for the groups of approvers: the server that asked the person has seen to it.
    """
    if decision.plan_digest != plan_digest:
        return "it was given for another plan"
    if decision.person and not set(policy.bridges) & set(decision.groups):
        may = f"only {', '.join(policy.bridges)} may" if policy.bridges else "`approvals.bridges` names nobody who may"
        return f"{decision.by} names {decision.person} as the one who decided, and {may} pass decisions on"
    if not decision.person and policy.groups and not set(policy.groups) & set(decision.groups):
        member_of = ", ".join(decision.groups) or "no group"
        return f"{decision.by} is in {member_of}; approvers come from {', '.join(policy.groups)}"
    if decision.is_approved and policy.not_requester and _has_asked(decision, requester):
        return f"{decision.person or decision.by} asked for this promotion and may not approve it"
    return ""


def _has_asked(decision: Decision, requester: Requester) -> bool:
    """True when the person who decides asked, in their own name or through a server that passes things on."""
    if decision.person:
        return _name(decision.person) == _name(requester.person or requester.arn)
    return decision.by == requester.arn or (bool(requester.person) and _name(decision.by) == _name(requester.person))


def _name(who: str) -> str:
    """`arn:aws:sts::1:assumed-role/managers/Mary@acme.com` and `mary` are both `mary`."""
    return who.rpartition("/")[2].partition("@")[0].casefold()


def counted(
    policy: ApprovalPolicy, decisions: Iterable[Decision], *, requester: Requester, plan_digest: str
) -> tuple[Decision, ...]:
    """The decisions that count, the first of each person."""
    valid: list[Decision] = []
    for decision in decisions:
        is_objected = objection(policy, decision, requester=requester, plan_digest=plan_digest)
        if not is_objected and not any(decision.is_of(each) for each in valid):
            valid.append(decision)
    return tuple(valid)
