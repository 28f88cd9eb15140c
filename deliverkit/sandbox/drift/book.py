"""What was detected of stacks, and how far a detection is: on the sandbox's clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from deliverkit.sandbox.drift.comparison import Difference
from deliverkit.sandbox.kernel.world import World

TAKES = timedelta(seconds=1)
"""AWS says "up to several minutes"; a client that looks at once must meet a detection in progress."""
MOST_KEPT = 200
"""Detections that are remembered; AWS does not say how many of its own."""


@dataclass(frozen=True, slots=True)
class ResourceDrift:
    """What was detected of one resource.

    Attributes:
        logical_id: Its name in the template.
        physical_id: What `Ref` gives.
        kind: Its type.
        status: `IN_SYNC`, `MODIFIED`, `DELETED` or `UNKNOWN`.
        at: When it was looked at.
        expected: Its properties in the template.
        actual: Those that there were; None for one that is gone or could not be read.
        differences: Where they differ.
        reason: Why nothing is known.
    """

    logical_id: str
    physical_id: str
    kind: str
    status: str
    at: datetime
    expected: dict[str, Any]
    actual: dict[str, Any] | None = None
    differences: tuple[Difference, ...] = ()
    reason: str = ""

    @property
    def is_drift(self) -> bool:
        """True when it is not as the template says."""
        return self.status in {"MODIFIED", "DELETED"}


@dataclass(frozen=True, slots=True)
class Detection:
    """One detection of a stack's drift.

    Attributes:
        id: UUID.
        stack_id: The stack's ARN.
        at: When it was started.
        ready_at: When its results can be had.
        found: The resources that were looked at.
        is_partial: True when it was about some of the stack's resources.
    """

    id: str
    stack_id: str
    at: datetime
    ready_at: datetime
    found: tuple[ResourceDrift, ...]
    is_partial: bool = False

    def is_complete(self, now: datetime) -> bool:
        """True once its results can be had."""
        return now >= self.ready_at


@dataclass
class DriftBook:
    """The detections of an account and region, in the order in which they were started."""

    detections: list[Detection] = field(default_factory=list)

    def add(self, detection: Detection) -> None:
        """Remember a detection."""
        self.detections = [*self.detections[-(MOST_KEPT - 1) :], detection]

    def complete(self, stack_id: str, now: datetime) -> list[Detection]:
        """The detections of a stack whose results can be had."""
        return [each for each in self.detections if each.stack_id == stack_id and each.is_complete(now)]

    def latest(self, stack_id: str, now: datetime) -> dict[str, ResourceDrift]:
        """What was detected last of each resource, by its logical id."""
        return {each.logical_id: each for detection in self.complete(stack_id, now) for each in detection.found}


def stack_status(found: list[ResourceDrift]) -> str:
    """`DRIFTED`, `UNKNOWN`, `IN_SYNC`, or `NOT_CHECKED` when no resource was looked at."""
    if any(each.is_drift for each in found):
        return "DRIFTED"
    if any(each.status == "UNKNOWN" for each in found):
        return "UNKNOWN"
    return "IN_SYNC" if found else "NOT_CHECKED"


def stack_information(world: World, account: str, region: str, stack_id: str) -> dict[str, Any]:
    """What DescribeStacks tells of drift."""
    book = world.existing(DriftBook, account, region)
    complete = book.complete(stack_id, world.clock.now()) if book is not None else []
    if book is None or not complete:
        return {"StackDriftStatus": "NOT_CHECKED"}
    found = [*book.latest(stack_id, world.clock.now()).values()]
    return {"StackDriftStatus": stack_status(found), "LastCheckTimestamp": complete[-1].at}


def resource_information(world: World, account: str, region: str, stack_id: str, logical_id: str) -> dict[str, Any]:
    """What DescribeStackResources tells of a resource's drift."""
    book = world.existing(DriftBook, account, region)
    found = book.latest(stack_id, world.clock.now()).get(logical_id) if book is not None else None
    if found is None:
        return {"StackResourceDriftStatus": "NOT_CHECKED"}
    return {"StackResourceDriftStatus": found.status, "LastCheckTimestamp": found.at}
