"""Approvals: recorded human decisions, and which of them count."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from deliverkit.domain.environment import ApprovalPolicy

_MADE_UP = re.compile(r"(botocore-session|aws-cli-session|AWSCLI-Session).*|i-[0-9a-f]{8,}|[0-9]{10,}", re.IGNORECASE)
"""Names that botocore, the AWS CLI, EC2 instances and some SDKs give to sessions of a role."""


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
        """True when the same person decided both, as far as anybody can tell.

        Two ARNs are compared whole, but for sessions of a role that a program has named: those are one, for nothing
        tells who they were. Where a server's user is one of the two, only names can be compared: of two people with the
        same name it makes one. It cannot know that a user here and a nameless session there are the same.
        """
        if self.person or other.person:
            return _name(self.person or self.by) == _name(other.person or other.by)
        return _identity(self.by) == _identity(other.by)


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

    Whoever asked may say no, but not yes. Whoever passes a decision on is not asked for the groups of approvers: the
    server that asked the person has seen to it.
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
    who = decision.person or decision.by
    if requester.person and _name(who) == _name(requester.person):
        return True
    # Naming somebody else as the one who asked does not make oneself another.
    return _name(who) == _name(requester.arn) if decision.person else _identity(who) == _identity(requester.arn)


def _name(who: str) -> str:
    r"""`arn:aws:sts::1:assumed-role/managers/Mary@acme.com`, `ACME\mary` and `mary` are all `mary`."""
    return who.rpartition("/")[2].rpartition("\\")[2].partition("@")[0].casefold()


def _identity(arn: str) -> str:
    """The ARN; of a session whose name a program made up, that of its role."""
    role, _, session = arn.rpartition("/")
    return role if ":assumed-role/" in arn and _MADE_UP.fullmatch(session) else arn


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
