"""What is told of a promotion beside the commit that it carries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from deliverkit.domain.build_claims import claim
from deliverkit.domain.rollout import Outcome, Rollout

DESCRIPTION_LIMIT = 140
"""Characters that GitHub takes (REST API, "Create a commit status"); of more it takes none."""
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


class CommitState(StrEnum):
    """How it stands, in GitHub's words."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"


_STATES = {
    None: CommitState.PENDING,
    Outcome.SUCCEEDED: CommitState.SUCCESS,
    Outcome.FAILED: CommitState.FAILURE,
    Outcome.REJECTED: CommitState.FAILURE,
    Outcome.UNTRUSTED: CommitState.FAILURE,
    Outcome.ROLLED_BACK: CommitState.FAILURE,
    # These say nothing about the commit.
    Outcome.LOCKED: CommitState.ERROR,
    Outcome.UNRESOLVED: CommitState.ERROR,
    Outcome.DETACHED: CommitState.ERROR,
}


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """How one commit stands in one environment.

    Attributes:
        commit: Full commit id, lower-case hexadecimal.
        state: How it stands.
        context: What tells statuses of one commit apart: `deliverkit/production`.
        description: One line of at most 140 characters.
        url: Where more is told; empty for nowhere.
        promotion: Id of the promotion.
    """

    commit: str
    state: CommitState
    context: str
    description: str
    url: str
    promotion: str


def status_of(rollout: Rollout, *, url: str = "") -> CommitStatus | None:
    """How the promoted commit stands; None for a release that was not built from a commit alone.

    A release with uncommitted changes is none of its commit's, so nothing is said of that commit.

    Args:
        rollout: The promotion.
        url: Where more is told.
    """
    plan = rollout.plan
    source = plan.release.source
    if source is None or source.is_dirty or not _COMMIT.fullmatch(source.commit):
        return None
    doing = f"{rollout.phase.value} {rollout.leg.label}"
    ended = f"{rollout.outcome.value.replace('_', ' ')}: {rollout.reason}" if rollout.outcome else doing
    return CommitStatus(
        commit=source.commit,
        state=_STATES[rollout.outcome],
        context=f"deliverkit/{plan.environment}",
        description=claim(f"{plan.release.version} {ended}", limit=DESCRIPTION_LIMIT),
        url=url,
        promotion=rollout.id,
    )
