"""Drift of stacks as a check (CloudFormation API reference, DetectStackDrift and what follows it).

A detection takes minutes; it is started once for each stack and sample, and the measurement is asked for again until
all have ended. A process that takes over starts them again: while one still runs, CloudFormation refuses a second one
of the same stack, which is waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from deliverkit.adapters.aws.errors import translated
from deliverkit.adapters.aws.observing import filled, observed, regions_of
from deliverkit.adapters.aws.session import Aws
from deliverkit.check_ports import CheckContext
from deliverkit.domain.checks import ERROR
from deliverkit.domain.checks.telling import one_line
from deliverkit.domain.gate import Check, Measurement
from deliverkit.errors import DeliverkitError, UsageError
from deliverkit.ports import Clock

PAUSE = timedelta(seconds=5)
"""From one look at a detection to the next."""
PATIENCE = timedelta(minutes=10)
"""How long a stack may be busy, and a detection may take."""
RESOURCES = 20
DIFFERENCES = 10
"""How many are recorded of each stack and each resource; the others are counted."""
_TEXT = 120
_DETECTABLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"})
"""States of stacks whose drift can be detected (CloudFormation user guide)."""
_TOLD = ("MODIFIED", "DELETED", "UNKNOWN")


@dataclass
class _Detection:
    """One stack's detection; `seen` is there when it has ended."""

    stack: str
    region: str
    id: str = ""
    seen: Mapping[str, Any] | None = None


@dataclass
class _Sample:
    """The detections of one sample."""

    began_at: datetime
    detections: list[_Detection] = field(default_factory=list)
    look_at: datetime | None = None


class DriftCheck:
    """Measures checks of kind `drift`: the named stacks in every region of the leg."""

    def __init__(self, aws: Aws, clock: Clock, *, hide: Callable[[str], str] = str) -> None:
        """Take the session, the clock that dates measurements, and what hides secrets in texts."""
        self._aws = aws
        self._clock = clock
        self._hide = hide
        self._samples: dict[str, _Sample] = {}

    def measure(self, check: Check, context: CheckContext) -> Measurement | None:
        """Start the detections once, and look after them every time after; None while one of them runs."""
        name, now, query = context.samples.get(check.key, check.key), self._clock.now(), ""
        try:
            sample = self._samples.get(name) or self._begin(name, check, context, now)
            query = _query(sample.detections)
            if sample.look_at is not None and now < sample.look_at:
                return None
            if not self._are_over(sample, now):
                sample.look_at = now + PAUSE
                return None
            seen: Mapping[str, Any] = {"stacks": [each.seen for each in sample.detections]}
        except (DeliverkitError, ValueError) as error:
            seen = {ERROR: one_line(str(error))}
        self._samples.pop(name, None)
        return observed(check, self._clock, lambda: seen, query=query)

    def _begin(self, name: str, check: Check, context: CheckContext, now: datetime) -> _Sample:
        stacks = [
            _Detection(filled(stack, context, region), region)
            for region in regions_of(check, context)
            for stack in check.spec.get("stacks") or [check.spec["stack"]]
        ]
        return self._samples.setdefault(name, _Sample(now, stacks))

    def _are_over(self, sample: _Sample, now: datetime) -> bool:
        is_late = now - sample.began_at >= PATIENCE
        for each in sample.detections:
            if not each.id:
                self._start(each, is_late=is_late)
            if each.id and each.seen is None:
                each.seen = self._outcome(each)
            if each.seen is None and is_late:
                told = f"after {PATIENCE.total_seconds() / 60:.0f} minutes"
                raise ValueError(f"drift of {each.stack} in {each.region} is not detected {told}")
        return all(each.seen for each in sample.detections)

    def _start(self, detection: _Detection, *, is_late: bool) -> None:
        """Start a detection, unless the stack is being changed or another detection of it runs."""
        where = f"{detection.stack} in {detection.region}"
        client = self._aws.client("cloudformation", detection.region)
        with translated(f"reading stack {where}"):
            stack = client.describe_stacks(StackName=detection.stack)["Stacks"][0]
        status = str(stack["StackStatus"])
        if status.endswith("_IN_PROGRESS"):
            if is_late:
                raise ValueError(f"stack {where} is being changed: {status}")
            return
        try:
            with translated(f"detecting drift of {where}"):
                detection.id = str(client.detect_stack_drift(StackName=detection.stack)["StackDriftDetectionId"])
        except UsageError:
            # ValidationError is all that CloudFormation says; in these states only when another detection runs.
            if is_late or status not in _DETECTABLE:
                raise

    def _outcome(self, detection: _Detection) -> Mapping[str, Any] | None:
        """What the detection found; None while it runs."""
        client = self._aws.client("cloudformation", detection.region)
        with translated(f"following the drift detection of {detection.stack} in {detection.region}"):
            found = client.describe_stack_drift_detection_status(StackDriftDetectionId=detection.id)
            if found["DetectionStatus"] == "DETECTION_IN_PROGRESS":
                return None
            # What cannot be compared last: it must not push out what has drifted.
            resources = sorted(self._resources(client, detection.stack), key=lambda each: each["status"] == "UNKNOWN")
        counted = found.get("DriftedStackResourceCount")  # not there unless the detection is complete
        return {
            "name": detection.stack,
            "region": detection.region,
            "detection": str(found["DetectionStatus"]),
            "why": self._short(found.get("DetectionStatusReason", "")),
            "status": str(found.get("StackDriftStatus", "NOT_CHECKED")),
            **({} if counted is None else {"drifted": int(counted)}),
            "resources": resources[:RESOURCES],
            "more": sum(each["status"] != "UNKNOWN" for each in resources[RESOURCES:]),
            "more_unknown": sum(each["status"] == "UNKNOWN" for each in resources[RESOURCES:]),
        }

    def _resources(self, client: Any, stack: str) -> Iterator[Mapping[str, Any]]:
        # botocore has no paginator for DescribeStackResourceDrifts.
        position: dict[str, str] = {}
        while True:
            page = client.describe_stack_resource_drifts(
                StackName=stack, StackResourceDriftStatusFilters=list(_TOLD), **position
            )
            yield from (self._told(each) for each in page["StackResourceDrifts"])
            if not page.get("NextToken"):
                return
            position = {"NextToken": page["NextToken"]}

    def _told(self, drift: Mapping[str, Any]) -> Mapping[str, Any]:
        differences = drift.get("PropertyDifferences", [])
        return {
            "id": str(drift["LogicalResourceId"]),
            "type": str(drift["ResourceType"]),
            "status": str(drift["StackResourceDriftStatus"]),
            "differences": [
                {
                    "path": str(each["PropertyPath"]),
                    "expected": self._short(each.get("ExpectedValue", "")),
                    "actual": self._short(each.get("ActualValue", "")),
                    "kind": str(each.get("DifferenceType", "NOT_EQUAL")),
                }
                for each in differences[:DIFFERENCES]
            ],
            "more": max(len(differences) - DIFFERENCES, 0),
        }

    def _short(self, value: object) -> str:
        text = self._hide(" ".join(str(value).split()))
        return text if len(text) <= _TEXT else f"{text[: _TEXT - 3]}..."


def _query(detections: Iterable[_Detection]) -> str:
    """The same again, in a shell."""
    asking = "aws cloudformation detect-stack-drift --region {0.region} --stack-name {0.stack}"
    return "; ".join(asking.format(each) for each in detections)
