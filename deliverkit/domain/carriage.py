"""What the remote side reports about one leg: deployments, targets, and what each target says it serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

Handle = Mapping[str, str]
"""Remote ids of one leg's carriage, JSON-able: `{"execution": ...}`, or a deployment id for each region."""


class CarriageStatus(StrEnum):
    """Where a leg stands on the remote side."""

    WAITING = "waiting"
    MOVING = "moving"
    DEPLOYED = "deployed"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"
    SUPERSEDED = "superseded"

    @property
    def is_over(self) -> bool:
        """True when nothing moves any more and nothing more will come of it."""
        return self in {
            CarriageStatus.COMPLETED,
            CarriageStatus.FAILED,
            CarriageStatus.STOPPED,
            CarriageStatus.SUPERSEDED,
        }

    @property
    def has_arrived(self) -> bool:
        """True when the release is on its targets."""
        return self in {CarriageStatus.DEPLOYED, CarriageStatus.COMPLETED}


@dataclass(frozen=True, slots=True)
class DeploymentReport:
    """One CodeDeploy deployment in the words of its service.

    Attributes:
        region: Region name.
        deployment_id: `d-...`; empty while there is none.
        status: As CodeDeploy spells it.
        progress: `2 of 3 succeeded`.
        troubles: One line for each failed target: instance, lifecycle event, script, last log lines.
    """

    region: str
    deployment_id: str
    status: str
    progress: str = ""
    troubles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Carriage:
    """One look at a leg on the remote side.

    Attributes:
        status: Where it stands.
        reason: One line that explains the status.
        deployments: The deployments seen, one for each region.
    """

    status: CarriageStatus
    reason: str
    deployments: tuple[DeploymentReport, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """One member of a deployment group.

    Attributes:
        target_id: Instance id.
        region: Region name.
        address: Private IP address.
    """

    target_id: str
    region: str
    address: str


@dataclass(frozen=True, slots=True)
class TargetReport:
    """What one target serves.

    Attributes:
        target_id: Instance id.
        region: Region name.
        is_right: True when it serves the expected release.
        detail: What it answered, or why it did not.
        was_asked: False when only CodeDeploy was asked, not the instance itself.
    """

    target_id: str
    region: str
    is_right: bool
    detail: str
    was_asked: bool = True


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """What a deployment group says about itself.

    Attributes:
        last_revision: What was deployed to it last, as `s3://bucket/key` or in its own words; empty for nothing.
        rolls_back_itself: True when CodeDeploy starts rollbacks of its own for this group.
        alarms: Names of the alarms that stop its deployments.
    """

    last_revision: str
    rolls_back_itself: bool
    alarms: tuple[str, ...]
